#include "model/surprise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <span>
#include <vector>

namespace lander::model {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr base::DurationUs kStep = 5 * base::kMinute;
constexpr int kDayRows = 288;

// Noise on a daily season, a row every five minutes.
std::vector<double> seasonal(std::size_t rows, unsigned seed, double season = 5) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> noise;
  std::vector<double> values(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    values[i] = 20 + season * std::sin(2 * std::numbers::pi * static_cast<double>(i) / kDayRows) +
                noise(random);
  }
  return values;
}

struct Watched {
  std::vector<double> scores;
  std::vector<std::size_t> alarms;  // rows
};

Watched watch(std::span<const double> values, base::DurationUs step = kStep,
              double per_day = 1.0 / 30) {
  const auto detector = make_surprise({1, per_day});
  Judge judge(surprise_judge_options());
  Watched result;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const base::TimeUs time = static_cast<base::TimeUs>(i) * step;
    const Score& score = detector->score(values.subspan(i, 1), time);
    EXPECT_TRUE(std::isfinite(score.score) && std::isfinite(score.expected[0])) << i;
    result.scores.push_back(score.score);
    if (judge.step(score, time)) result.alarms.push_back(i);
  }
  return result;
}

std::size_t alarms_within(const Watched& watched, std::size_t from, std::size_t to) {
  return static_cast<std::size_t>(std::count_if(watched.alarms.begin(), watched.alarms.end(),
                                                [&](auto row) { return from <= row && row < to; }));
}

TEST(Surprise, NoiseOnADailySeasonRaisesAtMostOneAlarmIn30DaysOnAverage) {
  std::size_t alarms = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    alarms += watch(seasonal(30 * kDayRows, seed, seed % 2 ? 5 : 0)).alarms.size();
  }
  EXPECT_LE(alarms, 20u);
}

TEST(Surprise, TwoDaysOfNoiseAt1HzRaiseNoAlarm) {
  EXPECT_TRUE(watch(seasonal(2 * 86400, 3), base::kSecond).alarms.empty());
}

TEST(Surprise, ASpikeALevelShiftAndAMissingPeakAreEachToldBriefly) {
  std::vector<double> values = seasonal(20 * kDayRows, 5, 10);
  const std::size_t spike = 8 * kDayRows, missing = 12 * kDayRows + 20, shift = 16 * kDayRows;
  for (std::size_t i = 0; i < 3; ++i) values[spike + i] += 40;
  for (std::size_t i = 0; i < 100; ++i) values[missing + i] = 12;  // where the day's peak belongs
  for (std::size_t i = shift; i < values.size(); ++i) values[i] += 25;
  const Watched found = watch(values);
  for (const std::size_t at : {spike, missing, shift}) {
    EXPECT_GE(alarms_within(found, at, at + 100), 1u) << at;
    EXPECT_LE(alarms_within(found, at, at + 288), 4u) << "alarms do not go on: " << at;
  }
  EXPECT_LE(found.alarms.size(), 12u);
}

TEST(Surprise, WhatBecomesUsualIsNoNewsAnyMore) {
  std::vector<double> values = seasonal(30 * kDayRows, 6, 0);
  for (std::size_t i = 10 * kDayRows; i < values.size(); i += 60) values[i] += 15;  // every 5 hours
  const Watched found = watch(values);
  EXPECT_GE(alarms_within(found, 10 * kDayRows, 11 * kDayRows), 1u);
  EXPECT_LE(alarms_within(found, 20 * kDayRows, 30 * kDayRows), 1u);
}

TEST(Surprise, AnEpisodeIsKnownAgainLongAfter) {
  std::vector<double> values = seasonal(30000, 17, 0);
  const std::size_t first = 3000, apart = 4500;  // more frames than it compares with one by one
  for (std::size_t at = first; at < values.size(); at += apart) {
    for (std::size_t i = 0; i < 12; ++i) values[at + i] += 15 + static_cast<double>(i);
  }
  const Watched found = watch(values);
  EXPECT_GE(alarms_within(found, first, first + 20), 1u);
  std::size_t later = 0;
  for (std::size_t at = first + 2 * apart; at < values.size(); at += apart) {
    later += alarms_within(found, at, at + 20);
  }
  EXPECT_LE(later, 1u);
}

TEST(Surprise, OnlyThePastCounts) {
  std::vector<double> values = seasonal(2000, 7);
  const Watched before = watch(values);
  values.resize(1500);
  const Watched shorter = watch(values);
  EXPECT_TRUE(std::equal(shorter.scores.begin(), shorter.scores.end(), before.scores.begin()));
}

TEST(Surprise, NeitherUnitNorOffsetMatters) {
  std::vector<double> values = seasonal(3000, 8);
  values[2500] += 30;
  const Watched plain = watch(values);
  for (double& value : values) value = value * 1e-9 + 1;
  EXPECT_EQ(watch(values).alarms, plain.alarms);
  for (double& value : values) value = (value - 1) * 1e21 - 1e12;
  EXPECT_EQ(watch(values).alarms, plain.alarms);
}

TEST(Surprise, ASmallerBudgetRaisesFewerAlarms) {
  std::size_t loose = 0, strict = 0;
  for (unsigned seed = 0; seed < 5; ++seed) {
    std::vector<double> values = seasonal(5000, seed);
    for (std::size_t i = 1000; i < values.size(); i += 400) values[i] += 10;
    loose += watch(values, kStep, 1.0 / 30).alarms.size();
    strict += watch(values, kStep, 1.0 / 3650).alarms.size();
  }
  EXPECT_GT(loose, 0u);
  EXPECT_LT(2 * strict, loose);
}

// 27 inputs: some alive, one frozen, one empty, one at what a broken transmitter says.
TEST(Surprise, AmongManyInputsTheOneThatIsStrangeIsNamedAndTheOthersStayQuiet) {
  constexpr std::size_t kInputs = 27;
  std::mt19937_64 random(10);
  std::normal_distribution<double> noise;
  const auto detector = make_surprise({kInputs});
  Judge judge(surprise_judge_options());
  std::vector<double> frame(kInputs);
  std::vector<int> alarms;
  for (int row = 0; row < 6000; ++row) {
    for (double& value : frame) value = noise(random);
    frame[1] = 7;
    frame[2] = kMissing;
    frame[3] = -1.18e42;
    if (row % 3 == 0) frame[4] = std::numeric_limits<double>::infinity();
    if (row >= 5000 && row < 5010) frame[20] += 30;
    const Score& score = detector->score(frame, row * base::kSecond);
    ASSERT_TRUE(score.valid && std::isfinite(score.score));
    double sum = 0;
    for (std::size_t i = 0; i < kInputs; ++i) {
      ASSERT_TRUE(std::isfinite(score.expected[i]));
      ASSERT_GE(score.shares[i], 0);
      sum += score.shares[i];
    }
    ASSERT_NEAR(sum, 1, 1e-9);
    if (!judge.step(score, row * base::kSecond)) continue;
    alarms.push_back(row);
    EXPECT_GT(score.shares[20], 0.8);
    EXPECT_LT(std::abs(score.expected[20]), 5);
  }
  ASSERT_FALSE(alarms.empty());
  EXPECT_GE(alarms.front(), 5000);
  EXPECT_LT(alarms.front(), 5010);
  EXPECT_LE(alarms.size(), 3u);
}

TEST(Surprise, AnAbsurdValueDoesNotDeafenForLong) {
  std::vector<double> values = seasonal(4000, 11);
  values[10] = values[1500] = 1e25;
  values[3000] += 40;
  EXPECT_EQ(alarms_within(watch(values), 3000, 3001), 1u);
}

TEST(Surprise, TimeMayRepeatStepBackAndLeap) {
  std::mt19937_64 random(12);
  const std::vector<double> values = seasonal(3000, 13);
  const auto detector = make_surprise({});
  const std::array<base::TimeUs, 5> times = {std::numeric_limits<base::TimeUs>::min(),
                                             std::numeric_limits<base::TimeUs>::max(), 0, -1, 1};
  for (const double& value : values) {
    const Score& score = detector->score({&value, 1}, times[random() % times.size()]);
    ASSERT_TRUE(std::isfinite(score.score));
  }
}

TEST(Surprise, AfterAResetItIsAsNew) {
  const std::vector<double> values = seasonal(1000, 14);
  const auto detector = make_surprise({});
  std::vector<double> first;
  for (int pass = 0; pass < 2; ++pass) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double score =
          detector->score({&values[i], 1}, static_cast<base::TimeUs>(i) * kStep).score;
      if (pass == 0) first.push_back(score);
      if (pass == 1) {
        ASSERT_EQ(score, first[i]) << i;
      }
    }
    detector->reset();
  }
}

TEST(Surprise, AFrameWithoutAnyValueIsInvalidAndTeachesNothing) {
  const std::vector<double> values = seasonal(600, 15);
  const auto with = make_surprise({}), without = make_surprise({});
  for (std::size_t i = 0; i < values.size(); ++i) {
    const base::TimeUs time = static_cast<base::TimeUs>(i) * kStep;
    EXPECT_FALSE(with->score({&kMissing, 1}, time).valid);
    EXPECT_EQ(with->score({&values[i], 1}, time).score,
              without->score({&values[i], 1}, time).score);
  }
}

TEST(Surprise, TheMostInputsAreTaken) {
  const auto detector = make_surprise({kMaxInputs});
  std::mt19937_64 random(16);
  std::normal_distribution<double> noise;
  std::vector<double> frame(kMaxInputs);
  for (int row = 0; row < 240; ++row) {
    for (double& value : frame) value = noise(random);
    if (row == 239) frame[4000] = 1000;
    const Score& score = detector->score(frame, row * base::kSecond);
    if (row == 239) {
      EXPECT_GE(score.score, 1);
    } else {
      ASSERT_LT(score.score, 1) << row;
    }
  }
}

}  // namespace
}  // namespace lander::model
