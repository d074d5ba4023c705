#include "sensing/unit.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace lander::sensing {
namespace {

struct Row {
  const char *from, *to;
  double value, expected;
};

class Converts : public testing::TestWithParam<Row> {};

TEST_P(Converts, AsTheTablesSay) {
  const Row& row = GetParam();
  auto there = conversion(row.from, row.to);
  ASSERT_TRUE(there.ok()) << there.error().message();
  EXPECT_NEAR(there->apply(row.value), row.expected, 1e-13 * (1 + std::abs(row.expected)) + 1e-12);
  auto back = conversion(row.to, row.from);
  ASSERT_TRUE(back.ok());
  EXPECT_NEAR(back->apply(row.expected), row.value, 1e-9 * (1 + std::abs(row.value)));
}

INSTANTIATE_TEST_SUITE_P(
    Units, Converts,
    testing::Values(
        Row{"bar", "kPa", 1, 100}, Row{"mbar", "Pa", 1013.25, 101325}, Row{"MPa", "bar", 1, 10},
        Row{"[psi]", "kPa", 1, 6.894757293168361}, Row{"atm", "bar", 1, 1.01325},
        Row{"mm/s", "m/s", 4.5, 0.0045}, Row{"um", "mm", 50, 0.05}, Row{"[g]", "m/s2", 1, 9.80665},
        Row{"Cel", "K", 20, 293.15}, Row{"K", "Cel", 0, -273.15}, Row{"Cel", "[degF]", 100, 212},
        Row{"[degF]", "Cel", 32, 0}, Row{"Cel", "Cel", 21.5, 21.5}, Row{"mK", "K", 1, 0.001},
        Row{"L/min", "m3/h", 1000, 60}, Row{"l/s", "L/min", 1, 60}, Row{"m3/h", "L/s", 3.6, 1},
        Row{"{rev}/min", "Hz", 3000, 50}, Row{"/min", "Hz", 60, 1}, Row{"kW.h", "MJ", 1, 3.6},
        Row{"%", "1", 50, 0.5}, Row{"1", "%", 0.25, 25}, Row{"[ppm]", "%", 10000, 1},
        Row{"mA", "A", 4, 0.004}, Row{"kV.A", "W", 2, 2000}, Row{"N.m", "J", 3, 3},
        Row{"h", "min", 1.5, 90}, Row{"d", "s", 1, 86400},
        Row{"deg", "rad", 180, 3.14159265358979323846}, Row{"kg/m3", "g/cm3", 1000, 1},
        Row{"t", "kg", 1, 1000}, Row{"kgf", "N", 1, 9.80665},
        Row{"[gal_us]/min", "L/min", 1, 3.785411784}, Row{"m/(s2)", "m.s-2", 1, 1},
        Row{"J/(kg.K)", "kJ/kg/K", 1000, 1}, Row{"10*6/m3", "10*3/L", 1, 1}, Row{"dB", "B", 10, 1},
        Row{"KiBy", "bit", 1, 8192}, Row{"V/{turn}", "mV", 1, 1000}, Row{"Ohm", "V/A", 1, 1}));

TEST(Unit, ImpossibleConversionsNameBothUnitsAndTheirDimensions) {
  auto failed = conversion("bar", "Cel");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), base::Code::kInvalid);
  EXPECT_EQ(failed.error().message(), "\"bar\" (m-1.g.s-2) does not convert to \"Cel\" (K)");
  for (auto [from, to] : {std::pair{"m", "s"},
                          {"Hz", "rad/s"},
                          {"m3/h", "kg/h"},
                          {"dB", "1"},
                          {"[pH]", "1"},
                          {"%", "Cel"},
                          {"K", "1"},
                          {"A", "V"}}) {
    EXPECT_FALSE(conversion(from, to).ok()) << from << " to " << to;
  }
}

TEST(Unit, WhatIsNoUnitIsRefusedWithItsPlace) {
  for (const char* wrong :
       {"",    " ",   "foo",   "m/",    "m..s",         "/",    "(m",    "m)",
        "m{",  "m2s", "Cel.m", "Cel/s", "m/Cel",        "Cel2", "K^2",   "m+",
        "m99", "0",   "kmin",  "[psi",  "999999999999", "m/s)", "{a b}", "((((((((((m))))))))))"}) {
    EXPECT_FALSE(valid_unit(wrong).ok()) << wrong;
  }
  EXPECT_EQ(valid_unit("m/foo").error().message(),
            "unit \"m/foo\", character 3: expected a UCUM unit, found \"foo\"");
  EXPECT_FALSE(valid_unit(std::string(200, 'm')).ok());
}

TEST(Unit, WhatPeopleWriteFirstIsAnsweredWithTheUcumCode) {
  for (auto [wrong, right] : {std::pair{"°C", "Cel"},
                              {"rpm", "{rev}/min"},
                              {"psi", "[psi]"},
                              {"kWh", "kW.h"},
                              {"m³/h", "m3/h"}}) {
    auto status = valid_unit(wrong);
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().message().find(std::string("\"") + right + "\""), std::string::npos)
        << status.error().message();
  }
}

TEST(Unit, RandomTextNeverCrashesTheParser) {
  std::mt19937_64 random(1);
  const std::string alphabet = "mgsKACelPabarkWh[]{}()./+-*^0123456789% '\x80";
  for (int round = 0; round < 50000; ++round) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    (void)conversion(text, "Pa").ok();
  }
}

}  // namespace
}  // namespace lander::sensing
