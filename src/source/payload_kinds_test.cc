// Waveforms, objects and intervals as they come by MQTT.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <tuple>

#include "source/payload_offers.h"
#include "source/test_support.h"
#include "source/topic_table.h"

namespace lander::source {
namespace {

using sensing::Kind;
using sensing::Observation;
using sensing::Quality;

constexpr base::TimeUs kArrived = 1'000'000'000;

TopicTable table_of(const std::vector<Bound>& bound) {
  auto table = TopicTable::make(bound);
  EXPECT_TRUE(table.ok()) << table.error().message();
  return std::move(table).value();
}

struct Decoded {
  std::vector<Observation> observations;
  std::string problem;
  int problems = 0;
};

Decoded decode(const Bound& bound, std::string_view payload, bool retained = false) {
  Decoded out;
  const auto keep = [](base::ByteView content, std::string_view media_type) {
    return base::Result<sensing::Object>(
        sensing::Object{{7}, content.size(), std::string(media_type)});
  };
  const auto problems = table_of({bound}).decode({"t", base::as_bytes(payload), retained, kArrived},
                                                 keep, out.observations, out.problem);
  EXPECT_TRUE(problems.ok());
  out.problems = problems.ok() ? *problems : -1;
  return out;
}

Bound waveform(const std::string& address, double rate_hz = 0) {
  Bound bound = bound_to(1, address, Kind::kWaveform);
  bound.datastream.binding.rate_hz = rate_hz;
  return bound;
}

const sensing::Waveform& waveform_in(const Decoded& decoded) {
  static const sensing::Waveform kNone;
  EXPECT_EQ(decoded.observations.size(), 1u) << decoded.problem;
  if (decoded.observations.size() != 1) return kNone;
  return *std::get<std::shared_ptr<const sensing::Waveform>>(decoded.observations[0].value);
}

TEST(WaveformPayload, IsAnArrayOfNumbersWhoseRateTheDatastreamKnows) {
  for (const auto& [address, payload] :
       {std::pair("t#/a/v", R"({"other":[9],"a":{"v":[1,2.5,-3]}})"), std::pair("t", "[1,2.5,-3]"),
        std::pair("t#", " [1, 2.5, -3] ")}) {
    const auto out = decode(waveform(address, 4), payload);
    EXPECT_EQ(waveform_in(out), (sensing::Waveform{4, {1, 2.5, -3}})) << payload;
    EXPECT_EQ(out.observations.at(0).time, kArrived - base::kSecond / 2) << "of its first sample";
  }
}

TEST(WaveformPayload, SaysItsOwnRateTimeAndCounter) {
  Bound bound = waveform("t#/w", 4);
  bound.datastream.binding.time_pointer = "/t";
  bound.datastream.binding.sequence_pointer = "/n";
  const auto out =
      decode(bound, R"({"t":1767323045,"n":17,"w":{"samples":[1,2],"rate_hz":25600}})");
  EXPECT_EQ(waveform_in(out), (sensing::Waveform{25'600, {1, 2}}));
  EXPECT_EQ(out.observations.at(0).time, 1'767'323'045'000'000);
  EXPECT_EQ(out.observations.at(0).sequence, 17u);
}

TEST(WaveformPayload, EverySampleIsCalibratedConvertedAndJudged) {
  Bound bound = waveform("t", 4);
  bound.datastream.calibration = {2, 1, "", ""};
  bound.datastream.binding.unit = "bar";
  bound.datastream.unit = "kPa";
  auto out = decode(bound, "[1, -0.5]");
  EXPECT_EQ(waveform_in(out).samples, (std::vector<double>{300, 0}));
  EXPECT_EQ(out.observations.at(0).quality, Quality::kGood);
  bound.datastream.most = 299;
  EXPECT_EQ(decode(bound, "[1, -0.5]").observations.at(0).quality, Quality::kBadOutOfRange);
  for (const char* hurt : {"[1, NaN, 0]", "[1, null, 0]", "[1, 1e42, 0]", "[1, -Infinity, 0]"}) {
    out = decode(bound, hurt);
    EXPECT_EQ(out.observations.at(0).quality, Quality::kBadSensorFailure) << hurt;
    ASSERT_EQ(waveform_in(out).samples.size(), 3u) << hurt;
    EXPECT_EQ(waveform_in(out).samples[0], 300) << hurt;
    EXPECT_EQ(waveform_in(out).samples[2], 100) << hurt;
  }
  out = decode(waveform("t#/w", 8), R"({"w":null})");
  EXPECT_EQ(out.observations.at(0).quality, Quality::kBadSensorFailure);
  EXPECT_TRUE(std::isnan(waveform_in(out).samples.at(0)));
  EXPECT_EQ(decode(waveform("t", 4), "[1]", true).observations.at(0).quality, Quality::kUncertain);
}

TEST(WaveformPayload, WhatIsNoneIsToldAndNotStored) {
  const auto told = [](const Bound& bound, std::string_view payload, const char* what) {
    const auto out = decode(bound, payload);
    EXPECT_TRUE(out.observations.empty()) << payload;
    EXPECT_EQ(out.problems, 1);
    EXPECT_NE(out.problem.find(what), std::string::npos) << out.problem;
  };
  told(waveform("t", 4), "[]", "no numbers");
  told(waveform("t", 4), "7", "no numbers");
  told(waveform("t", 4), "[1, \"x\"]", "expected numbers, found \"x\"");
  told(waveform("t", 4), "[1, [2], 3]", "something else");
  told(waveform("t"), "[1, 2]", "no rate");
  told(waveform("t", 4), R"({"samples":[1,2],"rate_hz":0})", "no rate");
  told(waveform("t", 4), R"({"samples":[1,2],"rate_hz":"fast"})", "no rate");
  told(waveform("t", 4), "[1, 2", "not JSON");
}

TEST(WaveformPayload, OfAnySizeThatAPayloadMayHaveIsTaken) {
  std::string payload = "[0";
  while (payload.size() + 2 < kMaxPayloadBytes) payload += ",1";
  EXPECT_EQ(waveform_in(decode(waveform("t", 4), payload + "]")).samples.size(), 32'767u);
  EXPECT_EQ(decode(waveform("t", 4), payload + ",1]").problems, 1);
}

TEST(IntervalPayload, HasAStartAnEndOrADurationAndALabel) {
  const Bound bound = bound_to(1, "t#/b", Kind::kInterval);
  for (
      const char* payload :
      {R"({"b":{"start":"2026-01-02T03:04:05Z","end":"2026-01-02T03:04:06.5Z","label":"batch 7"}})",
       R"({"b":{"start":1767323045,"end":1767323046500,"label":"batch 7"}})",
       R"({"b":{"start":1767323045,"duration_s":1.5,"label":"batch 7"}})"}) {
    const auto out = decode(bound, payload, true);
    ASSERT_EQ(out.observations.size(), 1u) << out.problem;
    EXPECT_EQ(out.observations[0].time, 1'767'323'045'000'000);
    EXPECT_EQ(out.observations[0].quality, Quality::kGood);
    EXPECT_EQ(*std::get<std::shared_ptr<const sensing::Interval>>(out.observations[0].value),
              (sensing::Interval{1'500'000, "batch 7"}));
  }
  for (const char* wrong :
       {R"({"b":{"end":5}})", R"({"b":{"start":5}})", R"({"b":{"start":5,"end":4}})",
        R"({"b":{"start":"x","end":4}})", R"({"b":{"start":5,"duration_s":-1}})",
        R"({"b":{"start":5,"duration_s":1e300}})", R"({"b":{"start":5,"end":6,"label":7}})",
        R"({"b":{"start":5,"end":6,"label":"\u0001"}})", R"({"b":7})", "{}"}) {
    const auto out = decode(bound, wrong);
    EXPECT_TRUE(out.observations.empty()) << wrong;
    EXPECT_EQ(out.problems, 1) << wrong;
  }
}

TEST(ObjectPayload, IsAnyBytesAndItsTypeIsToldByTheFirst) {
  Bound bound = bound_to(1, "t", Kind::kObject);
  const auto object = [&](std::string_view payload) {
    const auto out = decode(bound, payload);
    EXPECT_EQ(out.observations.size(), 1u) << out.problem;
    return *std::get<std::shared_ptr<const sensing::Object>>(out.observations.at(0).value);
  };
  EXPECT_EQ(object("\xFF\xD8\xFF\xE0...").media_type, "image/jpeg");
  EXPECT_EQ(object("\x89PNG\r\n\x1A\n...").media_type, "image/png");
  EXPECT_EQ(object("\x1F\x8B...").media_type, "application/gzip");
  EXPECT_EQ(object("a log\nof lines\n").media_type, "text/plain");
  EXPECT_EQ(object("\x01\x02\xFF").media_type, "application/octet-stream");
  EXPECT_EQ(object(std::string(200'000, 'x')).bytes, 200'000u) << "longer than JSON may be";
  bound.datastream.binding.media_type = "application/pdf";
  EXPECT_EQ(object("%PDF").media_type, "application/pdf");
  EXPECT_EQ(decode(bound, "").problems, 1);
  EXPECT_FALSE(TopicTable::make({bound_to(1, "t#/v", Kind::kObject)}).ok());
}

TEST(ObjectPayload, WhatCannotBeKeptNowIsNotDoneWith) {
  const auto table = table_of({bound_to(1, "t"), bound_to(2, "t", Kind::kObject)});
  std::vector<Observation> out(1);
  std::string problem;
  const Message message{"t", base::as_bytes("7"), false, kArrived};
  const auto full = [](base::ByteView, std::string_view) -> base::Result<sensing::Object> {
    return base::Error(base::Code::kExhausted, "disk full");
  };
  const auto held = table.decode(message, full, out, problem);
  ASSERT_FALSE(held.ok());
  EXPECT_NE(held.error().message().find("disk full"), std::string::npos);
  EXPECT_EQ(out.size(), 1u) << "its neighbour comes again with it";
  // A sink that never keeps objects is a problem to tell, not a reason to ask again and again.
  const auto never = table.decode(message, {}, out, problem);
  ASSERT_TRUE(never.ok());
  EXPECT_EQ(*never, 1);
  EXPECT_EQ(out.size(), 2u);
}

TEST(PayloadOffers, AnArrayOfNumbersIsOneWaveformAndBytesAreAnObject) {
  CandidateTable table;
  const auto offer = [&](const std::string& topic, std::string_view payload) {
    table.count(topic, 1);
    offer_payload(table, topic, base::as_bytes(payload));
  };
  std::string burst = "[0.5";
  for (int i = 1; i < 200; ++i) burst += "," + std::to_string(i);
  burst += "]";
  offer("w",
        R"({"axis":"x","vibration":{"samples":)" + burst + R"(,"rate_hz":25600},"xyz":[1,2,3]})");
  offer("image", "\xFF\xD8\xFF\xE0");
  offer("plain", burst);
  const auto found = table.list("s", {}, 1);
  std::map<std::string, Candidate> by_address;
  for (const Candidate& one : found) by_address[one.address] = one;
  EXPECT_EQ(by_address.size(), 8u);
  EXPECT_EQ(by_address["w#/vibration"].kind, Kind::kWaveform);
  EXPECT_EQ(by_address["w#/vibration"].example, "[0.5, 1, 2, 3, ..], 200 numbers");
  EXPECT_EQ(by_address["w#/vibration"].suggested_unit, "mm/s");
  EXPECT_EQ(by_address["w#/vibration/rate_hz"].example, "25600");
  EXPECT_EQ(by_address["w#/xyz/2"].kind, Kind::kNumber);
  EXPECT_EQ(by_address["w#/axis"].kind, Kind::kText);
  EXPECT_EQ(by_address["plain#"].kind, Kind::kWaveform);
  EXPECT_EQ(by_address["image"].kind, Kind::kObject);
  EXPECT_EQ(by_address["image"].example, "image/jpeg, 4 bytes");
}

TEST(Drivers, RefuseKindsTheyCannotBring) {
  os::Clock& clock = os::system_clock();
  TestSink sink;
  for (const auto& [driver, address, bound] :
       {std::tuple(Driver::kModbus, "127.0.0.1:1", "1/holding/0"),
        std::tuple(Driver::kHost, "", "load1")}) {
    Config config;
    config.id = "s";
    config.driver = driver;
    config.address = address;
    for (const Kind kind : {Kind::kText, Kind::kWaveform, Kind::kObject, Kind::kInterval}) {
      auto source = make_source(config, clock);
      ASSERT_TRUE(source.ok());
      const auto started = (*source)->start({bound_to(1, bound, kind)}, sink);
      ASSERT_FALSE(started.ok());
      EXPECT_NE(started.error().message().find("datastream d1"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace lander::source
