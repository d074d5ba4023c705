// What the tests of learning share: a plant of six sensors, and faults put into it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "learn/learn.h"

namespace lander::learn {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
inline constexpr std::size_t kInputs = 6;
enum { kFlow, kCurrent, kDischarge, kBearing, kVibration, kSuction };

// A plant: six sensors that follow a load and a temperature.

class SimulatedPlant {
 public:
  explicit SimulatedPlant(std::uint64_t seed) : random_(seed) {}

  // One second on. `row` has room for kInputs values.
  void next(double* row) {
    load_ += -load_ / 120 + std::sqrt(2.0 / 120) * normal_(random_);
    heat_ += -heat_ / 300 + std::sqrt(2.0 / 300) * normal_(random_);
    row[0] = 40 + 3 * load_ + 0.6 * noise();                // flow, m3/h
    row[1] = 12 + 1.2 * load_ + 0.25 * noise();             // current, A
    row[2] = 5 - 0.4 * load_ + 0.08 * noise();              // discharge pressure, bar
    row[3] = 55 + 2 * heat_ + 0.5 * load_ + 0.2 * noise();  // bearing temperature, Cel
    row[4] = 2.1 + 0.1 * load_ + 0.15 * noise();            // vibration, mm/s
    row[5] = 1.2 + 0.02 * noise();                          // suction pressure, bar
  }
  static Frames frames() {
    Frames result;
    const char* names[][3] = {{"flow", "flow-rate", "m3/h"},      {"current", "motor-current", "A"},
                              {"discharge", "pressure", "bar"},   {"bearing", "temperature", "Cel"},
                              {"vibration", "vibration", "mm/s"}, {"suction", "pressure", "bar"}};
    for (const auto& name : names) result.inputs.push_back({name[0], 1, name[1], name[2], 0, 0});
    return result;
  }
  Frames healthy(std::size_t rows) {
    Frames result = frames();
    for (std::size_t r = 0; r < rows; ++r) {
      result.times.push_back(static_cast<base::TimeUs>(r) * base::kSecond);
      double row[kInputs];
      next(row);
      result.values.insert(result.values.end(), row, row + kInputs);
    }
    return result;
  }

 private:
  double noise() { return normal_(random_); }
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  double load_ = 0, heat_ = 0;
};

inline Request request(double per_day = 1.0 / 30) {
  Request r;
  r.asset = "acme/north/pump-7";
  r.parent = "parent";
  r.labels_digest = "labels";
  r.trained_by = "test";
  r.now = 42;
  r.false_alarms_per_day = per_day;
  return r;
}

inline model::Model trained(std::uint64_t seed, std::size_t rows) {
  SimulatedPlant plant(seed);
  auto model = train(plant.healthy(rows), request());
  EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().message());
  return *model;
}

struct Outcome {
  std::size_t frames_to_alarm = 0;  // 0: none
  std::size_t first_cause = 0;
  double expected = 0;
  double most = 0;
};

// Healthy for five minutes, then `damage(row, seconds since the fault)`.
template <class Damage>
Outcome run_fault(const model::Model& model, std::uint64_t seed, std::size_t frames,
                  Damage damage) {
  auto detector = std::move(*model::make_detector(model));
  SimulatedPlant plant(seed);
  double row[kInputs];
  for (int i = 0; i < 300; ++i) {
    plant.next(row);
    detector->score(row, 0);
  }
  Outcome outcome;
  for (std::size_t i = 0; i < frames; ++i) {
    plant.next(row);
    damage(row, static_cast<double>(i));
    const model::Score& score = detector->score(row, 0);
    outcome.most = std::max(outcome.most, score.score);
    if (score.score >= 1 && outcome.frames_to_alarm == 0) {
      outcome.frames_to_alarm = i + 1;
      const auto top = std::max_element(score.shares.begin(), score.shares.end());
      outcome.first_cause = static_cast<std::size_t>(top - score.shares.begin());
      outcome.expected = score.expected[outcome.first_cause];
    }
  }
  return outcome;
}

}  // namespace lander::learn
