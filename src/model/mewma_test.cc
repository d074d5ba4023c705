#include "model/mewma.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "base/time.h"

namespace lander::model {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Two inputs that rise and fall together: their difference is quiet, their sum is not.
Mewma pair_parameters() {
  Mewma p;
  p.fast = 1;
  p.slow = 0.5;
  p.pattern = {4, 0.5};
  p.level = {1, 0.05};
  p.centre = {5, -3};
  p.scale = {2, 0.5};
  p.mean = {0, 0};
  p.whiten = {0.5, 0.5, 5, -5};
  p.middle = {5, -3};
  p.tolerance = {10, 100};
  p.frozen_frames = {0, 0};
  return p;
}

Model pair_model() {
  Model model;
  model.inputs = {{"flow", 1, "flow-rate", "m3/h", 0, 10}, {"amps", 3, "current", "A", -4, -2}};
  model.lineage.method = "mewma";
  model.body = encode(pair_parameters());
  return model;
}

TEST(Mewma, ParametersComeBackAsTheyWereWritten) {
  const base::Bytes body = encode(pair_parameters());
  auto read = decode_mewma(body);
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(encode(*read), body);
  for (std::size_t cut = 0; cut < body.size(); ++cut) {
    EXPECT_FALSE(decode_mewma(base::ByteView(body).first(cut)).ok()) << cut;
  }
}

TEST(Mewma, ParametersThatCannotBeAModelAreRefused) {
  const std::vector<std::function<void(Mewma&)>> damages = {
      [](Mewma& p) { p.fast = 0; },
      [](Mewma& p) { p.slow = 1.1; },
      [](Mewma& p) { p.pattern.at = 0; },
      [](Mewma& p) { p.level.per_e_fold = -1; },
      [](Mewma& p) { p.scale[0] = 0; },
      [](Mewma& p) { p.tolerance[1] = 0; },
      [](Mewma& p) { p.whiten[3] = 1e9; },
      [](Mewma& p) { p.centre[0] = kMissing; },
      [](Mewma& p) { p.frozen_frames = {1}; },
      [](Mewma& p) { p.whiten.pop_back(); }};
  for (std::size_t i = 0; i < damages.size(); ++i) {
    Mewma p = pair_parameters();
    damages[i](p);
    EXPECT_FALSE(validate(p).ok()) << "damage " << i;
  }
}

// Flow 1 up, current as it was: z = (0.5, 0), whitened (0.25, 2.5); the other sensor expects no
// rise.
TEST(Mewma, WhatContradictsTheOthersIsTheSurpriseAndWhatTheyExpectIsTold) {
  MewmaDetector detector(pair_parameters());
  const double odd[] = {6, -3};
  const Score& score = detector.score(odd, 0);
  EXPECT_NEAR(detector.pattern(), std::hypot(0.25, 2.5), 1e-12);
  EXPECT_LT(score.score, 1);
  // P = WᵀW = [25.25 -24.75; -24.75 25.25]: flow is expected at z = 24.75/25.25 · 0 = 0.
  EXPECT_NEAR(score.expected[0], 5, 1e-6);
  detector.reset();
  const double together[] = {7, -2.5};
  EXPECT_LT(detector.score(together, 0).score, score.score + 1);
  EXPECT_NEAR(detector.pattern(), 1, 1e-12);
}

TEST(Mewma, AnAlarmNeedsBothAveragesOutAndEndsWithTheCause) {
  Mewma p = pair_parameters();
  p.pattern.at = 1e6;
  MewmaDetector detector(p);
  const double high[] = {105, 47}, well[] = {5, -3};
  for (int i = 0; i < 10; ++i) detector.score(high, i);
  EXPECT_GT(detector.score(high, 10).score, 9);
  EXPECT_GT(detector.score(high, 10).shares[0], 0.9);
  EXPECT_LT(detector.score(well, 11).score, 0.8);  // the slow average is still far out
}

TEST(Mewma, AMissingInputFitsTheOthersAndDoesNotCount) {
  MewmaDetector detector(pair_parameters());
  const double gap[] = {7, kMissing};
  const Score& score = detector.score(gap, 0);
  EXPECT_TRUE(score.valid);
  EXPECT_LT(detector.pattern(), 1);  // the least it could be: together they would be 1
  EXPECT_EQ(score.shares[1], 0);
  const double nothing[] = {kMissing, kMissing};
  EXPECT_FALSE(detector.score(nothing, 1).valid);
}

TEST(Mewma, AbsurdNumbersGiveAFiniteScoreAndAreForgottenAgain) {
  MewmaDetector detector(pair_parameters());
  const double absurd[] = {-1.18e42, 1e308}, well[] = {5, -3};
  EXPECT_TRUE(std::isfinite(detector.score(absurd, 0).score));
  EXPECT_GT(detector.score(absurd, 1).score, 1);
  for (int i = 0; i < 100; ++i) detector.score(well, i);
  EXPECT_LT(detector.score(well, 100).score, 0.1);
}

TEST(Mewma, AnotherBudgetMovesTheLimitByItsLogarithm) {
  Mewma p = pair_parameters();
  p.level.at = 1e6;
  p.pattern = {1, 0.5};
  Model model = pair_model();
  model.body = encode(p);
  model.false_alarms_per_day = 1;
  const double odd[] = {6, -3};
  const double pattern = std::hypot(0.25, 2.5);
  const auto score_at = [&](double budget) {
    return std::move(*make_detector(model, budget))->score(odd, 0).score;
  };
  EXPECT_NEAR(score_at(0), pattern, 1e-9);
  EXPECT_NEAR(score_at(std::exp(-1.0)), pattern / 1.5, 1e-9);
  EXPECT_NEAR(score_at(std::exp(1.0)), pattern / 0.5, 1e-9);
  EXPECT_NEAR(score_at(1e30), pattern / 0.3, 1e-9);  // never below 0.3 of what was trained
  EXPECT_FALSE(make_detector(model, -1).ok());
  EXPECT_FALSE(make_detector(model, kMissing).ok());
}

TEST(Mewma, AFrozenInputIsNamedThoughItsValueIsPlausible) {
  Mewma p = pair_parameters();
  p.frozen_frames = {10, 0};
  MewmaDetector detector(p);
  for (int i = 0; i < 9; ++i) {
    const double frame[] = {5, -3 + 0.01 * i};
    EXPECT_LT(detector.score(frame, i).score, 1);
  }
  const double frame[] = {5, -3};
  const Score& score = detector.score(frame, 9);
  EXPECT_GE(score.score, 1);
  EXPECT_EQ(score.shares[0], 1);
}

TEST(Mewma, ABudgetFarFromTheModelsStillHasALimit) {
  Model model = pair_model();
  model.false_alarms_per_day = 1e308;
  Mewma p = pair_parameters();
  p.pattern.per_e_fold = p.level.per_e_fold = 0;
  model.body = encode(p);
  auto detector = make_detector(model, 1e-6);
  ASSERT_TRUE(detector.ok());
  auto usual = make_detector(model);
  const double frame[] = {9, 9};
  EXPECT_GT((*usual)->score(frame, 0).score, 1);
  EXPECT_EQ((*detector)->score(frame, 0).score, (*usual)->score(frame, 0).score);
}

}  // namespace
}  // namespace lander::model
