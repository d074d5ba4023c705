#include "source/topic_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "source/json_leaves.h"
#include "source/test_support.h"

namespace lander::source {
namespace {

using sensing::Kind;
using sensing::Quality;

constexpr base::TimeUs kArrived = 1'000'000'000;

struct Decoded {
  std::vector<sensing::Observation> observations;
  std::string problem;
  int problems = 0;
};

Decoded decode(const TopicTable& table, std::string_view payload, bool retained = false) {
  Decoded out;
  const auto keep = [](base::ByteView content, std::string_view media_type) {
    return base::Result<sensing::Object>(
        sensing::Object{{7}, content.size(), std::string(media_type)});
  };
  const auto problems = table.decode({"t", base::as_bytes(payload), retained, kArrived}, keep,
                                     out.observations, out.problem);
  EXPECT_TRUE(problems.ok());
  out.problems = problems.ok() ? *problems : -1;
  return out;
}

TopicTable table_of(const std::vector<Bound>& bound) {
  auto table = TopicTable::make(bound);
  EXPECT_TRUE(table.ok()) << table.error().message();
  return std::move(table).value();
}

TEST(TopicTable, APlainNumberIsTheValueAndItsTimeIsItsArrival) {
  const auto out = decode(table_of({bound_to(1, "t")}), " 3.25 \n");
  ASSERT_EQ(out.observations.size(), 1u);
  EXPECT_EQ(std::get<double>(out.observations[0].value), 3.25);
  EXPECT_EQ(out.observations[0].time, kArrived);
  EXPECT_EQ(out.observations[0].sequence, 0u);
}

TEST(TopicTable, OneJsonMessageFeedsSeveralDatastreamsWithItsTimeAndCounter) {
  Bound value = bound_to(1, "t#/v"), nested = bound_to(2, "t#/axes/1/rms");
  value.datastream.binding.time_pointer = nested.datastream.binding.time_pointer = "/t";
  value.datastream.binding.sequence_pointer = "/seq";
  const auto out = decode(table_of({value, nested}),
                          R"({"t":"2026-01-02T03:04:05Z","seq":17,"v":1.5,"axes":[{},{"rms":2}]})");
  EXPECT_EQ(out.problems, 0) << out.problem;
  ASSERT_EQ(out.observations.size(), 2u);
  EXPECT_EQ(out.observations[0].time, 1'767'323'045'000'000);
  EXPECT_EQ(out.observations[0].sequence, 17u);
  EXPECT_EQ(std::get<double>(out.observations[1].value), 2);
  EXPECT_EQ(out.observations[1].sequence, 0u);
}

TEST(TopicTable, TheUnitOfATimeIsToldByItsSize) {
  for (const char* time : {"1767323045", "1767323045.000", "1767323045000", "1767323045000000",
                           "1767323045000000000", "\"1767323045\""}) {
    Bound bound = bound_to(1, "t#/v");
    bound.datastream.binding.time_pointer = "/t";
    const auto out = decode(table_of({bound}), std::string(R"({"v":1,"t":)") + time + "}");
    ASSERT_EQ(out.observations.size(), 1u) << time << out.problem;
    EXPECT_EQ(out.observations[0].time, 1'767'323'045'000'000) << time;
  }
}

TEST(TopicTable, AWrongValueIsToldWithItsPlaceAndItsNeighbourIsKept) {
  const auto table = table_of({bound_to(1, "t#/a"), bound_to(2, "t#/b"), bound_to(3, "t#/c")});
  const auto out = decode(table, R"({"a":"abc","b":2})");
  EXPECT_EQ(out.observations.size(), 1u);
  EXPECT_EQ(out.problems, 2);
  EXPECT_NE(out.problem.find("topic t: datastream d3: no value"), std::string::npos) << out.problem;
}

TEST(TopicTable, APayloadThatIsNotJsonIsOneProblemWithItsOffset) {
  const auto table = table_of({bound_to(1, "t#/a"), bound_to(2, "t#/b")});
  const auto out = decode(table, R"({"a": abc})");
  EXPECT_TRUE(out.observations.empty());
  EXPECT_EQ(out.problems, 1);
  EXPECT_NE(out.problem.find("topic t: offset 6: not JSON"), std::string::npos) << out.problem;
}

TEST(TopicTable, NumbersThatNoSensorMeasuresAreKeptAndMarked) {
  const auto json = table_of({bound_to(1, "t#/v")});
  const auto plain = table_of({bound_to(1, "t")});
  for (const char* value : {"NaN", "Infinity", "-Infinity", "1e42", "-1e42", "1e999", "null"}) {
    const auto out = decode(json, std::string(R"({"note":"NaN","v":)") + value + "}");
    ASSERT_EQ(out.observations.size(), 1u) << value << " " << out.problem;
    EXPECT_EQ(out.observations[0].quality, Quality::kBadSensorFailure) << value;
  }
  for (const char* value : {"NaN", "nan", "inf", "1e42", "-1e999"})
    EXPECT_EQ(decode(plain, value).observations.at(0).quality, Quality::kBadSensorFailure);
}

TEST(TopicTable, PayloadsOverTheBoundAndDeepNestingAreMalformed) {
  const auto table = table_of({bound_to(1, "t#/v"), bound_to(2, "t", Kind::kText)});
  EXPECT_EQ(decode(table, std::string(2u << 20, '7')).problems, 1);
  const auto deep = decode(table, std::string(60'000, '['));
  EXPECT_TRUE(deep.observations.empty());
  EXPECT_GT(deep.problems, 0);
  EXPECT_TRUE(decode(table, "").observations.size() <= 1);
}

TEST(TopicTable, WhatTheBrokerRememberedIsUncertainUnlessItSaysItsTime) {
  Bound timed = bound_to(2, "t#/v");
  timed.datastream.binding.time_pointer = "/t";
  const auto out =
      decode(table_of({bound_to(1, "t#/v"), timed}), R"({"v":1,"t":1767323045})", true);
  ASSERT_EQ(out.observations.size(), 2u);
  EXPECT_EQ(out.observations[0].quality, Quality::kUncertain);
  EXPECT_EQ(out.observations[1].quality, Quality::kGood);
}

TEST(TopicTable, AddressesThatCannotBeAreRefusedWithTheDatastreamsName) {
  Bound counter = bound_to(5, "t");
  counter.datastream.binding.sequence_pointer = "/seq";
  Bound pointer = bound_to(5, "t#v");
  for (const Bound& wrong : {bound_to(5, ""), bound_to(5, "a/+/b"), counter, pointer}) {
    const auto table = TopicTable::make({wrong});
    ASSERT_FALSE(table.ok());
    EXPECT_EQ(table.error().code(), base::Code::kInvalid);
    EXPECT_NE(table.error().message().find("datastream d5"), std::string::npos);
  }
}

TEST(TopicTable, FlippingOrCuttingAnyByteNeverDoesMoreThanFailToParse) {
  Bound value = bound_to(1, "t#/v");
  value.datastream.binding.time_pointer = "/t";
  value.datastream.binding.sequence_pointer = "/seq";
  const auto table = table_of({value, bound_to(2, "t", Kind::kText), bound_to(3, "t#/b/0")});
  const std::string good =
      R"({"v":-1.5e3,"t":"2026-01-02T03:04:05Z","seq":17,"b":[true,"x\u00e4"]})";
  for (std::size_t i = 0; i < good.size(); ++i) {
    decode(table, good.substr(0, i));
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      const auto out = decode(table, bad);
      EXPECT_LE(out.observations.size(), 3u);
    }
  }
}

TEST(JsonLeaves, GivesEachLeafItsPointer) {
  std::map<std::string, std::string> leaves;
  const auto walked = walk_json(
      R"({"a":{"b":[1,[2.5,true]],"c/d":null,"e~f":"x"},"g":[],"h":18446744073709551615})",
      [&](std::string_view pointer, const Raw& value) {
        leaves[std::string(pointer)] = to_text(value);
        return true;
      });
  EXPECT_TRUE(walked.ok());
  const std::map<std::string, std::string> expected = {
      {"/a/b/0", "1"},     {"/a/b/1/0", "2.5"}, {"/a/b/1/1", "true"},
      {"/a/c~1d", "null"}, {"/a/e~0f", "x"},    {"/h", "18446744073709551616"}};
  EXPECT_EQ(leaves, expected);
}

TEST(JsonLeaves, ATextThatIsOneLeafHasTheEmptyPointer) {
  int leaves = 0;
  EXPECT_TRUE(walk_json("3", [&](std::string_view pointer, const Raw&) {
                EXPECT_EQ(pointer, "");
                return ++leaves > 0;
              }).ok());
  EXPECT_EQ(leaves, 1);
}

}  // namespace
}  // namespace lander::source
