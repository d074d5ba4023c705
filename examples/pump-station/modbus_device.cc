#include "modbus_device.h"

#include <modbus/modbus.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>

namespace pump_station {
namespace {

void put(float value, std::uint16_t* at) {  // the high word first
  const auto bits = std::bit_cast<std::uint32_t>(value);
  at[0] = static_cast<std::uint16_t>(bits >> 16);
  at[1] = static_cast<std::uint16_t>(bits);
}

}  // namespace

ModbusDevice::ModbusDevice(int port)
    : context_(modbus_new_tcp("0.0.0.0", port)),
      map_(modbus_mapping_new(0, 1, 3, 18)),
      listener_(modbus_tcp_listen(context_, 8)) {
  modbus_set_byte_timeout(context_, 0, 20'000);
  modbus_set_indication_timeout(context_, 0, 20'000);  // half a request must not stop the pump
  map_->tab_input_bits[0] = 1;                         // running
  map_->tab_registers[1] = 700;
  map_->tab_registers[2] = 80;
}

ModbusDevice::~ModbusDevice() {
  for (const int client : clients_) ::close(client);
  if (listener_ >= 0) ::close(listener_);
  modbus_mapping_free(map_);
  modbus_free(context_);
}

void ModbusDevice::show(const Readings& readings, std::uint64_t steps) {
  const double values[] = {readings.suction_bar,  readings.discharge_bar, readings.flow_m3h,
                           readings.current_a,    readings.bearing_c,     readings.valve_percent,
                           readings.tank_level_m, readings.ambient_c};
  std::uint16_t* at = map_->tab_input_registers;
  for (const double value : values) {
    put(static_cast<float>(value), at);
    at += 2;
  }
  at[0] = static_cast<std::uint16_t>(steps >> 16);
  at[1] = static_cast<std::uint16_t>(steps);
}

void ModbusDevice::show_fault(Fault fault) {
  map_->tab_registers[0] = static_cast<std::uint16_t>(fault);
}

void ModbusDevice::take_client() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  if (clients_.size() >= kMaxClients) {
    ::close(client);
    return;
  }
  clients_.push_back(client);
}

std::optional<Injection> ModbusDevice::answer(std::size_t client) {
  std::uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
  modbus_set_socket(context_, clients_[client]);
  const int size = modbus_receive(context_, query);
  if (size < 0) {
    ::close(clients_[client]);
    clients_[client] = -1;
    return std::nullopt;
  }
  if (size == 0) return std::nullopt;
  modbus_reply(context_, query, size, map_);
  const bool writes =
      query[7] == MODBUS_FC_WRITE_SINGLE_REGISTER || query[7] == MODBUS_FC_WRITE_MULTIPLE_REGISTERS;
  if (!writes || query[8] != 0 || query[9] != 0) return std::nullopt;  // register 0 injects
  const std::uint16_t* registers = map_->tab_registers;
  if (registers[0] > static_cast<std::uint16_t>(Fault::kFrozenSensor)) return std::nullopt;
  return Injection{static_cast<Fault>(registers[0]), registers[1] / 1000.0, registers[2] / 10.0};
}

std::optional<Injection> ModbusDevice::serve(int ms) {
  std::vector<pollfd> waiting = {{listener_, POLLIN, 0}};
  for (const int client : clients_) waiting.push_back({client, POLLIN, 0});
  std::optional<Injection> injected;
  if (::poll(waiting.data(), waiting.size(), ms) <= 0) return injected;
  for (std::size_t i = 1; i < waiting.size(); ++i)
    if (waiting[i].revents != 0)
      if (auto one = answer(i - 1)) injected = one;
  std::erase(clients_, -1);
  if (waiting[0].revents != 0) take_client();
  return injected;
}

}  // namespace pump_station
