#include "source/modbus_address.h"

#include <gtest/gtest.h>

namespace lander::source {
namespace {

ModbusAddress address(std::string_view text) {
  auto parsed = parse_modbus_address(text);
  EXPECT_TRUE(parsed.ok()) << parsed.error().message();
  return *parsed;
}

TEST(ModbusAddress, ReadsUnitTableRegisterAndType) {
  const auto parsed = address("17/input/4:f32le");
  EXPECT_EQ(parsed.unit, 17);
  EXPECT_EQ(parsed.table, ModbusTable::kInput);
  EXPECT_EQ(parsed.first, 4);
  EXPECT_EQ(parsed.type, ModbusType::kF32);
  EXPECT_TRUE(parsed.low_word_first);
  EXPECT_EQ(address("1/holding/65535").type, ModbusType::kU16);
  EXPECT_EQ(address("1/coil/3").type, ModbusType::kBit);
}

TEST(ModbusAddress, RefusesWhatCannotBeWithWhatItExpected) {
  for (const char* wrong : {"", "1", "1/input", "256/input/0", "1/inputs/0", "1/input/65536",
                            "1/input/-1", "1/input/65535:f32", "1/input/0:", "1/input/0:f16",
                            "1/input/0:u16le", "1/coil/0:u16", "x/input/0", "1/input/0:le"}) {
    const auto parsed = parse_modbus_address(wrong);
    ASSERT_FALSE(parsed.ok()) << wrong;
    EXPECT_EQ(parsed.error().code(), base::Code::kInvalid);
  }
}

TEST(ModbusAddress, DecodesEveryTypeInBothOrdersOfWords) {
  using Words = std::vector<std::uint16_t>;
  const auto decode = [](std::string_view text, const Words& words) {
    return decode_registers(address(text), words);
  };
  EXPECT_EQ(std::get<std::int64_t>(decode("1/input/0", Words{0xFFFF})), 65535);
  EXPECT_EQ(std::get<std::int64_t>(decode("1/input/0:i16", Words{0xFFFF})), -1);
  EXPECT_EQ(std::get<std::int64_t>(decode("1/input/0:u32", Words{1, 2})), 65538);
  EXPECT_EQ(std::get<std::int64_t>(decode("1/input/0:u32le", Words{2, 1})), 65538);
  EXPECT_EQ(std::get<std::int64_t>(decode("1/input/0:i32", Words{0xFFFF, 0xFFFE})), -2);
  EXPECT_EQ(std::get<double>(decode("1/input/0:f32", Words{0x3FC0, 0})), 1.5);
  EXPECT_EQ(std::get<double>(decode("1/input/0:f32le", Words{0, 0x3FC0})), 1.5);
  EXPECT_EQ(std::get<double>(decode("1/input/0:f64", Words{0x3FF8, 0, 0, 0})), 1.5);
  EXPECT_EQ(std::get<double>(decode("1/input/0:f64le", Words{0, 0, 0, 0x3FF8})), 1.5);
  EXPECT_TRUE(std::get<bool>(decode("1/coil/0", Words{1})));
}

TEST(ModbusPlan, NeighboursShareAReadAndGapsAreNotRead) {
  std::vector<ModbusWish> wishes;
  for (const char* text : {"1/input/4:f32", "1/input/0:f32", "1/input/2:f32", "1/input/9",
                           "1/holding/6", "2/input/6", "1/input/2"})
    wishes.push_back({address(text), base::kSecond});
  wishes.push_back({address("1/input/6"), 2 * base::kSecond});
  const auto reads = plan_reads(wishes);
  ASSERT_EQ(reads.size(), 5u);
  std::size_t members = 0;
  for (const auto& read : reads) {
    members += read.members.size();
    for (const std::size_t member : read.members) {
      EXPECT_GE(wishes[member].address.first, read.range.first);
      EXPECT_LE(wishes[member].address.first + wishes[member].address.registers(),
                read.range.first + read.range.count);
      EXPECT_EQ(wishes[member].interval, read.interval);
    }
  }
  EXPECT_EQ(members, wishes.size());
}

TEST(ModbusPlan, NoReadIsLongerThanTheProtocolAllows) {
  std::vector<ModbusWish> wishes;
  for (int i = 0; i < 1000; ++i)
    wishes.push_back(
        {{1, ModbusTable::kInput, static_cast<std::uint16_t>(2 * i), ModbusType::kF32}, 1});
  std::size_t covered = 0;
  for (const auto& read : plan_reads(wishes)) {
    EXPECT_LE(read.range.count, kMaxRegisters);
    covered += read.members.size();
  }
  EXPECT_EQ(covered, wishes.size());
}

TEST(ModbusRange, ReadsAndBounds) {
  EXPECT_EQ(parse_modbus_range("3/coil/8-15")->count, 8);
  EXPECT_EQ(parse_modbus_range("3/coil/8")->count, 1);
  for (const char* wrong : {"3/coil/8-7", "3/coil/0-5000", "3/coil/", "3/coil/a-b", "coil/1-2"})
    EXPECT_FALSE(parse_modbus_range(wrong).ok()) << wrong;
}

}  // namespace
}  // namespace lander::source
