// Modbus addresses, what their registers mean, and how few reads bring them all. Pure, thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "source/raw.h"

namespace lander::source {

enum class ModbusTable : std::uint8_t { kHolding, kInput, kCoil, kDiscrete };
enum class ModbusType : std::uint8_t { kU16, kI16, kU32, kI32, kF32, kF64, kBit };

std::string_view to_string(ModbusTable table);

// "1/input/4:f32": unit, table, register (from 0, as in the protocol), type. Without type: u16, or
// bit for coils and discrete inputs. "le" behind a type of several registers: the low word stands
// first.
struct ModbusAddress {
  std::uint8_t unit = 1;
  ModbusTable table = ModbusTable::kHolding;
  std::uint16_t first = 0;
  ModbusType type = ModbusType::kU16;
  bool low_word_first = false;

  int registers() const;  // how many it takes
};
base::Result<ModbusAddress> parse_modbus_address(std::string_view text);

// `registers` as many as the type takes; a bit is one word, 0 or 1.
Raw decode_registers(const ModbusAddress& address, std::span<const std::uint16_t> registers);

inline constexpr int kMaxRegisters = 125;  // of one read (Modbus Application Protocol V1.1b3, 6.3)
inline constexpr int kMaxBits = 2000;

struct ModbusRange {
  std::uint8_t unit = 1;
  ModbusTable table = ModbusTable::kHolding;
  std::uint16_t first = 0;
  int count = 0;
};
base::Result<ModbusRange> parse_modbus_range(std::string_view text);  // "1/holding/0-63"

// One read: a contiguous range, and which of the addresses given to plan_reads() it serves.
struct ModbusRead {
  ModbusRange range;
  base::DurationUs interval = 0;
  std::vector<std::size_t> members;
};
struct ModbusWish {
  ModbusAddress address;
  base::DurationUs interval = 0;
};
// Only what is wished is read: a gap in the map is not bridged, because a device may refuse it.
std::vector<ModbusRead> plan_reads(std::span<const ModbusWish> wishes);

}  // namespace lander::source
