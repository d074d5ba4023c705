#include "source/modbus_address.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <tuple>

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::pair<std::string_view, ModbusTable> kTables[] = {
    {"holding", ModbusTable::kHolding},
    {"input", ModbusTable::kInput},
    {"coil", ModbusTable::kCoil},
    {"discrete", ModbusTable::kDiscrete}};

constexpr std::pair<std::string_view, ModbusType> kTypes[] = {
    {"u16", ModbusType::kU16}, {"i16", ModbusType::kI16}, {"u32", ModbusType::kU32},
    {"i32", ModbusType::kI32}, {"f32", ModbusType::kF32}, {"f64", ModbusType::kF64}};

bool holds_bits(ModbusTable table) {
  return table == ModbusTable::kCoil || table == ModbusTable::kDiscrete;
}

// "unit/table/rest", the front that addresses and ranges share.
Result<ModbusRange> parse_front(std::string_view text, std::string_view form,
                                std::string_view& rest) {
  const Error wrong(Code::kInvalid, "Modbus address \"" + printable(text) + "\": expected " +
                                        std::string(form) +
                                        ", the table holding, input, coil or discrete");
  const auto slash = text.find('/');
  const auto second = slash == text.npos ? slash : text.find('/', slash + 1);
  if (second == text.npos) return wrong;
  const auto unit = parse_integer(text.substr(0, slash));
  if (!unit || *unit < 0 || *unit > 255) return wrong;
  ModbusRange range;
  range.unit = static_cast<std::uint8_t>(*unit);
  const std::string_view name = text.substr(slash + 1, second - slash - 1);
  const auto table = std::find_if(std::begin(kTables), std::end(kTables),
                                  [&](const auto& one) { return one.first == name; });
  if (table == std::end(kTables)) return wrong;
  range.table = table->second;
  rest = text.substr(second + 1);
  return range;
}

}  // namespace

std::string_view to_string(ModbusTable table) {
  return kTables[static_cast<std::size_t>(table)].first;
}

int ModbusAddress::registers() const {
  switch (type) {
    case ModbusType::kU32:
    case ModbusType::kI32:
    case ModbusType::kF32:
      return 2;
    case ModbusType::kF64:
      return 4;
    default:
      return 1;
  }
}

Result<ModbusAddress> parse_modbus_address(std::string_view text) {
  const auto wrong = [&](const std::string& why) {
    return Error(Code::kInvalid, "Modbus address \"" + printable(text) + "\": " + why);
  };
  std::string_view rest;
  LANDER_ASSIGN(const ModbusRange front, parse_front(text, "unit/table/register:type", rest));
  ModbusAddress address{front.unit, front.table};
  const auto colon = rest.find(':');
  const auto first = parse_integer(rest.substr(0, colon));
  if (!first || *first < 0 || *first > 65535) return wrong("expected a register from 0 to 65535");
  address.first = static_cast<std::uint16_t>(*first);
  std::string_view type = colon == rest.npos ? std::string_view() : rest.substr(colon + 1);
  if (holds_bits(address.table)) {
    address.type = ModbusType::kBit;
    if (!type.empty()) return wrong("coils and discrete inputs are bits and take no type");
    return address;
  }
  if (colon == rest.npos) return address;
  if (type.ends_with("le")) {
    address.low_word_first = true;
    type.remove_suffix(2);
  }
  const auto known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const auto& one) { return one.first == type; });
  if (known == std::end(kTypes))
    return wrong(
        "expected the type u16, i16, u32, i32, f32 or f64, with le when the low word is first");
  address.type = known->second;
  if (address.low_word_first && address.registers() == 1)
    return wrong("one register has no order of words");
  if (address.first + address.registers() > 65536) return wrong("it runs over register 65535");
  return address;
}

Result<ModbusRange> parse_modbus_range(std::string_view text) {
  std::string_view rest;
  LANDER_ASSIGN(ModbusRange range, parse_front(text, "unit/table/first-last", rest));
  const auto dash = rest.find('-');
  const auto first = parse_integer(rest.substr(0, dash));
  const auto last = dash == rest.npos ? first : parse_integer(rest.substr(dash + 1));
  if (!first || !last || *first < 0 || *last < *first || *last > 65535 || *last - *first >= 1000)
    return Error(Code::kInvalid, "Modbus range \"" + printable(text) +
                                     "\": expected first-last, at most 1000 registers");
  range.first = static_cast<std::uint16_t>(*first);
  range.count = static_cast<int>(*last - *first) + 1;
  return range;
}

Raw decode_registers(const ModbusAddress& address, std::span<const std::uint16_t> registers) {
  LANDER_CHECK(registers.size() == static_cast<std::size_t>(address.registers()));
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < registers.size(); ++i)
    bits = bits << 16 | registers[address.low_word_first ? registers.size() - 1 - i : i];
  const auto low = static_cast<std::uint32_t>(bits);
  switch (address.type) {
    case ModbusType::kBit:
      return bits != 0;
    case ModbusType::kU16:
    case ModbusType::kU32:
      return static_cast<std::int64_t>(bits);
    case ModbusType::kI16:
      return std::int64_t{static_cast<std::int16_t>(bits)};
    case ModbusType::kI32:
      return std::int64_t{static_cast<std::int32_t>(low)};
    case ModbusType::kF32:
      return static_cast<double>(std::bit_cast<float>(low));
    case ModbusType::kF64:
      return std::bit_cast<double>(bits);
  }
  return std::monostate();
}

std::vector<ModbusRead> plan_reads(std::span<const ModbusWish> wishes) {
  std::vector<std::size_t> order(wishes.size());
  std::iota(order.begin(), order.end(), 0);
  const auto place = [&](std::size_t i) {
    const ModbusAddress& a = wishes[i].address;
    return std::tuple(a.unit, a.table, wishes[i].interval, a.first, a.registers());
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return place(a) < place(b); });
  std::vector<ModbusRead> reads;
  for (const std::size_t i : order) {
    const auto& [address, interval] = wishes[i];
    const int end = address.first + address.registers();
    if (!reads.empty()) {
      ModbusRead& last = reads.back();
      const int most = holds_bits(address.table) ? kMaxBits : kMaxRegisters;
      const bool same = last.range.unit == address.unit && last.range.table == address.table &&
                        last.interval == interval;
      if (same && address.first <= last.range.first + last.range.count &&
          end - last.range.first <= most) {
        last.range.count = std::max(last.range.count, end - last.range.first);
        last.members.push_back(i);
        continue;
      }
    }
    reads.push_back(
        {{address.unit, address.table, address.first, address.registers()}, interval, {i}});
  }
  return reads;
}

}  // namespace lander::source
