#include "table/recording.h"

#include <gtest/gtest.h>

#include <cmath>

#include "table/cell.h"

namespace lander::table {
namespace {

Recording open(const std::string& text, const RecordingOptions& options = {}) {
  auto reader = CsvReader::make(text);
  EXPECT_TRUE(reader.ok()) << reader.error().message();
  auto recording = Recording::open(std::move(*reader), options);
  EXPECT_TRUE(recording.ok()) << recording.error().message();
  return std::move(*recording);
}

std::string why_not(const std::string& text, const RecordingOptions& options = {}) {
  auto reader = CsvReader::make(text);
  if (!reader.ok()) return reader.error().message();
  auto recording = Recording::open(std::move(*reader), options);
  if (!recording.ok()) return recording.error().message();
  Row row;
  while (recording->next(row)) {
  }
  return recording->status().ok() ? "" : recording->status().error().message();
}

bool noted(const Recording& recording, const std::string& what) {
  for (const std::string& note : recording.notes())
    if (note.find(what) != std::string::npos) return true;
  return false;
}

TEST(Recording, SensorsAreTheColumnsOfNumbersAndTheirUnitsStandInTheHeader) {
  Recording recording = open(
      "time,Pressure [bar],Temp (\u00b0C),Speed [[degF]],state,Flow (2)\n"
      "2024-01-01 00:00:00,1.5,20,3,on,7\n2024-01-01 00:00:02,,NaN,NULL,off,8\n");
  ASSERT_EQ(recording.sensors().size(), 4u);
  EXPECT_EQ(recording.sensors()[0].name, "Pressure");
  EXPECT_EQ(recording.sensors()[0].unit, "bar");
  EXPECT_EQ(recording.sensors()[0].header, "Pressure [bar]");
  EXPECT_EQ(recording.sensors()[1].unit, "Cel");
  EXPECT_EQ(recording.sensors()[2].unit, "[degF]");
  EXPECT_EQ(recording.sensors()[3].name, "Flow (2)");
  EXPECT_EQ(recording.interval(), 2 * base::kSecond);
  EXPECT_TRUE(noted(recording, "no numbers: state"));
  Row row;
  ASSERT_TRUE(recording.next(row));
  EXPECT_EQ(row.values, (std::vector<double>{1.5, 20, 3, 7}));
  EXPECT_EQ(row.time_text, "2024-01-01 00:00:00");
  ASSERT_TRUE(recording.next(row));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(std::isnan(row.values[static_cast<std::size_t>(i)]));
  EXPECT_FALSE(recording.next(row));
  EXPECT_TRUE(recording.status().ok());
}

TEST(Recording, AFileOfBlanksWithoutHeaderHasNumberedColumns) {
  RecordingOptions options;
  options.time = "2";
  options.number_time = true;
  options.keys = {"1"};
  options.ignore = {"4"};
  Recording recording = open("1 1 0.5  7 518.67  \n1 2 0.6  8 518.60  \n", options);
  ASSERT_EQ(recording.sensors().size(), 2u);
  EXPECT_EQ(recording.sensors()[1].name, "5");
  Row row;
  ASSERT_TRUE(recording.next(row));
  EXPECT_EQ(row.keys, (std::vector<std::string_view>{"1"}));
  EXPECT_EQ(row.number, 1);
  EXPECT_EQ(row.values, (std::vector<double>{0.5, 518.67}));
}

TEST(Recording, ADecimalCommaIsReadWhereTheSeparatorIsAnother) {
  Recording recording = open("1,5;2,5;3\n1,25;-2,5e1;4\n");
  Row row;
  ASSERT_TRUE(recording.next(row));
  EXPECT_EQ(row.values, (std::vector<double>{1.5, 2.5, 3}));
  ASSERT_TRUE(recording.next(row));
  EXPECT_EQ(row.values, (std::vector<double>{1.25, -25, 4}));
}

TEST(Recording, TimesThatRepeatOrStepBackAreReadAndCounted) {
  Recording recording = open("t,a\n10,1\n11,1\n11,1\n5,1\n6,1\n");
  Row row;
  int rows = 0;
  while (recording.next(row)) ++rows;
  EXPECT_EQ(rows, 5);
  EXPECT_TRUE(noted(recording, "1 time repeats"));
  EXPECT_TRUE(noted(recording, "1 time lies before"));
}

TEST(Recording, WithoutATimeRowsAreNumberedAndAnIndexIsNoSensor) {
  RecordingOptions options;
  options.interval = base::kMinute;
  Recording recording = open(",a\n0,1.5\n1,1.6\n2,1.5\n", options);
  ASSERT_EQ(recording.sensors().size(), 1u);
  EXPECT_TRUE(noted(recording, "rows are numbered"));
  EXPECT_TRUE(noted(recording, "only counts rows"));
  Row row;
  ASSERT_TRUE(recording.next(row));
  ASSERT_TRUE(recording.next(row));
  EXPECT_EQ(row.time_text, "2");
  EXPECT_EQ(row.time, base::kMinute);
}

TEST(Recording, ColumnsToIgnoreMayBeOneListAndMayBeAbsent) {
  RecordingOptions options;
  options.ignore = {"a,b", "anomaly", "x,y"};
  Recording recording = open("a,b,\"x,y\",c\n1,2,3,4\n", options);
  ASSERT_EQ(recording.sensors().size(), 1u);
  EXPECT_EQ(recording.sensors()[0].name, "c");
  EXPECT_TRUE(noted(recording, "not there: anomaly"));
}

TEST(Recording, WhatIsWrongIsSaidWithItsPlace) {
  const struct {
    std::string text, said;
  } rows[] = {
      {"time,a\n2024-01-01 00:00:00,1\nyesterday,2\n", "line 3: column \"time\""},
      {"a,b\n1,2\n1,2,3\n", "line 3: 3 cells, but the first line has 2"},
      {"a,b\n1,2\n1\n", "line 3: 1 cells, but the first line has 2"},
      {std::string("a,b\n1,\0\n", 8), "line 2: a NUL byte"},
      {"\xFF\xFE"
       "a",
       "UTF-16"},
      {"on,off\nyes,no\n", "no column of numbers"},
      {"time,a\r1,2\r2,3\r", "CR alone"},
      {"", "no rows"},
      {std::string(5000, ',') + "\n", "line 1: over 4096 columns"},
  };
  for (const auto& row : rows)
    EXPECT_NE(why_not(row.text).find(row.said), std::string::npos) << row.said << "\n"
                                                                   << why_not(row.text);
  RecordingOptions options;
  options.interval = 2 * base::kDay;
  EXPECT_NE(why_not("a\n1\n2\n", options).find("at most 1d"), std::string::npos);
  options = {};
  options.time = "tmie";
  EXPECT_NE(why_not("time,a\n1,2\n", options).find("did you mean \"time\""), std::string::npos);
}

TEST(Recording, DatesThatRepeatAllDayAreToldWithWhatHelps) {
  Recording recording = open("date,a\n2024-01-01,1\n2024-01-01,2\n2024-01-01,3\n2024-01-02,4\n");
  Row row;
  while (recording.next(row)) {
  }
  EXPECT_TRUE(noted(recording, "2 times repeat"));
  EXPECT_FALSE(noted(recording, "--ignore"));
  Recording daily = open("date,a\n2024-01-01,1\n2024-01-01,2\n2024-01-01,3\n2024-01-01,4\n");
  while (daily.next(row)) {
  }
  EXPECT_TRUE(noted(daily, "--ignore date numbers the rows"));
}

TEST(Recording, ATemperatureCalledTIsTakenForTheTimeButDoubted) {
  Recording recording = open("t,p\n21.5,1\n21.3,2\n21.6,3\n21.2,4\n21.4,5\n");
  Row row;
  while (recording.next(row)) {
  }
  EXPECT_TRUE(noted(recording, "is t the time?"));
}

TEST(Recording, CellsThatAreNoNumbersAreMissingAndCounted) {
  Recording recording = open("t,a\n1,5\n2,Bad\n3,6\n4,No Data\n5,7\n");
  Row row;
  int missing = 0;
  while (recording.next(row)) missing += std::isnan(row.values[0]);
  EXPECT_EQ(missing, 2);
  EXPECT_TRUE(noted(recording, "2 cells are no numbers"));
  EXPECT_TRUE(noted(recording, "line 3, column a: \"Bad\""));
}

TEST(Recording, AStreamWhoseOnlyRowHasNoLineEndShowsItsTimeToo) {
  const std::string text = "time,a\n2024-01-01T00:00:00Z,1";
  bool read = false;
  auto reader = CsvReader::make([&](std::span<char> into) -> base::Result<std::size_t> {
    if (std::exchange(read, true)) return std::size_t{0};
    std::copy(text.begin(), text.end(), into.begin());
    return text.size();
  });
  ASSERT_TRUE(reader.ok());
  const auto recording = Recording::open(std::move(*reader), {});
  ASSERT_TRUE(recording.ok());
  EXPECT_EQ(recording->time_header(), "time");
  EXPECT_EQ(recording->sensors().size(), 1u);
}

TEST(Recording, AStreamReadsAsTheWholeTextDoes) {
  std::string text = "time,a,b\n";
  for (int i = 0; i < 120'000; ++i)
    text += std::to_string(i) + "," + std::to_string(i % 97) + ".25,\"" + std::to_string(i % 7) +
            "\"\n";
  std::size_t at = 0;
  auto reader = CsvReader::make([&](std::span<char> into) -> base::Result<std::size_t> {
    const std::size_t size = std::min({into.size(), text.size() - at, std::size_t{70'001}});
    std::copy_n(text.data() + at, size, into.data());
    at += size;
    return size;
  });
  ASSERT_TRUE(reader.ok());
  auto streamed = Recording::open(std::move(*reader), {});
  Recording whole = open(text);
  Row a, b;
  int rows = 0;
  while (streamed->next(a)) {
    ASSERT_TRUE(whole.next(b));
    ASSERT_EQ(a.values, b.values);
    ASSERT_EQ(a.time_text, b.time_text);
    ASSERT_EQ(a.line, b.line);
    ++rows;
  }
  EXPECT_EQ(rows, 120'000);
  EXPECT_FALSE(whole.next(b));
}

TEST(Cell, TimesAreReadAsPeopleWriteThem) {
  const auto noon = *base::parse_rfc3339("2024-05-01T12:00:00Z");
  EXPECT_EQ(*parse_time("2024/05/01 12:00"), noon);
  EXPECT_EQ(*parse_time("2024-05-01"), noon - 12 * base::kHour);
  EXPECT_EQ(*parse_time(" 1714564800 "), noon);
  EXPECT_EQ(*parse_time("1714564800000"), noon);
  EXPECT_FALSE(parse_time("01/05/2024 12:00").ok());
  EXPECT_FALSE(parse_written_time("1714564800").ok());
}

TEST(Cell, WordsForNothingAreMissing) {
  for (const char* word : {"", " ", "NaN", "null", "NULL", "N/A", "NA", "None", "-", "#N/A"})
    EXPECT_TRUE(is_missing(word)) << word;
  for (const char* word : {"0", "bad", "-1", "nano"}) EXPECT_FALSE(is_missing(word)) << word;
}

}  // namespace
}  // namespace lander::table
