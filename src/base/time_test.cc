#include "base/time.h"

#include <gtest/gtest.h>

#include <random>

namespace lander::base {
namespace {

TEST(Time, EveryMicrosecondSurvivesItsText) {
  std::mt19937_64 random(6);
  constexpr TimeUs kYear9999 = 253'402'300'799 * kSecond;
  constexpr TimeUs kYear0 = -62'167'219'200 * kSecond;
  for (int i = 0; i < 5000; ++i) {
    const TimeUs time = kYear0 + static_cast<TimeUs>(random() % (kYear9999 - kYear0));
    EXPECT_EQ(*parse_rfc3339(to_rfc3339(time)), time) << to_rfc3339(time);
  }
  EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(-1), "1969-12-31T23:59:59.999999Z");
}

TEST(Time, TheFormsThatRecordedFilesUseAreRead) {
  const TimeUs expected = *parse_rfc3339("2026-11-22T08:30:00Z");
  EXPECT_EQ(expected, 1'795'336'200 * kSecond);
  for (const char* text :
       {"2026-11-22 08:30:00", "2026-11-22t08:30:00z", "2026-11-22T10:30:00+02:00",
        "2026-11-22T00:30-0800", "2026-11-22T08:30", "2026-11-22T08:30:00.000000000Z"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_TRUE(time.ok()) << text;
    EXPECT_EQ(*time, expected) << text;
  }
  EXPECT_EQ(*parse_rfc3339("2026-11-22T08:30:00.123456789Z"), expected + 123'456);
  EXPECT_EQ(*parse_rfc3339("2026-11-22T08:30:00.5Z"), expected + 500'000);
}

TEST(Time, TimesThatDoNotExistAreRefused) {
  for (const char* text : {"", "2026", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:00+25:00", "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00Zx", "26-01-01T00:00:00Z", "1900-02-29 00:00"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_FALSE(time.ok()) << text;
    EXPECT_EQ(time.error().code(), Code::kInvalid);
  }
  EXPECT_TRUE(parse_rfc3339("2000-02-29T00:00:00Z").ok());
}

TEST(Time, DurationsReadAsPeopleWriteThem) {
  EXPECT_EQ(*parse_duration("250ms"), 250 * kMillisecond);
  EXPECT_EQ(*parse_duration("1.5h"), 90 * kMinute);
  EXPECT_EQ(*parse_duration("30d"), 30 * kDay);
  EXPECT_EQ(*parse_duration("0s"), 0);
  for (const char* text : {"", "10", "s", "-1s", "10 s", "10sec", "nans", "infs", "1e300d", "1e"}) {
    EXPECT_FALSE(parse_duration(text).ok()) << text;
  }
  for (const DurationUs d : {DurationUs{0}, DurationUs{1}, 90 * kSecond, kDay, 25 * kHour}) {
    EXPECT_EQ(*parse_duration(to_text(d)), d);
  }
  EXPECT_EQ(to_text(90 * kSecond), "90s");
  EXPECT_EQ(to_text(kDay), "1d");
}

}  // namespace
}  // namespace lander::base
