#include "learn/self_taught.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

namespace lander::learn {
namespace {

constexpr std::size_t kInputs = 4;
using Row = std::array<double, kInputs>;
using Rows = std::vector<Row>;

// Four sensors that follow one load; each also wanders by itself a little.
Rows plant(std::uint64_t seed, std::size_t rows) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Rows result;
  double load = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    load += -load / 60 + std::sqrt(2.0 / 60) * normal(random);
    result.push_back({40 + 3 * load + 0.6 * normal(random), 12 + 1.2 * load + 0.25 * normal(random),
                      5 - 0.4 * load + 0.08 * normal(random), 1.2 + 0.02 * normal(random)});
  }
  return result;
}

// Four of its usual spreads off, and against what the others say.
void break_coupling(Rows& rows, std::size_t begin, std::size_t count) {
  for (std::size_t r = begin; r < begin + count; ++r) rows[r][1] += 5;
}

std::vector<double> scores(const Rows& rows, SelfTaught& detector, std::size_t from = 0) {
  std::vector<double> result;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto time = static_cast<base::TimeUs>(from + r) * base::kSecond;
    const model::Score& score = detector.score(rows[r], time);
    result.push_back(score.valid ? score.score : NAN);
  }
  return result;
}

std::vector<double> scores(const Rows& rows) {
  return scores(rows, *make_self_taught({kInputs, base::kSecond}));
}

double most(const std::vector<double>& values, std::size_t begin, std::size_t end) {
  return *std::max_element(values.begin() + static_cast<std::ptrdiff_t>(begin),
                           values.begin() + static_cast<std::ptrdiff_t>(end));
}

TEST(SelfTaught, ALongerFileBeginsWithTheSameScores) {
  Rows rows = plant(1, 4000);
  break_coupling(rows, 1500, 100);
  const std::vector<double> whole = scores(rows);
  for (const std::size_t length : {399, 400, 401, 1550, 2700}) {
    const std::vector<double> part = scores(Rows(rows.begin(), rows.begin() + length));
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin())) << length;
  }
}

TEST(SelfTaught, HealthyRowsRaiseNothingFromTheFirstOn) {
  for (const std::uint64_t seed : {2, 3, 4, 5, 6, 7}) {
    const std::vector<double> found = scores(plant(seed, 20'000));
    EXPECT_LT(most(found, 0, found.size()), 1) << "seed " << seed;
    EXPECT_GT(found[500], 0);
    EXPECT_EQ(found[300], 0);  // nothing is known yet
  }
}

TEST(SelfTaught, AFaultThatOnlySeveralInputsTogetherShowIsFoundAndItsInputNamed) {
  Rows rows = plant(8, 5600);
  break_coupling(rows, 5000, 600);
  const auto detector = make_self_taught({kInputs, base::kSecond});
  std::size_t found = 0, named = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const model::Score& score =
        detector->score(rows[r], static_cast<base::TimeUs>(r) * base::kSecond);
    if (found > 0 || score.score < 1) continue;
    found = r;
    named = static_cast<std::size_t>(std::max_element(score.shares.begin(), score.shares.end()) -
                                     score.shares.begin());
  }
  EXPECT_GE(found, 5000u);
  EXPECT_LT(found, 5060u);
  EXPECT_EQ(named, 1u);
  EXPECT_TRUE(detector->untaught().empty());
}

// It must neither fade while it lasts nor be learned so that the next is missed.
TEST(SelfTaught, AFaultIsNotLearnedWhileItLastsNorSoonAfter) {
  Rows rows = plant(9, 9000);
  break_coupling(rows, 5000, 1000);
  break_coupling(rows, 8000, 300);
  const std::vector<double> found = scores(rows);
  for (std::size_t r = 5100; r < 6000; ++r) ASSERT_GE(found[r], 1) << r;
  EXPECT_LT(most(found, 6200, 8000), 1);
  EXPECT_GE(most(found, 8000, 8300), 1);
}

TEST(SelfTaught, WhatEndsByItselfIsKnownWhenThePastHasDoubled) {
  Rows rows = plant(10, 12'000);
  for (const std::size_t begin : {4000, 11'500}) break_coupling(rows, begin, 200);
  const std::vector<double> found = scores(rows);
  EXPECT_GE(most(found, 4000, 4200), 1);
  EXPECT_LT(most(found, 11'500, 11'700), 1);
}

TEST(SelfTaught, ALastingChangeOfRegimeBecomesTheNewNormal) {
  Rows rows = plant(11, 9000);
  break_coupling(rows, 4000, 5000);
  const std::vector<double> found = scores(rows);
  EXPECT_GE(most(found, 4000, 4100), 1);
  EXPECT_LT(most(found, 6500, 9000), 1);
}

TEST(SelfTaught, GapsAndClocksThatStandOrStepBackHinderNothing) {
  Rows rows = plant(22, 6000);
  break_coupling(rows, 5500, 500);
  std::mt19937_64 random(13);
  std::vector<base::TimeUs> times;
  base::TimeUs time = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto dice = random() % 1000;
    time += dice < 300   ? 0
            : dice < 303 ? base::kDay
            : dice < 306 ? -base::kDay
                         : static_cast<base::DurationUs>(random() % (4 * base::kSecond));
    times.push_back(time);
  }
  times[3000] = INT64_MAX;
  times[3001] = INT64_MIN;
  const auto detector = make_self_taught({kInputs, base::kSecond});
  double before = 0, during = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const double score = detector->score(rows[r], times[r]).score;
    (r < 5500 ? before : during) = std::max(r < 5500 ? before : during, score);
  }
  EXPECT_LT(before, 1);
  EXPECT_GE(during, 1);
}

TEST(SelfTaught, MissingAndAbsurdValuesAreNoNewsAndAnEmptyFrameIsNotJudged) {
  Rows rows = plant(14, 6000);
  std::mt19937_64 random(15);
  for (Row& row : rows) {
    if (random() % 10 == 0) row[random() % kInputs] = random() % 2 ? NAN : -1e38;
  }
  for (std::size_t r = 3000; r < 3500; ++r) rows[r].fill(NAN);
  const std::vector<double> found = scores(rows);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    EXPECT_EQ(std::isnan(found[r]), r >= 3000 && r < 3500) << r;
    if (found[r] >= 1) ADD_FAILURE() << r << ": " << found[r];
  }
}

TEST(SelfTaught, WhyNothingIsLearnedIsTold) {
  const auto detector = make_self_taught({2, base::kSecond});
  EXPECT_EQ(detector->untaught(), "it learns from the first 400 rows");
  const double still[] = {1, 2};
  for (int r = 0; r < 1000; ++r) {
    EXPECT_EQ(detector->score(still, r * base::kSecond).score, 0);
  }
  EXPECT_NE(detector->untaught().find("no input that changes is left"), std::string::npos)
      << detector->untaught();
}

TEST(SelfTaught, ResetBeginsAnew) {
  const Rows rows = plant(16, 1500);
  const auto detector = make_self_taught({kInputs, base::kSecond});
  const std::vector<double> first = scores(rows, *detector);
  scores(plant(17, 900), *detector, 5000);
  detector->reset();
  EXPECT_EQ(scores(rows, *detector), first);
}

TEST(SelfTaught, ItKeepsWorkingInBoundedMemoryHoweverLongItRuns) {
  constexpr std::size_t kMost = 256 << 10, kFrames = 100'000;  // of which 10,000 fit
  const auto used = [] { return mallinfo2().uordblks + mallinfo2().hblkhd; };
  Rows rows = plant(18, kFrames);
  for (std::size_t r = 5000; r < 95'000; r += 3000) break_coupling(rows, r, 300);
  break_coupling(rows, 60'000, 6000);
  Rows fault = plant(19, 300);
  for (Row& row : fault) row[2] += 2;
  const std::size_t before = used();
  const auto detector = make_self_taught({kInputs, base::kSecond, 1.0 / 30, kMost});
  std::size_t peak = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    detector->score(rows[r], static_cast<base::TimeUs>(r) * base::kSecond);
    peak = std::max(peak, used() - before);
  }
  EXPECT_LT(peak, 4 * kMost);
  EXPECT_GE(most(scores(fault, *detector, kFrames), 0, 300), 1);
}

}  // namespace
}  // namespace lander::learn
