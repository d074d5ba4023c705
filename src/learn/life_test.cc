#include "learn/life.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "model/life.h"

namespace lander::learn {
namespace {

constexpr std::size_t kInputs = 6;

struct Options {
  std::size_t units = 16, rows = 50;
  double interval = 1;
  bool regimes = false;
};

// Pumps that wear at their own pace: two sensors follow the wear, one the wear's square, one is
// noise, one is constant, the last is a setting. A unit lives until its wear is 1; how its rows are
// spaced varies.
Units pumps(const Options& options, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform(0.5, 1.5);
  Units units;
  for (const char* name : {"vibration", "heat", "flow", "noise", "constant", "speed"}) {
    units.inputs.push_back({name, 1, "value", "1", 0, 0});
  }
  for (std::size_t u = 0; u < options.units; ++u) {
    units.begins.push_back(units.rows());
    const double life = static_cast<double>(options.rows) * uniform(random) * options.interval;
    double time = 1000 * uniform(random);
    const double end = time + life;
    while (time < end) {
      const double wear =
          std::exp(-5 * (end - time) / static_cast<double>(options.rows) / options.interval);
      const double speed = options.regimes ? static_cast<double>(random() % 3) : 0;
      units.times.push_back(time);
      const double shift = 20 * speed, gain = 1 + speed;
      for (const double x : {wear + 0.1 * normal(random), 2 * wear + 0.2 * normal(random),
                             1 - wear * wear + 0.1 * normal(random), normal(random)}) {
        units.values.push_back(shift + gain * x);
      }
      units.values.push_back(7);
      units.values.push_back(speed + 0.001 * normal(random));
      time += options.interval * uniform(random);
    }
  }
  return units;
}

std::span<const double> row(const Units& units, std::size_t r) {
  return {&units.values[r * kInputs], kInputs};
}

struct Judged {
  double rmse = 0, rmse_of_mean = 0, covered = 0;
};

Judged judge(const model::Model& model, const Units& units, double cap) {
  auto predictor = std::move(*model::make_predictor(model));
  double squares = 0, mean_squares = 0, covered = 0;
  for (std::size_t u = 0; u < units.begins.size(); ++u) {
    predictor->reset();
    const std::size_t end = u + 1 < units.begins.size() ? units.begins[u + 1] : units.rows();
    for (std::size_t r = units.begins[u]; r < end; ++r) {
      const auto& told = predictor->predict(row(units, r), units.times[r]);
      const double life = std::min(units.times[end - 1] - units.times[r], cap);
      squares += std::pow(told.value - life, 2);
      mean_squares += std::pow(cap / 2 - life, 2);
      covered += told.low <= life && life <= told.high;
      EXPECT_TRUE(0 <= told.low && told.low <= told.value && told.value <= told.high &&
                  told.high <= cap);
    }
  }
  const auto n = static_cast<double>(units.rows());
  return {std::sqrt(squares / n), std::sqrt(mean_squares / n), covered / n};
}

base::Result<model::Model> learn_from(const Units& units) {
  LifeRequest request;
  request.roles = {"unit", "time", ""};
  return train_life(units, request);
}

double metric(const model::Model& model, const std::string& name) {
  for (const model::Metric& one : model.lineage.metrics) {
    if (one.name == name) return one.value;
  }
  return NAN;
}

TEST(Life, UnitsItNeverSawAreToldBetterThanByAnyConstantAndTheIntervalHolds) {
  for (const double interval : {1.0, 3600.0}) {  // life is time, whatever its unit, not rows
    const auto model = learn_from(pumps({.interval = interval}, 1));
    ASSERT_TRUE(model.ok()) << model.error().message();
    const Judged judged = judge(*model, pumps({.interval = interval}, 2), metric(*model, "cap"));
    EXPECT_LT(judged.rmse, 0.5 * judged.rmse_of_mean) << interval;
    EXPECT_GT(judged.covered, 0.82);
    EXPECT_LT(judged.covered, 0.98);
  }
}

TEST(Life, OperatingRegimesAreFoundAndDoNotHideTheWear) {
  const auto model = learn_from(pumps({.regimes = true}, 1));
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ(metric(*model, "regimes"), 3);
  const Judged judged = judge(*model, pumps({.regimes = true}, 2), metric(*model, "cap"));
  EXPECT_LT(judged.rmse, 0.5 * judged.rmse_of_mean);
}

TEST(Life, TheSameDataGiveTheSameModelAndBytesGiveItBack) {
  const Units units = pumps({.units = 5}, 1);
  const auto one = learn_from(units), two = learn_from(units);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(model::encode(*one), model::encode(*two));
  const auto life = model::decode_life(one->body);
  ASSERT_TRUE(life.ok()) << life.error().message();
  EXPECT_EQ(model::encode(*life), one->body);
  const auto roles = model::roles(*one);
  ASSERT_TRUE(roles.ok());
  EXPECT_EQ(roles->unit, "unit");
  EXPECT_EQ(roles->time, "time");
  for (std::size_t n = 0; n < one->body.size(); n += n < 2000 ? 1 : 97) {
    ASSERT_FALSE(model::decode_life(base::ByteView(one->body).first(n)).ok()) << n;
  }
}

TEST(Life, AbsurdRowsAreSurvivedAndForgottenAtTheNextUnit) {
  const Units units = pumps({.units = 5}, 1);
  const auto model = learn_from(units);
  ASSERT_TRUE(model.ok());
  auto predictor = std::move(*model::make_predictor(*model));
  const double clean = predictor->predict(row(units, 0), units.times[0]).value;
  for (const double absurd : {1e42, -1e42, double{INFINITY}, double{NAN}}) {
    const std::vector<double> values(kInputs, absurd);
    for (const double time : {5.0, 1e300, -7.0, absurd}) {
      const auto& told = predictor->predict(values, time);
      EXPECT_TRUE(told.low >= 0 && told.low <= told.value && told.value <= told.high &&
                  told.high <= metric(*model, "cap"));
      double sum = 0;
      for (const double share : told.shares) sum += share;
      EXPECT_NEAR(sum, 1, 1e-9);
    }
  }
  predictor->reset();
  EXPECT_EQ(predictor->predict(row(units, 0), units.times[0]).value, clean);
}

TEST(Life, WhatExplainsIsASensorThatFollowsTheWear) {
  const Units units = pumps({.units = 5}, 1);
  const auto model = learn_from(units);
  ASSERT_TRUE(model.ok());
  auto predictor = std::move(*model::make_predictor(*model));
  model::Prediction told;
  for (std::size_t r = 0; r < units.begins[1]; ++r) {
    told = predictor->predict(row(units, r), units.times[r]);
  }
  EXPECT_GT(told.shares[0] + told.shares[1] + told.shares[2], 0.8);
  EXPECT_EQ(told.shares[4], 0);
}

TEST(Life, WhatCannotBeLearnedFromIsRefusedWithItsReason) {
  const auto refused = [](const Units& units, const std::string& reason) {
    const auto model = learn_from(units);
    if (model.ok()) return false;
    EXPECT_NE(model.error().message().find(reason), std::string::npos) << model.error().message();
    return model.error().code() == base::Code::kInvalid;
  };
  EXPECT_TRUE(refused(pumps({.units = 2}, 1), "at least 3 units"));
  EXPECT_TRUE(refused(pumps({.rows = 2}, 1), "rows"));
  Units units = pumps({.units = 4}, 1);
  std::fill(units.values.begin(), units.values.end(), 3.0);
  EXPECT_TRUE(refused(units, "no column changes"));
  std::fill(units.values.begin(), units.values.end(), NAN);
  EXPECT_TRUE(refused(units, "no column changes"));
  units = pumps({.units = 4}, 1);
  std::swap(units.times[3], units.times[4]);
  EXPECT_TRUE(refused(units, "order of time"));
  units = pumps({.units = 4}, 1);
  units.times[3] = NAN;
  EXPECT_TRUE(refused(units, "time"));
}

TEST(Life, RegimesOfTooFewRowsAreTakenForOne) {
  Options options;
  options.units = 3;
  options.rows = 8;
  options.regimes = true;
  for (unsigned seed = 1; seed < 20; ++seed) {
    const auto model = train_life(pumps(options, seed), {});
    if (!model.ok()) continue;  // a unit of too few rows, said so
    EXPECT_EQ(model::decode_life(model->body)->plan.regimes(), 1u) << seed;
  }
}

TEST(Life, OutliersAndGapsInTrainingAreSurvived) {
  Units units = pumps({}, 1);
  std::mt19937 random(1);
  for (double& value : units.values) {
    if (random() % 20 == 0) value = NAN;
    if (random() % 500 == 0) value = random() % 2 == 0 ? 1e42 : -1e42;
  }
  const auto model = learn_from(units);
  ASSERT_TRUE(model.ok()) << model.error().message();
  const Judged judged = judge(*model, pumps({}, 2), metric(*model, "cap"));
  EXPECT_LT(judged.rmse, 0.6 * judged.rmse_of_mean);
}

}  // namespace
}  // namespace lander::learn
