#include "cli/text.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cli/match.h"

namespace lander::cli {
namespace {

TEST(Text, ATableIsAlignedWhateverItsAlphabet) {
  Table table({"SITE", ">LOAD", "ASSET"});
  table.add({"pump-7", "4.41", "öl/½"});
  table.add({"p", "12", ""});
  EXPECT_EQ(table.text(false),
            "SITE    LOAD  ASSET\n"
            "pump-7  4.41  öl/½\n"
            "p         12\n");
}

TEST(Text, ColoursDoNotMoveColumns) {
  Table table({"A", "B"});
  table.add({{"x", Paint::kRed}, "y"});
  EXPECT_EQ(table.text(true), "\x1b[2mA\x1b[0m  \x1b[2mB\x1b[0m\n\x1b[31mx\x1b[0m  y\n");
}

TEST(Text, ATextFromOutsideCannotSteerTheTerminal) {
  EXPECT_EQ(clean("a\x1b[2Jb\nc\x7f"), "a [2Jb c ");
  EXPECT_EQ(clean("\xc2\x9b"
                  "2J é"),
            " 2J é");
  Table table({"WHAT"});
  table.add({"\x1b]0;owned\x07"});
  EXPECT_EQ(table.text(true).find('\x07'), std::string::npos);
}

TEST(Text, TimesAreRelativeToNow) {
  const base::TimeUs now = 1'000'000 * base::kSecond;
  EXPECT_EQ(relative(std::nullopt, now), "never");
  EXPECT_EQ(relative(now, now), "just now");
  EXPECT_EQ(relative(now - 12 * base::kSecond, now), "12 s ago");
  EXPECT_EQ(relative(now - 125 * base::kMinute, now), "2 h 5 min ago");
  EXPECT_EQ(relative(now + 3 * base::kDay, now), "in 3 d");
  EXPECT_EQ(relative(INT64_MIN, now), "?");
}

TEST(Text, LengthsUseTheUnitsThatMatter) {
  EXPECT_EQ(length_text(0), "0 s");
  EXPECT_EQ(length_text(800), "800 us");
  EXPECT_EQ(length_text(3'200), "3 ms");
  EXPECT_EQ(length_text(26 * base::kHour), "1 d 2 h");
  EXPECT_EQ(length_text(INT64_MIN), length_text(INT64_MAX));
}

TEST(Text, NumbersAreShort) {
  EXPECT_EQ(number_text(69.41061333137208), "69.4106");
  EXPECT_EQ(number_text(NAN), "-");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(14.2e6), "14.2 MB");
}

TEST(Text, ASpikeStaysVisibleInANarrowSparkline) {
  std::vector<double> values(1000, 1.0);
  values[617] = 9;
  const std::string line = sparkline(values, 10);
  EXPECT_EQ(width_of(line), 10u);
  EXPECT_NE(line.find("█"), std::string::npos);
  EXPECT_EQ(sparkline(std::vector<double>{1, NAN, 3}, 10), "▁ █");
  EXPECT_EQ(sparkline(std::vector<double>{}, 10), "");
  EXPECT_EQ(sparkline(std::vector<double>{-1e308, 1e308}, 2), "▁█");
}

TEST(Text, AChartShowsRangeAndMeanAndWhereNothingIs) {
  const std::vector<Bucket> buckets = {{0, 1, 2}, {NAN, NAN, NAN}, {2, 2, 2}};
  EXPECT_EQ(chart(buckets, 3, "bar"),
            "2 bar ┤│ •\n"
            "    1 ┤•\n"
            "    0 ┤│\n");
  EXPECT_EQ(chart(std::vector<Bucket>{{NAN, NAN, NAN}}, 3, ""), "");
}

TEST(Text, CsvFieldsAreQuotedWhenTheyMustBe) {
  EXPECT_EQ(csv_line(std::vector<std::string>{"a", "b,c", "d\"e"}), "a,\"b,c\",\"d\"\"e\"\n");
}

TEST(Match, AnIdMayBeAbbreviatedAtEitherEnd) {
  const std::vector<std::string> ids = {"01a200e7-857b-7320-a70a-661861da89eb",
                                        "01a200e7-857b-7320-a70a-661861da1111"};
  EXPECT_EQ(*match_id(ids, "89eb", "alert"), ids[0]);
  EXPECT_EQ(*match_id(ids, short_id(ids[1]), "alert"), ids[1]);
  EXPECT_EQ(*match_id(ids, ids[0], "alert"), ids[0]);
}

TEST(Match, AnAmbiguousIdIsRefusedWithThoseThatFit) {
  const std::vector<std::string> ids = {"01a2-aa", "01a2-bb"};
  const auto found = match_id(ids, "01a2", "alert");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().message(),
            "alert \"01a2\" is ambiguous, give more of it:\n  01a2-aa\n  01a2-bb");
  EXPECT_EQ(match_id(ids, "zzzz", "alert").error().message(), "no alert \"zzzz\"");
  EXPECT_EQ(match_id(ids, "aa", "alert").error().message(),
            "no alert \"aa\": give at least 4 characters of its id");
}

}  // namespace
}  // namespace lander::cli
