#include "learn/boost.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace lander::learn {
namespace {

constexpr std::size_t kRows = 3000, kFeatures = 4;

// y = sin 3a + b where b is known, and 2 where it is missing; the others tell nothing.
struct Data {
  std::vector<float> values, targets;
  Data() {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t f = 0; f < kFeatures; ++f) values.push_back(normal(random));
      const bool missing = random() % 4 == 0;
      const float* const row = &values[r * kFeatures];
      targets.push_back(std::sin(3 * row[0]) + (missing ? 2 : row[1]));
      if (missing) values[r * kFeatures + 1] = NAN;
    }
  }
};

BoostTask task_of(const Binned& data, std::span<const float> targets) {
  BoostTask task;
  task.data = &data;
  task.targets = targets;
  for (std::uint32_t r = 0; r < kRows; ++r) {
    (r < kRows / 2 ? task.rows : task.watched).push_back(r);
  }
  return task;
}

float answer(const model::TreeRunner& runner, const Data& data, std::size_t r) {
  float out = 0;
  runner.evaluate({&data.values[r * kFeatures], kFeatures}, {&out, 1});
  return out;
}

TEST(Boost, RowsItDidNotSeeAreToldAndAMissingValueIsAValue) {
  const Data data;
  const Binned binned(data.values, kFeatures);
  const BoostTask task = task_of(binned, data.targets);
  std::vector<float> margins;
  const auto watch = [&](std::size_t, std::span<const float> now) {
    margins.assign(now.begin(), now.end());
    return true;
  };
  const model::Trees trees = boost(task, {.least_weight = 5}, watch);
  ASSERT_TRUE(model::validate(trees).ok());
  const model::TreeRunner runner(trees);
  double squares = 0;
  for (std::size_t i = 0; i < task.watched.size(); ++i) {
    const std::size_t r = task.watched[i];
    EXPECT_NEAR(answer(runner, data, r), margins[i], 1e-4);  // what was watched is what runs
    squares += std::pow(margins[i] - data.targets[r], 2);
  }
  EXPECT_LT(std::sqrt(squares / static_cast<double>(task.watched.size())), 0.3);  // of about 1.4
}

TEST(Boost, TheSameSeedGivesTheSameTreesAndAnotherOthers) {
  const Data data;
  const Binned binned(data.values, kFeatures);
  const BoostTask task = task_of(binned, data.targets);
  const auto bytes = [&](std::uint64_t seed) {
    return model::encode(boost(task, {.rounds = 5, .seed = seed}));
  };
  EXPECT_EQ(bytes(1), bytes(1));
  EXPECT_NE(bytes(1), bytes(2));
}

TEST(Boost, AQuantileHasItsShareOfRowsBelow) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  Data data;
  for (std::size_t r = 0; r < kRows; ++r) {
    const float x = data.values[r * kFeatures];
    data.targets[r] = x + (1 + std::abs(x)) * normal(random);
  }
  const Binned binned(data.values, kFeatures);
  const BoostTask task = task_of(binned, data.targets);
  const BoostOptions options{.loss = Loss::kQuantile, .quantile = 0.9, .rounds = 100, .leaves = 6};
  const model::TreeRunner runner(boost(task, options));
  double below = 0;
  for (const std::uint32_t r : task.watched) below += data.targets[r] < answer(runner, data, r);
  EXPECT_NEAR(below / static_cast<double>(task.watched.size()), 0.9, 0.04);
}

TEST(Boost, ClassesAreToldApart) {
  Data data;
  for (std::size_t r = 0; r < kRows; ++r) {
    const float* const row = &data.values[r * kFeatures];
    data.targets[r] = row[0] * row[2] > 0 ? 2.0F : row[3] > 0 ? 1.0F : 0.0F;
  }
  const Binned binned(data.values, kFeatures);
  const BoostTask task = task_of(binned, data.targets);
  const model::Trees trees =
      boost(task, {.loss = Loss::kSoftmax, .classes = 3, .rounds = 60, .least_weight = 5});
  const model::TreeRunner runner(trees);
  double right = 0;
  for (const std::uint32_t r : task.watched) {
    float margins[3];
    runner.evaluate({&data.values[r * kFeatures], kFeatures}, margins);
    right += std::max_element(margins, margins + 3) - margins ==
             static_cast<std::ptrdiff_t>(data.targets[r]);
  }
  EXPECT_GT(right / static_cast<double>(task.watched.size()), 0.95);
}

TEST(Boost, NothingToLearnFromIsNoCrash) {
  const std::vector<float> values(20, NAN), targets(10, 3);
  const Binned binned(values, 2);
  BoostTask task;
  task.data = &binned;
  task.targets = targets;
  EXPECT_TRUE(boost(task, {}).roots.empty());
  task.rows = {0, 1, 2};
  const model::Trees trees = boost(task, {.rounds = 3, .least_weight = 0});
  EXPECT_TRUE(model::validate(trees).ok());
  EXPECT_EQ(trees.base[0], 3);
}

}  // namespace
}  // namespace lander::learn
