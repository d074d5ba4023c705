#include "sensing/datastream.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "sensing/observation.h"

namespace lander::sensing {
namespace {

Datastream pressure() {
  Datastream d;
  d.id = "p1-pressure";
  d.revision = 2;
  d.name = "Discharge pressure";
  d.asset = "acme/north/hall 2/line1/p1";
  d.property = "pressure";
  d.unit = "bar";
  d.sensor = {"PT-101", "Cerabar", "12/34"};
  d.calibration = {0.5, -1, "2026-01-02", "cert-7"};
  d.location = Location{47.5, 8.25, 430};
  d.least = -1;
  d.most = 16;
  d.policy = {Uplink::kRaw, false, base::kHour};
  d.binding = {"plc1", "1/holding/40001:float32", "mbar", "/t", "/n", 100 * base::kMillisecond};
  return d;
}

TEST(Datastream, ComesBackWithEveryField) {
  const base::Bytes bytes = encode(pressure());
  auto back = decode_datastream(bytes);
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(encode(*back), bytes);
  EXPECT_EQ(back->sensor.serial, "12/34");
  EXPECT_EQ(back->location->altitude_m, 430);
  EXPECT_EQ(back->most, 16);
  EXPECT_EQ(back->policy.uplink, Uplink::kRaw);
  EXPECT_EQ(back->binding.sequence_pointer, "/n");
  Datastream bare = pressure();
  bare.location.reset();
  bare.least.reset();
  bare.most.reset();
  back = decode_datastream(encode(bare));
  ASSERT_TRUE(back.ok());
  EXPECT_FALSE(back->location || back->least || back->most);
}

TEST(Datastream, DamageIsRefusedOrAnotherValidDatastream) {
  const base::Bytes good = encode(pressure());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_datastream(base::ByteView(good).first(size)).ok()) << size;
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      base::Bytes bad = good;
      bad[i] ^= static_cast<std::uint8_t>(1u << bit);
      auto back = decode_datastream(bad);
      EXPECT_TRUE(!back.ok() || valid(*back).ok());
    }
  }
}

// As releases before thinning and waveforms wrote it, and as this one still does where they are not
// used.
TEST(Datastream, WhatAnEarlierReleaseWroteIsReadAndWrittenTheSame) {
  const char* written =
      "ab0162703102030361500463612f62056870726573737572650663626172070008836060600984fb3ff000000000"
      "0000"
      "fb000000000000000060600d8301f51a23c346000e8663706c636b312f686f6c64696e672f306060601a000f424"
      "0";
  const auto back = decode_datastream(*base::from_hex(written));
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(back->binding.address, "1/holding/0");
  EXPECT_TRUE(back->policy.thinning.empty());
  EXPECT_EQ(base::to_hex(encode(*back)), written);
}

TEST(Datastream, ThinningAndWhatWaveformsNeedComeBack) {
  const char* written =
      "ab0162703102030361500463612f62056870726573737572650663626172070408836060600984fb3ff000000000"
      "0000"
      "fb000000000000000060600d8400f51a23c3460082821b0000025b7f3d400000821b000000141dd76000000e8864"
      "6d71"
      "74746474232f766060601a000f4240fb40d900000000000060";
  Datastream d;
  d.id = "p1";
  d.revision = 3;
  d.name = "P";
  d.asset = "a/b";
  d.property = "pressure";
  d.unit = "bar";
  d.kind = Kind::kWaveform;
  d.policy = {Uplink::kNever, true, 10 * base::kMinute, {{30 * base::kDay, 0}, {base::kDay, 0}}};
  d.binding = {"mqtt", "t#/v", "", "", "", base::kSecond, 25'600, ""};
  const auto back = decode_datastream(encode(d));
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(back->policy.thinning, d.policy.thinning);
  EXPECT_EQ(back->binding.rate_hz, 25'600);
  EXPECT_EQ(base::to_hex(encode(*back)), written);
  d.kind = Kind::kObject;
  d.binding.rate_hz = 0;
  d.binding.media_type = "image/jpeg";
  EXPECT_EQ(decode_datastream(encode(d))->binding.media_type, "image/jpeg");
}

TEST(Datastream, NothingYoungerThanADayGoesByDefault) {
  for (int kind = 0; kind <= static_cast<int>(Kind::kInterval); ++kind) {
    Datastream d = pressure();
    d.kind = static_cast<Kind>(kind);
    d.policy.thinning = default_thinning(d.kind);
    EXPECT_TRUE(valid(d).ok()) << kind;
    ASSERT_FALSE(d.policy.thinning.empty());
    for (const Thinning& step : d.policy.thinning) {
      EXPECT_GE(step.beyond, base::kDay);
      EXPECT_EQ(step.summaries != 0, is_numeric(d.kind));
    }
  }
}

TEST(Datastream, OnlyNameAndPolicyMayChangeWithinARevision) {
  const Datastream a = pressure();
  Datastream b = a;
  b.name = "other";
  b.policy.uplink = Uplink::kNever;
  b.policy.thinning = {{base::kDay, base::kHour}};
  b.revision = 7;
  EXPECT_TRUE(same_revision(a, b));
  for (auto change : std::vector<void (*)(Datastream&)>{
           [](Datastream& d) { d.unit = "kPa"; }, [](Datastream& d) { d.asset += "x"; },
           [](Datastream& d) { d.sensor.serial = "9"; },
           [](Datastream& d) { d.calibration.scale = 2; },
           [](Datastream& d) { d.location.reset(); }, [](Datastream& d) { d.most = 17; },
           [](Datastream& d) { d.binding.address = "x"; },
           [](Datastream& d) { d.property = "flow-rate"; },
           [](Datastream& d) { d.binding.rate_hz = 1; },
           [](Datastream& d) { d.binding.media_type = "image/png"; },
           [](Datastream& d) { d.kind = Kind::kInteger; }}) {
    b = a;
    change(b);
    EXPECT_FALSE(same_revision(a, b));
  }
}

TEST(Datastream, WhatCannotBeIsRefusedByName) {
  const auto refused = [](void (*change)(Datastream&), const char* word) {
    Datastream d = pressure();
    change(d);
    const auto status = valid(d);
    ASSERT_FALSE(status.ok()) << word;
    EXPECT_NE(status.error().message().find(word), std::string::npos) << status.error().message();
  };
  ASSERT_TRUE(valid(pressure()).ok());
  refused([](Datastream& d) { d.id = "P1"; }, "id");
  refused([](Datastream& d) { d.id = "-p"; }, "id");
  refused([](Datastream& d) { d.id = std::string(64, 'a'); }, "id");
  refused([](Datastream& d) { d.asset = ""; }, "asset");
  refused([](Datastream& d) { d.asset = "a//b"; }, "asset");
  refused([](Datastream& d) { d.asset = "a/b\n"; }, "asset");
  refused([](Datastream& d) { d.property = ""; }, "property");
  refused([](Datastream& d) { d.unit = "furlong"; }, "unit");
  refused([](Datastream& d) { d.binding.unit = "furlong"; }, "unit");
  refused([](Datastream& d) { d.least = 20; }, "least");
  refused([](Datastream& d) { d.most = std::nan(""); }, "most");
  refused([](Datastream& d) { d.location->latitude = 91; }, "latitude");
  refused([](Datastream& d) { d.calibration.scale = 0; }, "scale");
  refused([](Datastream& d) { d.calibration.offset = INFINITY; }, "offset");
  refused([](Datastream& d) { d.binding.interval = 0; }, "interval");
  refused([](Datastream& d) { d.binding.address = std::string(2000, 'a'); }, "address");
  refused([](Datastream& d) { d.policy.max_lateness = -1; }, "lateness");
  refused([](Datastream& d) { d.binding.rate_hz = -1; }, "rate_hz");
  refused([](Datastream& d) { d.binding.rate_hz = std::nan(""); }, "rate_hz");
  refused([](Datastream& d) { d.binding.media_type = std::string(128, 'a'); }, "media type");
  refused([](Datastream& d) { d.policy.thinning.resize(9); }, "at most 8");
  refused([](Datastream& d) { d.policy.thinning = {{-1, 0}}; }, "age");
  refused([](Datastream& d) { d.policy.thinning = {{base::kDay, base::kSecond}}; }, "summaries");
  refused(
      [](Datastream& d) {
        d.kind = Kind::kText;
        d.policy.thinning = {{base::kDay, base::kHour}};
      },
      "no summaries");
}

TEST(Datastream, NamesOfKindsAndUplinksGoBothWays) {
  for (const Kind kind : {Kind::kNumber, Kind::kInteger, Kind::kBoolean, Kind::kText,
                          Kind::kWaveform, Kind::kObject, Kind::kInterval}) {
    EXPECT_EQ(*parse_kind(to_string(kind)), kind);
  }
  for (const Uplink uplink : {Uplink::kNever, Uplink::kSummary, Uplink::kRaw}) {
    EXPECT_EQ(*parse_uplink(to_string(uplink)), uplink);
  }
  EXPECT_FALSE(parse_kind("float").ok());
  EXPECT_FALSE(parse_uplink("always").ok());
}

TEST(Quality, UnknownCodesKeepTheirSeverity) {
  EXPECT_EQ(to_string(Quality::kBadOutOfRange), "BadOutOfRange");
  EXPECT_EQ(to_string(static_cast<Quality>(0x80FF0000)), "Bad");
  EXPECT_EQ(to_string(static_cast<Quality>(0x40FF0000)), "Uncertain");
  EXPECT_EQ(to_string(static_cast<Quality>(0x00DB0000)), "Good");
  EXPECT_TRUE(std::isnan(as_number(std::string("7"))));
  EXPECT_EQ(as_number(true), 1);
}

}  // namespace
}  // namespace lander::sensing
