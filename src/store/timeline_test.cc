// Plots and clocks: what is read back is what was true, however the data came.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "store/testing.h"

namespace lander::store {
namespace {

using base::kDay;
using base::kHour;
using base::kMinute;
using base::kSecond;

class Plot : public Everywhere {
 protected:
  struct Truth {
    base::TimeUs utc;
    double value;
    sensing::Quality quality;
  };

  // Every bucket that downsample gives is the summary of just what lies in it, and nothing is
  // missing.
  void expect_exact(SeriesKey key, const std::vector<Truth>& truth, base::TimeUs from,
                    base::TimeUs to, std::size_t buckets) {
    auto got = store_->downsample(key, from, to, buckets);
    ASSERT_TRUE(got.ok()) << got.error().message();
    ASSERT_LE(got->size(), buckets);
    std::vector<sensing::Summary> brute(got->size());
    sensing::Summary outside;
    for (const Truth& sample : truth) {
      if (sample.utc < from || sample.utc >= to) continue;
      auto after = std::upper_bound(got->begin(), got->end(), sample.utc,
                                    [](base::TimeUs t, const Bucket& b) { return t < b.from; });
      if (after == got->begin()) {
        outside.add(sample.value, sample.quality);
      } else {
        brute[static_cast<std::size_t>(after - got->begin()) - 1].add(sample.value, sample.quality);
      }
    }
    EXPECT_EQ(outside.count + outside.others, 0);
    for (std::size_t i = 0; i < brute.size(); ++i) {
      const sensing::Summary& summary = (*got)[i].summary;
      EXPECT_EQ(summary.count, brute[i].count) << i;
      EXPECT_EQ(summary.others, brute[i].others) << i;
      EXPECT_EQ(summary.least, brute[i].least) << i;
      EXPECT_EQ(summary.most, brute[i].most) << i;
      EXPECT_EQ(summary.sum, brute[i].sum) << i;
      EXPECT_TRUE(i == 0 || (*got)[i].from > (*got)[i - 1].from);
    }
  }
};

TEST_P(Plot, EqualsBruteForceOverRandomDataWithLateSamplesAndRestarts) {
  std::mt19937_64 random(11);
  const SeriesKey key = declare("p");
  std::vector<Truth> truth;
  const base::TimeUs start = kNow;
  for (int round = 0; round < 400; ++round) {
    clock_.pass(static_cast<base::DurationUs>(random() % (8 * kMinute)));
    Batch batch;
    for (std::size_t i = random() % 20; i > 0; --i) {
      base::TimeUs time = clock_.wall - static_cast<base::DurationUs>(random() % (90 * kSecond));
      if (random() % 10 == 0) time -= static_cast<base::DurationUs>(random() % (2 * kDay));
      const double value = static_cast<double>(random() % 1000) - 500;  // sums stay exact
      const auto quality = random() % 8 == 0 ? sensing::Quality::kBad : sensing::Quality::kGood;
      batch.observations.push_back(at(key, time, value, 0, quality));
      truth.push_back({time, value, quality});
    }
    ASSERT_EQ(commit(batch).duplicates, 0u);
    if (random() % 40 == 0) open();
  }
  const base::DurationUs span = clock_.wall - start;
  for (int round = 0; round < 300; ++round) {
    const base::TimeUs from =
        start - kDay + static_cast<base::DurationUs>(random() % (span + kDay));
    const base::DurationUs width =
        1 + static_cast<base::DurationUs>(random() % (span >> random() % 20));
    expect_exact(key, truth, from, from + width, 1 + random() % 300);
  }
  expect_exact(key, truth, start - 30 * kDay, start + 365 * kDay, 1000);
  expect_exact(key, truth, start - 3 * kDay, start + 3 * kDay, 1);
}

TEST_P(Plot, OfAYearReadsBoundedRowsAndKeepsEverySample) {
  const SeriesKey key = declare("p");
  std::vector<Truth> truth;
  for (int hour = 0; hour < 24 * 365; hour += 20) {
    Batch batch;
    for (int i = 0; i < 3; ++i) {
      const base::TimeUs time = kNow + hour * kHour + i * 7 * kMinute;
      batch.observations.push_back(at(key, time, 1.0 * i));
      truth.push_back({time, 1.0 * i, sensing::Quality::kGood});
    }
    clock_.pass(20 * kHour);
    commit(batch);
  }
  expect_exact(key, truth, kNow, kNow + 365 * kDay, 500);
  const auto buckets = *store_->downsample(key, kNow, kNow + 365 * kDay, 500);
  EXPECT_GT(buckets.size(), 300u);
}

TEST_P(Plot, RefusesWhatMakesNoSense) {
  const SeriesKey key = declare("p");
  EXPECT_EQ(store_->downsample(key, 5, 5, 10).error().code(), base::Code::kInvalid);
  EXPECT_EQ(store_->downsample(key, 5, 6, 0).error().code(), base::Code::kInvalid);
  EXPECT_EQ(store_->downsample(key, 5, 6, 10001).error().code(), base::Code::kInvalid);
  EXPECT_EQ(store_->downsample(key + 1, 5, 6, 10).error().code(), base::Code::kNotFound);
  EXPECT_TRUE(store_->downsample(key, 5, 6, 10)->empty());
}

class Clocks : public Everywhere {};

TEST_P(Clocks, ABoxFrom1970ShowsTheRightTimeEverywhereOnceTheHubTold) {
  clock_.wall = 100 * kSecond;
  clock_.boot = "boot-1970";
  open();
  const SeriesKey key = declare("p", sensing::Kind::kNumber, sensing::Uplink::kRaw);
  for (int i = 0; i < 300; ++i) {
    clock_.pass(kSecond);
    commit({.observations = {at(key, clock_.wall, 1.0 * i)}});
  }
  offer();
  EXPECT_EQ((*store_->latest(key))->time_error, INT64_MAX);
  ASSERT_TRUE(store_->clock_reference(kNow, kSecond / 100, "hub").ok());
  const auto check = [&] {
    const auto samples = all(key, kNow - 10 * kSecond, kNow + 1);
    ASSERT_EQ(samples.size(), 11u);
    EXPECT_EQ(samples.back().observation.time, kNow);
    EXPECT_LE(samples.front().time_error, kSecond);
    EXPECT_EQ((*store_->latest(key))->observation.time, kNow);
    EXPECT_EQ(std::get<double>((*store_->latest(key))->observation.value), 299.0);
    std::int64_t count = 0;
    for (const Bucket& bucket : *store_->downsample(key, kNow - kHour, kNow + kHour, 20)) {
      count += bucket.summary.count;
    }
    EXPECT_EQ(count, 300);
    EXPECT_TRUE(all(key, 0, kHour).empty());
    std::vector<base::TimeUs> sent;
    for (const Item& item : *store_->items(3, 0, 1000, 1 << 20)) {
      for (const auto& block : *sensing::decode_blocks(item.body)) {
        const auto decoded = *sensing::decode_block(block.block);
        for (const base::TimeUs time : decoded.times) {
          sent.push_back(time + block.utc_offset);
        }
      }
    }
    ASSERT_EQ(sent.size(), 300u);
    EXPECT_EQ(sent.back(), kNow);
    EXPECT_EQ(store_->stats().newest, kNow);
  };
  check();
  open();
  check();
  EXPECT_EQ(store_->utc_now().time, kNow);
}

TEST_P(Clocks, JumpsBothWaysKeepTheOrderOfWhatReallyHappened) {
  const SeriesKey key = declare("p");
  ASSERT_TRUE(store_->clock_reference(kNow, kSecond / 100, "hub").ok());
  std::mt19937_64 random(3);
  base::TimeUs truth = kNow;
  std::vector<base::TimeUs> expected;
  for (int i = 0; i < 600; ++i) {
    const base::DurationUs step = kSecond + static_cast<base::DurationUs>(random() % kSecond);
    truth += step;
    clock_.pass(step);
    if (i % 100 == 50) clock_.wall += static_cast<base::DurationUs>(random() % kDay) - kDay / 2;
    commit({.observations = {at(key, clock_.wall, 1.0 * i)}});
    expected.push_back(truth);
    if (i == 320) open();
  }
  const auto samples = all(key);
  ASSERT_EQ(samples.size(), expected.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].observation.time, expected[i]);
    EXPECT_EQ(std::get<double>(samples[i].observation.value), 1.0 * i);
  }
  EXPECT_EQ((*store_->latest(key))->observation.time, truth);
  std::int64_t count = 0;
  for (const Bucket& bucket : *store_->downsample(key, kNow, truth + 1, 12))
    count += bucket.summary.count;
  EXPECT_EQ(count, 600);
}

TEST_P(Clocks, ManyBootsEachWithAWrongClockReadAsOneLine) {
  const SeriesKey key = declare("p");
  base::TimeUs truth = kNow;
  for (int boot = 0; boot < 30; ++boot) {
    clock_.boot = "boot-" + std::to_string(boot);
    clock_.monotonic = kSecond;
    clock_.wall = 50 * kSecond;  // no battery
    open();
    for (int i = 0; i < 20; ++i) {
      truth += kSecond;
      clock_.pass(kSecond);
      commit({.observations = {at(key, clock_.wall, 20.0 * boot + i)}});
    }
    ASSERT_TRUE(store_->clock_reference(truth, 1000, "hub").ok());
  }
  const auto samples = all(key, kNow, truth + kDay);
  ASSERT_EQ(samples.size(), 600u);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(std::get<double>(samples[i].observation.value), 1.0 * i);
  }
  EXPECT_EQ(all(key, kNow, truth + kDay, 7).size(), 7u);
}

LANDER_EVERYWHERE(Plot);
LANDER_EVERYWHERE(Clocks);

}  // namespace
}  // namespace lander::store
