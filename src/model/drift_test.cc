#include "model/drift.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace lander::model {
namespace {

constexpr int kDay = 1440;  // frames of a minute

Model watched() {
  Model model;
  model.interval = base::kMinute;
  model.inputs = {{"v", 1, "vibration", "mm/s", 0, 4}, {"f", 1, "flow-rate", "m3/h", 30, 50}};
  return model;
}

Score score(double value) {
  Score out;
  out.score = value;
  out.valid = true;
  return out;
}

TEST(Drift, ADailyCycleWithinTheRangeIsNone) {
  DriftWatch watch(watched());
  for (int i = 0; i < 30 * kDay; ++i) {
    const double phase = std::sin(2 * M_PI * i / kDay);
    watch.add(std::vector<double>{2 + phase, 40 + 9 * phase}, score(0.3 + 0.2 * phase));
    ASSERT_LT(watch.drift().level, 0.5) << i;
  }
}

TEST(Drift, AScoreThatCreepsTowardsItsLimitIsTold) {
  DriftWatch watch(watched());
  int told = 0;
  for (int i = 0; i < 30 * kDay && told == 0; ++i) {
    watch.add(std::vector<double>{2, 40}, score(0.3 + 0.02 * i / kDay));
    if (watch.drift().level >= 1) told = i / kDay;
  }
  EXPECT_GE(told, 10) << "0.23 above the first day";
  EXPECT_LE(told, 15);
  EXPECT_EQ(watch.drift().input, -1);
  EXPECT_GT(watch.drift().usual, watch.drift().was);
}

TEST(Drift, AnInputOutsideOfWhatWasLearnedIsNamedWithinHours) {
  DriftWatch watch(watched());
  for (int i = 0; i < kDay; ++i) watch.add(std::vector<double>{2, 40}, score(0.3));
  int hours = 0;
  for (int i = 0; watch.drift().level < 1 && i < kDay; ++i) {
    watch.add(std::vector<double>{2, i % 5 == 0 ? 53.0 : 40}, score(0.4));
    hours = i / 60;
  }
  EXPECT_EQ(watch.drift().input, 1);
  EXPECT_LE(hours, 3);
  EXPECT_GE(hours, 1);
}

TEST(Drift, AlarmsMissingValuesAndInvalidFramesAreNoDrift) {
  DriftWatch watch(watched());
  const double missing = std::numeric_limits<double>::quiet_NaN();
  for (int i = 0; i < 3 * kDay; ++i) {
    watch.add(std::vector<double>{99, 99}, score(3));
    watch.add(std::vector<double>{missing, missing}, score(0.2));
    watch.add(std::vector<double>{1e42, -1e42}, Score());
  }
  EXPECT_NEAR(watch.drift().level, 0, 1e-9);
}

}  // namespace
}  // namespace lander::model
