#include "sensing/value.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace lander::sensing {
namespace {

Value waveform(double rate_hz, std::vector<double> samples) {
  return std::make_shared<const Waveform>(Waveform{rate_hz, std::move(samples)});
}
Value object(std::uint64_t bytes, std::string media_type) {
  Object out{{}, bytes, std::move(media_type)};
  for (std::size_t i = 0; i < out.sha256.size(); ++i) {
    out.sha256[i] = static_cast<std::uint8_t>(i * 7 + 200);
  }
  return std::make_shared<const Object>(std::move(out));
}
Value interval(base::DurationUs duration, std::string label) {
  return std::make_shared<const Interval>(Interval{duration, std::move(label)});
}
const Waveform& as_waveform(const Value& value) {
  return *std::get<std::shared_ptr<const Waveform>>(value);
}

Value back(Kind kind, const Value& value) {
  auto out = from_bytes(kind, base::as_bytes(to_bytes(value)));
  EXPECT_TRUE(out.ok()) << out.error().message();
  return out.ok() ? *out : Value(0.0);
}

void expect_same_bits(const std::vector<double>& samples) {
  const Value there = waveform(25'600, samples);
  const Value again = back(Kind::kWaveform, there);
  ASSERT_TRUE(std::holds_alternative<std::shared_ptr<const Waveform>>(again));
  ASSERT_EQ(as_waveform(again).samples.size(), samples.size());
  EXPECT_EQ(as_waveform(again).rate_hz, 25'600);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(as_waveform(again).samples[i]),
              std::bit_cast<std::uint64_t>(samples[i]))
        << i;
  }
}

std::vector<double> vibration(std::size_t count, double resolution) {
  std::mt19937_64 random(7);
  std::vector<double> out;
  for (std::size_t i = 0; i < count; ++i) {
    const double wave =
        3 * std::sin(static_cast<double>(i) * 0.21) + static_cast<double>(random() % 1000) / 2000;
    out.push_back(std::round(wave / resolution) * resolution);
  }
  return out;
}

std::vector<double> decimals(std::size_t count) {  // 3 decimals, as a logger writes them
  std::vector<double> out = vibration(count, 0.001);
  for (double& sample : out) sample = std::round(sample * 1000) / 1000;
  return out;
}

TEST(Value, AWaveformComesBackToTheBit) {
  const double nan_with_payload = std::bit_cast<double>(0x7FF8DEADBEEF0001u);
  const double signalling = std::bit_cast<double>(0x7FF0000000000001u);
  expect_same_bits({0.0});
  expect_same_bits({-0.0, 0.0, 1});
  expect_same_bits({nan_with_payload, signalling, std::numeric_limits<double>::infinity(),
                    -std::numeric_limits<double>::infinity()});
  expect_same_bits({std::numeric_limits<double>::denorm_min(), -1e308, 1e-308, 0.1 + 0.2});
  expect_same_bits({9007199254740991.0, -9007199254740991.0, 9007199254740991.0});
  expect_same_bits({9007199254740992.0, 0.5, 1e-9, 0.000000001});
  expect_same_bits({9007199254740991.0, 0.1});
  expect_same_bits(vibration(4096, 1.0 / 8192));
  expect_same_bits(vibration(4096, 1e-17));
  expect_same_bits(decimals(kMaxWaveformSamples));
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> samples(1 + random() % 50);
    for (double& sample : samples) sample = std::bit_cast<double>(random());
    expect_same_bits(samples);
  }
}

TEST(Value, AWaveformTakesNoMoreBytesThanItsSamplesHold) {
  EXPECT_LT(to_bytes(waveform(25'600, decimals(4096))).size(), 4096u * 2 + 32);
  EXPECT_LE(to_bytes(waveform(25'600, vibration(4096, 1.0 / (1 << 20)))).size(), 4096u * 4 + 32);
  EXPECT_LE(to_bytes(waveform(25'600, vibration(4096, 1e-17))).size(), 4096u * 8 + 32);
  EXPECT_LE(to_bytes(waveform(1, std::vector<double>(kMaxWaveformSamples, NAN))).size(),
            max_value_bytes(Kind::kWaveform));
}

TEST(Value, ObjectsAndIntervalsComeBackWithEveryField) {
  for (const Value& value :
       {object(0, ""), object(UINT64_MAX, "image/jpeg"), object(300, std::string(127, 'x'))}) {
    EXPECT_EQ(*std::get<std::shared_ptr<const Object>>(back(Kind::kObject, value)),
              *std::get<std::shared_ptr<const Object>>(value));
  }
  for (const Value& value : {interval(0, ""), interval(INT64_MAX, "Charge 7, Schicht ä"),
                             interval(90 * base::kMinute, std::string(kMaxTextBytes, 'x'))}) {
    EXPECT_EQ(*std::get<std::shared_ptr<const Interval>>(back(Kind::kInterval, value)),
              *std::get<std::shared_ptr<const Interval>>(value));
    EXPECT_LE(to_bytes(value).size(), max_value_bytes(Kind::kInterval));
  }
  EXPECT_EQ(std::get<std::string>(back(Kind::kText, std::string("on"))), "on");
}

// The bytes that docs/formats/value.md shows.
TEST(Value, TheFormatIsThatOfTheDocument) {
  const auto hex = [](const Value& value) { return base::to_hex(base::as_bytes(to_bytes(value))); };
  EXPECT_EQ(hex(waveform(8, {1.5, 1.25, -0.5})),
            "020000000000002040"
            "03"
            "02"
            "ac0231dd02");
  EXPECT_EQ(hex(waveform(8, {0x1p-20, -0x1p-30})),
            "010000000000002040"
            "02"
            "0000"
            "0000"
            "8080"
            "35b0");
  EXPECT_EQ(hex(waveform(8, {0x1.8p-200})),
            "000000000000002040"
            "01"
            "0000000000007833");
  EXPECT_EQ(hex(interval(300, "stop")), "ac0273746f70");
  EXPECT_EQ(hex(object(200, "a/b")).substr(64), "c801612f62");
}

TEST(Value, DamageIsRefusedOrAnotherValidValue) {
  const std::pair<Kind, Value> all[] = {{Kind::kWaveform, waveform(8, {1.5, 1.25, -0.5, 7})},
                                        {Kind::kWaveform, waveform(8, {0x1p-20, -0x1p-30})},
                                        {Kind::kWaveform, waveform(8, {NAN, 1e300, 0.1})},
                                        {Kind::kObject, object(1234, "image/png")},
                                        {Kind::kInterval, interval(123'456, "batch 7")}};
  for (const auto& [kind, value] : all) {
    const std::string good = to_bytes(value);
    for (std::size_t i = 0; i <= good.size(); ++i) {
      const auto cut = from_bytes(kind, base::as_bytes(good.substr(0, i)));
      EXPECT_TRUE(!cut.ok() || valid(*cut).ok());
      if (kind == Kind::kWaveform) {
        EXPECT_EQ(cut.ok(), i == good.size());
      }
      for (int bit = 0; bit < 8 && i < good.size(); ++bit) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
        const auto read = from_bytes(kind, base::as_bytes(bad));
        EXPECT_TRUE(!read.ok() || valid(*read).ok());
        EXPECT_TRUE(read.ok() || read.error().code() == base::Code::kCorrupt);
      }
    }
  }
}

TEST(Value, AClaimedLengthAllocatesNothing) {
  std::string bytes(1, '\2');
  bytes += to_bytes(waveform(8, {1})).substr(1, 8);
  bytes += "\xFF\xFF\x03";  // 65535 samples, and none of them there
  EXPECT_FALSE(from_bytes(Kind::kWaveform, base::as_bytes(bytes)).ok());
  for (const char coding : {'\0', '\1', '\3', '\x7F'}) {
    bytes[0] = coding;
    EXPECT_FALSE(from_bytes(Kind::kWaveform, base::as_bytes(bytes)).ok());
  }
  EXPECT_FALSE(from_bytes(Kind::kNumber, base::as_bytes(bytes)).ok());
  EXPECT_FALSE(from_bytes(static_cast<Kind>(9), base::as_bytes(bytes)).ok());
}

TEST(Value, EqualValuesHaveOneFingerprintAndOthersAnother) {
  EXPECT_EQ(fingerprint(waveform(8, {1, 2})), fingerprint(waveform(8, {1, 2})));
  EXPECT_NE(fingerprint(waveform(8, {1, 2})), fingerprint(waveform(9, {1, 2})));
  EXPECT_NE(fingerprint(waveform(8, {1, 2})), fingerprint(waveform(8, {1, 3})));
  EXPECT_NE(fingerprint(interval(1, "a")), fingerprint(interval(1, "b")));
  EXPECT_NE(fingerprint(object(1, "a")), fingerprint(object(2, "a")));
  EXPECT_EQ(fingerprint(1.5), std::bit_cast<std::uint64_t>(1.5));
  EXPECT_EQ(fingerprint(std::int64_t{-1}), UINT64_MAX);
  EXPECT_EQ(fingerprint(true), 1u);
  EXPECT_EQ(fingerprint(std::string("a")), 0xAF63DC4C8601EC8Cu);  // FNV-1a's own test vector
}

TEST(Value, WhatCannotBeIsInvalid) {
  EXPECT_TRUE(valid(waveform(8, {NAN})).ok());
  EXPECT_FALSE(valid(waveform(8, {})).ok());
  EXPECT_FALSE(valid(waveform(8, std::vector<double>(kMaxWaveformSamples + 1))).ok());
  for (const double rate : {0.0, -1.0, static_cast<double>(INFINITY), std::nan("")}) {
    EXPECT_FALSE(valid(waveform(rate, {1})).ok());
  }
  EXPECT_FALSE(valid(interval(-1, "")).ok());
  EXPECT_FALSE(valid(interval(1, "\xFF")).ok());
  EXPECT_FALSE(valid(interval(1, std::string(4097, 'x'))).ok());
  EXPECT_FALSE(valid(object(1, std::string(128, 'x'))).ok());
  EXPECT_FALSE(valid(std::string(4097, 'x')).ok());
  EXPECT_TRUE(valid(1.0).ok());
}

}  // namespace
}  // namespace lander::sensing
