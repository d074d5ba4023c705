#include "model/change.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace lander::model {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Inputs of unit noise with memory: input i remembers `memory[i]` of its last value.
class Plant {
 public:
  explicit Plant(std::vector<double> memory, std::uint32_t seed = 1)
      : memory_(std::move(memory)), state_(memory_.size(), 0), random_(seed) {}
  std::vector<double> frame() {
    for (std::size_t i = 0; i < state_.size(); ++i) {
      state_[i] = memory_[i] * state_[i] +
                  std::sqrt(1 - memory_[i] * memory_[i]) * std::normal_distribution()(random_);
    }
    return state_;
  }

 private:
  std::vector<double> memory_, state_;
  std::mt19937 random_;
};

using Change = std::function<void(int at, std::vector<double>& frame)>;
std::vector<int> told(ChangeDetector& detector, Plant& plant, int frames, const Change& change) {
  std::vector<int> told;
  for (int at = 0; at < frames; ++at) {
    std::vector<double> frame = plant.frame();
    change(at, frame);
    if (detector.step(frame, at * base::kSecond)) told.push_back(at);
  }
  return told;
}

TEST(Change, IsToldOnceSoonAfterItBeganAndNamesTheInputsThatChanged) {
  for (const double size : {3.0, 30.0, 1e6}) {
    Plant plant({0.2, 0.5, 0.8, 0});
    ChangeDetector detector({4});
    EXPECT_TRUE(detector.shares().empty());
    const auto at = told(detector, plant, 2000, [&](int t, auto& frame) {
      if (t >= 1000) frame[1] += size;
    });
    ASSERT_EQ(at.size(), 1u) << size;
    EXPECT_GE(at[0], 1000);
    EXPECT_LE(at[0], 1040);
    EXPECT_GT(detector.shares()[1], 0.9);
    EXPECT_NEAR(std::accumulate(detector.shares().begin(), detector.shares().end(), 0.0), 1, 1e-9);
  }
}

TEST(Change, TheNextIsToldToo) {
  Plant plant({0.3, 0.3});
  ChangeDetector detector({2});
  const auto at = told(detector, plant, 4000, [](int t, auto& frame) {
    if (t >= 1000) frame[0] += 4;
    if (t >= 2000) frame[0] -= 8;
    if (t >= 3000) frame[1] += 4;
  });
  ASSERT_EQ(at.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(at[i], 1000 * (i + 1) + 20, 20);
}

// The promise is one in 2000 frames at most.
TEST(Change, NoiseAloneIsSeldomTaken) {
  std::size_t count = 0;
  for (std::uint32_t seed = 0; seed < 10; ++seed) {
    Plant plant({0, 0.3, 0.6, 0.9, 0.99, 0.999, 0, 0}, seed);
    ChangeDetector detector({8});
    count += told(detector, plant, 10'000, [](int, auto&) {}).size();
  }
  EXPECT_LE(count, 50u);
}

TEST(Change, OutliersGapsAndAbsurdValuesAreNoneAndHideNone) {
  Plant plant({0.3, 0.3});
  ChangeDetector detector({2});
  const auto at = told(detector, plant, 3000, [](int t, auto& frame) {
    if (t >= 2000) frame[0] += 3;
    if (t % 97 == 0) frame[0] = 500;
    if (t % 89 == 0) frame[1] = -1.18e42;
    if (t > 600 && t < 900) frame[1] = kMissing;
    if (t > 1200 && t < 1300) frame[0] = frame[1] = kMissing;
    if (t == 1500) frame[0] = 1e29;
  });
  ASSERT_EQ(at.size(), 1u);
  EXPECT_NEAR(at[0], 2020, 20);
}

// They are a change, of which no rounding stays behind in a sum.
TEST(Change, SurvivesHugeValuesThatStay) {
  Plant plant({0.3});
  ChangeDetector detector({1});
  const auto at = told(detector, plant, 14'000, [](int t, auto& frame) {
    if (t >= 1000 && t < 1200) frame[0] = 1e15;
    if (t >= 13'000) frame[0] += 50;
  });
  ASSERT_GE(at.size(), 2u);
  EXPECT_NEAR(at.front(), 1020, 20);
  EXPECT_LT(at[at.size() - 2], 3000);
  EXPECT_NEAR(at.back(), 13'020, 20);
}

TEST(Change, AnInputThatNeverMovedIsWatched) {
  ChangeDetector detector({1});
  std::vector<int> at;
  for (int t = 0; t < 2000; ++t) {
    if (detector.step(std::vector<double>{t < 1000 ? 5.0 : 6.0}, t * base::kSecond))
      at.push_back(t);
  }
  ASSERT_EQ(at.size(), 1u);
  EXPECT_LE(at[0], 1005);
}

TEST(Change, TwoRecordingsAreNotCompared) {
  Plant plant({0.3, 0.3});
  ChangeDetector detector({2});
  EXPECT_TRUE(told(detector, plant, 1000, [](int, auto&) {}).empty());
  EXPECT_TRUE(told(detector, plant, 1000, [](int, auto& frame) { frame[0] += 20; }).empty());
}

TEST(Change, ThePhysicalUnitDoesNotMatter) {
  std::vector<int> first;
  for (const double factor : {1.0, 1e-6, 1e6}) {
    Plant plant({0.4, 0.6}, 3);
    ChangeDetector detector({2});
    const auto at = told(detector, plant, 3000, [&](int t, auto& frame) {
      if (t >= 1500) frame[0] += 4;
      for (double& value : frame) value *= factor;
    });
    if (first.empty()) first = at;
    EXPECT_EQ(at, first);
  }
  EXPECT_EQ(first.size(), 1u);
}

}  // namespace
}  // namespace lander::model
