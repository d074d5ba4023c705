#include "source/modbus_peer.h"

#include <modbus/modbus.h>

#include <cerrno>

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Result;

modbus_t* raw(void* context) { return static_cast<modbus_t*>(context); }

bool is_exception(int error) { return error >= EMBXILFUN && error <= EMBXGTAR; }

std::string text_of(const ModbusRange& range) {
  return "unit " + std::to_string(range.unit) + " " + std::string(to_string(range.table)) + " " +
         std::to_string(range.first) +
         (range.count > 1 ? ".." + std::to_string(range.first + range.count - 1) : "");
}

}  // namespace

void ModbusPeer::Closer::operator()(void* context) const {
  modbus_close(raw(context));
  modbus_free(raw(context));
}

Result<ModbusPeer> ModbusPeer::connect(const Endpoint& endpoint, base::DurationUs timeout) {
  const std::string where =
      "connect to " + endpoint.host + ":" + std::to_string(endpoint.port) + ": ";
  modbus_t* context =
      modbus_new_tcp_pi(endpoint.host.c_str(), std::to_string(endpoint.port).c_str());
  if (!context) return Error(Code::kInvalid, where + modbus_strerror(errno));
  ModbusPeer peer(context);
  const auto seconds = static_cast<std::uint32_t>(timeout / base::kSecond);
  const auto rest = static_cast<std::uint32_t>(timeout % base::kSecond);
  modbus_set_response_timeout(context, seconds, rest);
  modbus_set_byte_timeout(context, 0, 100'000);
  if (modbus_connect(context) != 0)
    return Error(Code::kUnavailable, where + modbus_strerror(errno));
  return peer;
}

Result<std::vector<std::uint16_t>> ModbusPeer::read(const ModbusRange& range) {
  modbus_t* context = raw(context_.get());
  std::vector<std::uint16_t> words(static_cast<std::size_t>(range.count));
  std::vector<std::uint8_t> bits;
  modbus_set_slave(context, range.unit);
  int got = -1;
  switch (range.table) {
    case ModbusTable::kHolding:
      got = modbus_read_registers(context, range.first, range.count, words.data());
      break;
    case ModbusTable::kInput:
      got = modbus_read_input_registers(context, range.first, range.count, words.data());
      break;
    case ModbusTable::kCoil:
    case ModbusTable::kDiscrete:
      bits.resize(words.size());
      got = range.table == ModbusTable::kCoil
                ? modbus_read_bits(context, range.first, range.count, bits.data())
                : modbus_read_input_bits(context, range.first, range.count, bits.data());
      for (std::size_t i = 0; i < bits.size(); ++i) words[i] = bits[i];
      break;
  }
  if (got == range.count) return words;
  const int error = errno;
  const std::string what = text_of(range) + ": ";
  if (is_exception(error))
    return Error(Code::kDenied, what + "exception " + std::to_string(error - EMBXILFUN + 1) + " (" +
                                    modbus_strerror(error) + ")");
  if (error == ETIMEDOUT) {
    modbus_flush(context);  // an answer that comes late must not be taken for the next one's
    return Error(Code::kTimeout, what + "no answer");
  }
  return Error(Code::kUnavailable, what + modbus_strerror(error));
}

}  // namespace lander::source
