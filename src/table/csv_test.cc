#include "table/csv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace lander::table {
namespace {

using Row = std::vector<std::string_view>;

CsvReader reader_of(const std::string& text) {
  auto reader = CsvReader::make(text);
  EXPECT_TRUE(reader.ok()) << reader.error().message();
  return std::move(*reader);
}

TEST(Csv, FindsTheSeparatorTheHeaderAndTheTime) {
  CsvReader reader = reader_of("datetime;Pressure;Flow Rate\n2020-03-09 10:14:33;0,5;\n");
  EXPECT_EQ(reader.columns(), (std::vector<std::string>{"datetime", "Pressure", "Flow Rate"}));
  EXPECT_EQ(*find_time_column(reader, ""), 0u);
  Row row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row, (Row{"2020-03-09 10:14:33", "0,5", ""}));
  EXPECT_EQ(reader.line(), 2u);
  EXPECT_FALSE(reader.next(row));
  reader.rewind();
  EXPECT_TRUE(reader.next(row));
}

TEST(Csv, UnderstandsQuotesBlankLinesWindowsLineEndsAndTheByteOrderMark) {
  CsvReader reader = reader_of(
      "\xEF\xBB\xBF\"a, b\",c,c\r\n\r\n\"say \"\"x\"\"\",\"two\nlines\", 3 \r\n4,5,6,7\r\n8");
  EXPECT_EQ(reader.columns(), (std::vector<std::string>{"a, b", "c", "c#2"}));
  Row row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row, (Row{"say \"x\"", "two\nlines", "3"}));
  EXPECT_EQ(reader.line(), 3u);
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row.size(), 4u);
  EXPECT_EQ(reader.line(), 5u);
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row, Row{"8"});
  EXPECT_FALSE(reader.next(row));
}

TEST(Csv, AFileWithoutHeaderGetsNumberedColumns) {
  CsvReader reader = reader_of("1.5\t2\n3\t4\n");
  EXPECT_EQ(reader.columns(), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(*find_time_column(reader, ""), std::nullopt);
  Row row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(row, (Row{"1.5", "2"}));
}

TEST(Csv, TheTimeIsFoundByItsLookWhenItsNameSaysNothing) {
  CsvReader reader = reader_of("x,when,y\n1,2014-01-24T09:32:00Z,2\n");
  EXPECT_EQ(*find_time_column(reader, ""), 1u);
  EXPECT_EQ(*find_time_column(reader, "y"), 2u);
  EXPECT_EQ(find_time_column(reader, "z").error().code(), base::Code::kNotFound);
}

TEST(Csv, AStreamOfUtf16IsCalledSoThoughItIsFullOfZeros) {
  std::string text = "\xFF\xFE";
  for (const char c : std::string("time,a\n1,2\n")) text += {c, '\0'};
  bool read = false;
  const auto reader = CsvReader::make([&](std::span<char> into) -> base::Result<std::size_t> {
    if (std::exchange(read, true)) return std::size_t{0};
    std::copy(text.begin(), text.end(), into.begin());
    return text.size();
  });
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().message().find("UTF-16"), std::string::npos);
}

TEST(Csv, HostileTextsAreReadToTheirEnd) {
  EXPECT_FALSE(CsvReader::make("").ok());
  EXPECT_FALSE(CsvReader::make("\n\n\r\n").ok());
  EXPECT_FALSE(CsvReader::make(std::string(10'000, ',')).ok());
  const std::string good = "t,\"a\"\"b\",c\n1,\"x\ny\",\"\"\n,,\n\"open";
  for (std::size_t i = 0; i < good.size(); ++i)
    for (int byte = 0; byte < 256; ++byte) {
      std::string bad = good.substr(0, i) + static_cast<char>(byte) + good.substr(i + 1);
      auto reader = CsvReader::make(bad);
      if (!reader.ok()) continue;
      Row row;
      for (int rows = 0; reader->next(row); ++rows) ASSERT_LT(rows, 100);
    }
}

}  // namespace
}  // namespace lander::table
