#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "source/test_support.h"

namespace lander::source {
namespace {

using sensing::Kind;
using sensing::Quality;

Converter converter(const Bound& bound) {
  auto made = Converter::make(bound);
  EXPECT_TRUE(made.ok()) << made.error().message();
  return *made;
}

TEST(Converter, AppliesTheCalibrationFirstAndThenTheUnits) {
  Bound bound = bound_to(7, "x");
  bound.datastream.unit = "bar";
  bound.datastream.binding.unit = "kPa";
  bound.datastream.calibration = {.scale = 2, .offset = 100};
  const auto observation = converter(bound).number(50, 11, 3);
  EXPECT_DOUBLE_EQ(std::get<double>(observation.value), 2.0);  // 50 * 2 + 100 kPa
  EXPECT_EQ(observation.series, 7u);
  EXPECT_EQ(observation.time, 11);
  EXPECT_EQ(observation.sequence, 3u);
}

TEST(Converter, ConvertsTemperatureScalesWithTheirOffset) {
  Bound bound = bound_to(1, "x");
  bound.datastream.unit = "Cel";
  bound.datastream.binding.unit = "K";
  EXPECT_NEAR(std::get<double>(converter(bound).number(300, 0).value), 26.85, 1e-9);
}

TEST(Converter, NamesTheDatastreamWhoseUnitsDoNotFit) {
  Bound bound = bound_to(1, "x");
  bound.datastream.unit = "bar";
  bound.datastream.binding.unit = "m3/h";
  const auto made = Converter::make(bound);
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message().find("d1"), std::string::npos) << made.error().message();
}

TEST(Converter, KeepsWhatASensorCannotHaveMeasuredButMarksItBad) {
  const Converter plain = converter(bound_to(1, "x"));
  const double inf = std::numeric_limits<double>::infinity();
  for (const double raw : {std::nan(""), inf, -inf, 1e42, -1e42, 1.1e30}) {
    const auto observation = plain.number(raw, 0);
    EXPECT_EQ(observation.quality, Quality::kBadSensorFailure) << raw;
    const double kept = std::get<double>(observation.value);
    EXPECT_TRUE(kept == raw || (std::isnan(kept) && std::isnan(raw))) << raw;
  }
  EXPECT_EQ(plain.number(1e29, 0).quality, Quality::kGood);
}

TEST(Converter, MarksWhatIsPhysicallyImpossibleAndDoesNotClampIt) {
  Bound bound = bound_to(1, "x");
  bound.datastream.least = 0;
  bound.datastream.most = 10;
  const Converter ranged = converter(bound);
  EXPECT_EQ(ranged.number(-0.1, 0).quality, Quality::kBadOutOfRange);
  EXPECT_EQ(std::get<double>(ranged.number(11, 0).value), 11);
  EXPECT_EQ(ranged.number(11, 0).quality, Quality::kBadOutOfRange);
  EXPECT_EQ(ranged.number(0, 0).quality, Quality::kGood);
  EXPECT_EQ(ranged.number(10, 0).quality, Quality::kGood);
}

TEST(Converter, AnIntegerKeepsItsLastDigit) {
  const Converter whole = converter(bound_to(1, "x", Kind::kInteger));
  const std::int64_t large = 9'007'199'254'740'993;  // 2^53 + 1 is no double
  EXPECT_EQ(std::get<std::int64_t>(whole.value(Raw(large), 0)->value), large);
  EXPECT_EQ(
      std::get<std::int64_t>(whole.value(Raw(std::string_view("9007199254740993")), 0)->value),
      large);
  EXPECT_EQ(std::get<std::int64_t>(whole.value(Raw(3.0), 0)->value), 3);
  EXPECT_FALSE(whole.value(Raw(3.5), 0).ok());
  EXPECT_EQ(whole.value(Raw(1e42), 0)->quality, Quality::kBadSensorFailure);
}

TEST(Converter, SaysWhatItExpectedAndWhatItFound) {
  const auto number = converter(bound_to(1, "x")).value(Raw(std::string_view("abc")), 0);
  ASSERT_FALSE(number.ok());
  EXPECT_EQ(number.error().message(), "expected a number, found \"abc\"");
  EXPECT_FALSE(converter(bound_to(1, "x")).value(Raw(true), 0).ok());
  EXPECT_FALSE(converter(bound_to(1, "x", Kind::kBoolean)).value(Raw(2.0), 0).ok());
  EXPECT_FALSE(converter(bound_to(1, "x", Kind::kText)).value(Raw(2.0), 0).ok());
  EXPECT_FALSE(
      converter(bound_to(1, "x", Kind::kText)).value(Raw(std::string_view("\xff")), 0).ok());
  const std::string huge(5000, 'a');
  EXPECT_FALSE(converter(bound_to(1, "x", Kind::kText)).value(Raw(std::string_view(huge)), 0).ok());
}

TEST(Converter, NullIsASensorThatFailed) {
  for (const Kind kind : {Kind::kNumber, Kind::kInteger, Kind::kBoolean, Kind::kText}) {
    const auto observation = converter(bound_to(1, "x", kind)).value(std::monostate(), 5, 9);
    ASSERT_TRUE(observation.ok());
    EXPECT_EQ(observation->quality, Quality::kBadSensorFailure);
    EXPECT_EQ(observation->value.index(), static_cast<std::size_t>(kind));
    EXPECT_EQ(observation->sequence, 9u);
  }
}

TEST(Raw, ReadsNumbersAsPeopleAndMachinesWriteThem) {
  EXPECT_EQ(parse_number(" +3.5\n"), 3.5);
  EXPECT_EQ(parse_number("-1e42"), -1e42);
  EXPECT_TRUE(std::isnan(*parse_number("NaN")));
  EXPECT_EQ(parse_number("1e999"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_number("-1e999"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_number("1e-999"), 0);
  for (const char* wrong : {"", " ", "abc", "1,5", "1 2", "0x10", "--1", "+-1", "1e"})
    EXPECT_FALSE(parse_number(wrong)) << wrong;
}

TEST(Raw, OnlyWellFormedTextPassesAsText) {
  EXPECT_TRUE(is_utf8("läuft\n"));
  for (const std::string wrong : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
    EXPECT_FALSE(is_utf8(wrong));
  EXPECT_FALSE(is_utf8(std::string_view("a\0b", 3)));
  EXPECT_EQ(printable("a\x01\xff"), "a??");
  EXPECT_EQ(printable(std::string(100, 'x'), 3), "xxx...");
}

}  // namespace
}  // namespace lander::source
