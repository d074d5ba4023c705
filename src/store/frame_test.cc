#include "store/frame.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "sensing/value.h"

namespace lander::store {
namespace {

using base::kSecond;
using sensing::Observation;
using sensing::Quality;

base::Bytes frame_of(std::vector<Observation> observations) {
  base::TimeUs first = INT64_MAX;
  std::map<SeriesKey, std::vector<const Observation*>> by_series;
  for (const Observation& observation : observations) {
    first = std::min(first, observation.time);
    by_series[observation.series].push_back(&observation);
  }
  FrameWriter writer(first);
  for (const auto& [key, order] : by_series) writer.add(key, order);
  return writer.finish();
}

const std::vector<Observation> kGolden = {
    {1, Quality::kGood, 1 * kSecond, 0, 20.5},
    {1, Quality::kBadOutOfRange, 2 * kSecond, 0, 20.6},
    {3, Quality::kGood, 1 * kSecond, 7, true},
};

TEST(Frame, IsWrittenAsTheDocumentSays) {
  EXPECT_EQ(base::to_hex(frame_of(kGolden)),
            "4c460180897a02010211050080897a0100018080f08108019a030202010408000e015fd5b2a9");
}

TEST(Frame, GivesBackEveryBitOfEveryKind) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 300; ++round) {
    std::vector<Observation> observations;
    std::map<SeriesKey, sensing::Kind> kinds;
    SeriesKey key = 0;
    for (std::size_t s = 1 + random() % 5; s > 0; --s) {
      key += static_cast<SeriesKey>(1 + random() % 300);
      const auto kind = static_cast<sensing::Kind>(random() % 4);
      kinds[key] = kind;
      auto time = static_cast<base::TimeUs>(random() % 3 == 0 ? random() : 1'795'000'000'000'000);
      for (std::size_t i = 1 + random() % 20; i > 0; --i) {
        sensing::Value value;
        if (kind == sensing::Kind::kNumber) {
          value = random() % 3 == 0   ? std::bit_cast<double>(random())
                  : random() % 2 == 0 ? static_cast<double>(random() % 100'000) / 100
                                      : static_cast<double>(1.1F * static_cast<float>(i));
        } else if (kind == sensing::Kind::kInteger) {
          value = static_cast<std::int64_t>(random() >> random() % 64);
        } else if (kind == sensing::Kind::kBoolean) {
          value = random() % 2 == 0;
        } else {
          value = std::string(random() % 40, static_cast<char>(random()));
        }
        observations.push_back({key, random() % 4 == 0 ? Quality::kBad : Quality::kGood, time,
                                random() % 2 * random(), value});
        if (time < INT64_MAX - 1'000'000) time += static_cast<base::TimeUs>(random() % 1'000'000);
      }
    }
    const base::Bytes bytes = frame_of(observations);
    auto reader = FrameReader::open(bytes);
    ASSERT_TRUE(reader.ok()) << reader.error().message();
    std::size_t at = 0;
    for (;;) {
      const auto more = reader->next();
      ASSERT_TRUE(more.ok()) << more.error().message();
      if (!*more) break;
      Samples samples;
      ASSERT_TRUE(reader->append_to(kinds.at(reader->series()), samples).ok());
      for (std::size_t i = 0; i < samples.size(); ++i, ++at) {
        const Observation& wanted = observations.at(at);
        EXPECT_EQ(reader->series(), wanted.series);
        EXPECT_EQ(samples.block.times[i], wanted.time);
        EXPECT_EQ(samples.block.qualities[i], wanted.quality);
        EXPECT_EQ(samples.sequences.empty() ? 0 : samples.sequences[i], wanted.sequence);
        switch (samples.block.kind) {
          case sensing::Kind::kNumber:
            EXPECT_EQ(std::bit_cast<std::uint64_t>(samples.block.numbers[i]),
                      std::bit_cast<std::uint64_t>(std::get<double>(wanted.value)));
            break;
          case sensing::Kind::kInteger:
            EXPECT_EQ(samples.block.integers[i], std::get<std::int64_t>(wanted.value));
            break;
          case sensing::Kind::kBoolean:
            EXPECT_EQ(samples.block.booleans[i], std::get<bool>(wanted.value));
            break;
          default:
            EXPECT_EQ(samples.block.strings[i], std::get<std::string>(wanted.value));
        }
      }
    }
    EXPECT_EQ(at, observations.size());
  }
}

TEST(Frame, IsRefusedWhenAnyByteIsCutOrFlipped) {
  const base::Bytes good = frame_of(kGolden);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(FrameReader::open(base::ByteView(good).first(size)).ok()) << size;
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      base::Bytes bad = good;
      bad[at] ^= static_cast<std::uint8_t>(1u << bit);
      EXPECT_FALSE(FrameReader::open(bad).ok()) << at;
    }
  }
}

TEST(Frame, OfAnotherKindThanTheSeriesGivesNothingOfIt) {
  const base::Bytes bytes = frame_of(kGolden);
  auto reader = *FrameReader::open(bytes);
  ASSERT_TRUE(*reader.find(3));
  Samples samples;
  EXPECT_FALSE(reader.append_to(sensing::Kind::kText, samples).ok());
  EXPECT_EQ(samples.size(), 0u);
}

}  // namespace
}  // namespace lander::store
