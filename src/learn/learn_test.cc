#include "learn/learn.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>

#include "learn/plant_fixture.h"

namespace lander::learn {
namespace {

// What the other sensors contradict is found at once. The bearing's temperature wanders by itself,
// and nothing else tells of it: its step has to last.
TEST(Learn, AStepIsFoundWithinSecondsAndTheSensorIsNamed) {
  const model::Model model = trained(1, 7200);
  const double step[kInputs] = {-9, 3, 1, 20, 3, -0.3};
  for (std::size_t i = 0; i < kInputs; ++i) {
    const Outcome outcome =
        run_fault(model, 100 + i, 300, [&](double* row, double) { row[i] += step[i]; });
    EXPECT_GT(outcome.frames_to_alarm, 0u) << "input " << i << " most " << outcome.most;
    EXPECT_LE(outcome.frames_to_alarm, i == kBearing ? 240u : 30u) << "input " << i;
    EXPECT_EQ(outcome.first_cause, i);
  }
}

TEST(Learn, TheExpectedValueIsNearWhatTheSensorWouldHaveSaid) {
  const model::Model model = trained(1, 3600);
  const Outcome outcome =
      run_fault(model, 200, 60, [&](double* row, double) { row[kVibration] += 6; });
  EXPECT_EQ(outcome.first_cause, std::size_t{kVibration});
  EXPECT_NEAR(outcome.expected, 2.1, 0.6);
}

TEST(Learn, ARampIsFoundAndTheSensorIsNamed) {
  const model::Model model = trained(2, 3600);
  const Outcome bearing = run_fault(
      model, 300, 900, [](double* row, double t) { row[kBearing] += 20 * std::min(1.0, t / 600); });
  EXPECT_GT(bearing.frames_to_alarm, 0u);
  EXPECT_EQ(bearing.first_cause, std::size_t{kBearing});
  // Within what the sensor alone may say, but not together with the load that the others show.
  const Outcome flow = run_fault(
      model, 301, 900, [](double* row, double t) { row[kFlow] -= 9 * std::min(1.0, t / 600); });
  EXPECT_GT(flow.frames_to_alarm, 0u) << flow.most;
  EXPECT_EQ(flow.first_cause, std::size_t{kFlow});
}

TEST(Learn, AFrozenSensorIsFoundAndNamedThoughItsValueIsPlausible) {
  const model::Model model = trained(3, 3600);
  const Outcome outcome =
      run_fault(model, 400, 300, [](double* row, double) { row[kSuction] = 1.2; });
  EXPECT_GT(outcome.frames_to_alarm, 0u);
  EXPECT_LE(outcome.frames_to_alarm, 80u);
  EXPECT_EQ(outcome.first_cause, std::size_t{kSuction});
}

TEST(Learn, AMissingSensorNeitherAlarmsNorHidesAFaultOfAnother) {
  const model::Model model = trained(4, 3600);
  const Outcome quiet = run_fault(
      model, 500, 600, [](double* row, double) { row[kFlow] = row[kBearing] = kMissing; });
  EXPECT_EQ(quiet.frames_to_alarm, 0u);
  const Outcome fault = run_fault(model, 501, 60, [](double* row, double) {
    row[kFlow] = row[kBearing] = kMissing;
    row[kVibration] += 3;
  });
  EXPECT_GT(fault.frames_to_alarm, 0u);
  EXPECT_EQ(fault.first_cause, std::size_t{kVibration});
}

// Budget: one false alarm in 30 days. At that rate more than 4 in 30 days have a probability of
// 0.4 % (Poisson), so a model that keeps its budget passes for nearly every seed; these are fixed.
// One alarm is an excursion held for 3 frames (the watch's on-delay); it ends after 30 quiet
// frames.
TEST(Learn, ThirtyHealthyDaysRaiseNoMoreAlarmsThanTheBudgetAllows) {
  for (const std::size_t minutes : {10u, 120u}) {
    const model::Model model = trained(5, minutes * 60);
    auto detector = std::move(*model::make_detector(model));
    SimulatedPlant plant(600);
    double row[kInputs], most = 0;
    int alarms = 0, above = 0, quiet = 0;
    bool active = false;
    for (int second = 0; second < 30 * 86400; ++second) {
      plant.next(row);
      const double score = detector->score(row, 0).score;
      most = std::max(most, score);
      above = score >= 1 ? above + 1 : 0;
      quiet = score < 0.8 ? quiet + 1 : 0;
      if (!active && above >= 3) {
        active = true;
        ++alarms;
      }
      if (active && quiet >= 30) active = false;
    }
    RecordProperty("most_" + std::to_string(minutes), std::to_string(most));
    printf("trained on %zu min: %d alarms in 30 healthy days, highest score %.2f\n", minutes,
           alarms, most);
    EXPECT_LE(alarms, 4) << "trained on " << minutes << " minutes";
  }
}

TEST(Learn, LimitsAreSetOnAHeldBackPartAndTheModelSaysSo) {
  const model::Model model = trained(6, 2000);
  const auto metric = [&](const std::string& name) {
    for (const model::Metric& m : model.lineage.metrics) {
      if (m.name == name) return m.value;
    }
    return kMissing;
  };
  EXPECT_EQ(metric("fit_rows"), 1300);
  EXPECT_EQ(metric("held_rows"), 700);
  EXPECT_LE(metric("held_max_score"), 1 / 1.1 + 1e-9);
  EXPECT_GT(metric("held_max_score"), 0.01);
  EXPECT_GE(metric("held_blocks"), 10);
  EXPECT_EQ(model.lineage.method, "mewma");
  EXPECT_EQ(model.lineage.parent, "parent");
  EXPECT_EQ(model.lineage.labels_digest, "labels");
  EXPECT_EQ(model.lineage.trained_to, 1999 * base::kSecond);
  EXPECT_EQ(model.lineage.created, 42);
  EXPECT_LT(model.inputs[kFlow].least, 38);
  EXPECT_GT(model.inputs[kFlow].most, 42);
  EXPECT_TRUE(model::decode_model(model::encode(model)).ok());
}

TEST(Learn, TheSameDataMakesTheSameModelToTheByte) {
  EXPECT_EQ(model::encode(trained(7, 900)), model::encode(trained(7, 900)));
}

TEST(Learn, AbsurdNumbersAndMissingRowsAreLeftOutAndCounted) {
  SimulatedPlant plant(8);
  Frames frames = plant.healthy(2000);
  frames.values[100 * kInputs + kFlow] = 1e42;
  frames.values[200 * kInputs + kFlow] = -1e30;
  frames.values[300 * kInputs + kBearing] = std::numeric_limits<double>::infinity();
  frames.values[400 * kInputs + kBearing] = 1e9;
  for (std::size_t r = 700; r < 800; ++r) frames.values[r * kInputs + kSuction] = kMissing;
  auto model = train(frames, request());
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ(model->lineage.rows_left_out, 94);  // the first ten seconds of silence are held
  EXPECT_LT(model->inputs[kFlow].most, 100);
}

// Sources poll about once a second: some frames see two samples, the next none.
TEST(Learn, SamplesThatMissTheirFrameNowAndThenDoNotPreventLearning) {
  SimulatedPlant plant(17);
  Frames frames = plant.healthy(900);
  std::mt19937_64 random(17);
  for (float& value : frames.values) {
    if (random() % 5 == 0) value = static_cast<float>(kMissing);
  }
  auto model = train(frames, request());
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_GT(model->lineage.rows, 880);
}

TEST(Learn, AnInputThatNeverChangesIsLearnedAndItsDepartureIsFound) {
  SimulatedPlant plant(9);
  Frames frames = plant.healthy(1200);
  for (std::size_t r = 0; r < frames.rows(); ++r) frames.values[r * kInputs + kSuction] = 100;
  const Readiness readiness = assess(frames);
  EXPECT_TRUE(readiness.ready);
  EXPECT_NE(readiness.inputs[kSuction].complaint.find("never changes"), std::string::npos);
  auto model = train(frames, request());
  ASSERT_TRUE(model.ok()) << model.error().message();
  auto detector = std::move(*model::make_detector(*model));
  double row[kInputs];
  for (int second = 0; second < 600; ++second) {
    plant.next(row);
    row[kSuction] = 100;
    EXPECT_LT(detector->score(row, 0).score, 1);
  }
  for (int second = 0; second < 10; ++second) {
    plant.next(row);
    row[kSuction] = 60;
    detector->score(row, 0);
  }
  const model::Score& score = detector->score(row, 0);
  EXPECT_GT(score.score, 1);
  EXPECT_GT(score.shares[kSuction], 0.9);
}

// Every quarter of an hour the pump is flushed for a minute: harmless, and unlike anything else.
Frames flushed(std::uint64_t seed, std::size_t rows) {
  SimulatedPlant plant(seed);
  Frames frames = plant.healthy(rows);
  for (std::size_t begin = 450; begin + 60 < rows; begin += 900) {
    for (std::size_t r = begin; r < begin + 60; ++r) {
      frames.values[r * kInputs + kDischarge] += 0.9;
      frames.values[r * kInputs + kVibration] += 1.6;
    }
    frames.harmless.emplace_back(begin - 30, begin + 90);
  }
  return frames;
}

double most_in_flushes(const model::Model& model, const Frames& frames) {
  auto detector = std::move(*model::make_detector(model));
  double most = 0;
  for (const auto& [begin, end] : frames.harmless) {
    detector->reset();
    for (std::size_t r = begin; r < end; ++r) {
      std::vector<double> row(&frames.values[r * kInputs], &frames.values[(r + 1) * kInputs]);
      most = std::max(most, detector->score(row, frames.times[r]).score);
    }
  }
  return most;
}

// As the site does: what nobody judged yet is left out; the first `verdicts` flushes were judged.
Frames with_verdicts(const Frames& seen, std::size_t verdicts) {
  Frames out = SimulatedPlant::frames();
  for (std::size_t r = 0; r < seen.rows(); ++r) {
    const auto of = std::find_if(seen.harmless.begin(), seen.harmless.end(),
                                 [&](const auto& e) { return r >= e.first && r < e.second; });
    const bool judged = of < seen.harmless.begin() + static_cast<std::ptrdiff_t>(verdicts);
    if (of != seen.harmless.end() && !judged) continue;
    if (of != seen.harmless.end() && r == of->first)
      out.harmless.emplace_back(out.rows(), out.rows() + (of->second - of->first));
    out.times.push_back(seen.times[r]);
    const auto row = seen.values.begin() + static_cast<std::ptrdiff_t>(r * kInputs);
    out.values.insert(out.values.end(), row, row + kInputs);
  }
  return out;
}

TEST(Learn, AVerdictOfTheLastHourDoesNotKeepFromLearning) {
  SimulatedPlant plant(33);
  Frames frames = plant.healthy(2000);
  frames.harmless.emplace_back(1250, 2000);
  const auto model = train(frames, request());
  EXPECT_TRUE(model.ok()) << model.error().message();
}

TEST(Learn, WhatPeopleJudgedHarmlessRaisesNoMoreAndFaultsAreFoundAsBefore) {
  const Frames seen = flushed(30, 7200), later = flushed(31, 7200);
  const auto before = train(with_verdicts(seen, 0), request());
  ASSERT_TRUE(before.ok()) << before.error().message();
  EXPECT_GT(most_in_flushes(*before, later), 1.5);
  const auto after = train(with_verdicts(seen, 2), request());
  ASSERT_TRUE(after.ok()) << after.error().message();
  EXPECT_LT(most_in_flushes(*after, later), 1);
  const double step[kInputs] = {-9, 3, 1.6, 20, 3, -0.3};
  for (std::size_t i = 0; i < kInputs; ++i) {
    const auto damage = [&](double* row, double) { row[i] += step[i]; };
    const Outcome was = run_fault(*before, 400 + i, 300, damage);
    const Outcome is = run_fault(*after, 400 + i, 300, damage);
    EXPECT_GT(is.frames_to_alarm, 0u) << "input " << i << ": " << is.most << " was " << was.most;
    EXPECT_LE(is.frames_to_alarm, was.frames_to_alarm + 60) << "input " << i;
  }
}

TEST(Readiness, TooLittleDataIsRefusedWithWhatIsThereAndWhatIsNeeded) {
  SimulatedPlant plant(10);
  Frames frames = plant.healthy(45);
  frames.near_alarms = 90;
  const Readiness readiness = assess(frames);
  EXPECT_FALSE(readiness.ready);
  EXPECT_EQ(readiness.rows_usable, 45);
  EXPECT_EQ(readiness.rows_needed, 64);
  EXPECT_NE(readiness.reason.find("45 of 64 healthy seconds"), std::string::npos)
      << readiness.reason;
  EXPECT_NE(readiness.reason.find("90 seconds are left out, as they are within a minute of an"),
            std::string::npos)
      << readiness.reason;
  auto model = train(frames, request());
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code(), base::Code::kInvalid);
  EXPECT_NE(model.error().message().find("45 of 64 healthy seconds"), std::string::npos);
}

TEST(Readiness, DataOfLessThanADayIsReadyButTheOperatorIsWarned) {
  SimulatedPlant plant(18);
  Frames frames = plant.healthy(600);
  EXPECT_TRUE(assess(frames).ready);
  EXPECT_NE(assess(frames).reason.find("10 of 10 minutes healthy; less than a day"),
            std::string::npos)
      << assess(frames).reason;
  for (std::size_t r = 300; r < 600; ++r) frames.times[r] += base::kDay;
  EXPECT_NE(assess(frames).reason.find("10 minutes healthy of 24.2 hours; less than a day"),
            std::string::npos)
      << assess(frames).reason;
}

TEST(Readiness, ASensorFrozenFortyPercentOfTheTimeIsNamedAndLeftOut) {
  SimulatedPlant plant(11);
  Frames frames = plant.healthy(2000);
  for (std::size_t r = 500; r < 1300; ++r) frames.values[r * kInputs + kBearing] = 55;
  const Readiness readiness = assess(frames);
  EXPECT_TRUE(readiness.ready);
  EXPECT_EQ(readiness.rows_usable, 2000);
  EXPECT_FALSE(readiness.inputs[kBearing].used);
  EXPECT_NEAR(readiness.inputs[kBearing].frozen, 0.4, 0.01);
  EXPECT_NE(readiness.reason.find("bearing: frozen 40 % of the time; left out"), std::string::npos)
      << readiness.reason;
  EXPECT_TRUE(readiness.inputs[kFlow].complaint.empty());
  const auto model = train(frames, request());
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ(model->inputs.size(), kInputs - 1);
}

TEST(Readiness, ASensorThatIsMissingTooOftenIsNamedAndLeftOut) {
  SimulatedPlant plant(12);
  Frames frames = plant.healthy(2000);
  for (std::size_t r = 0; r < 600; ++r) {
    frames.values[r * kInputs + kFlow] = static_cast<float>(kMissing);
  }
  const Readiness readiness = assess(frames);
  EXPECT_TRUE(readiness.ready);
  EXPECT_FALSE(readiness.inputs[kFlow].used);
  EXPECT_NE(readiness.reason.find("flow: missing 30 % of the time; left out"), std::string::npos)
      << readiness.reason;
}

// As a well's record is: an empty column, one of absurd numbers, one that never moves, one that
// works.
TEST(Readiness, OneInputThatWorksIsEnough) {
  SimulatedPlant plant(19);
  Frames frames = plant.healthy(900);
  for (std::size_t r = 0; r < frames.rows(); ++r) {
    float* row = &frames.values[r * kInputs];
    row[kFlow] = row[kCurrent] = static_cast<float>(kMissing);
    row[kDischarge] = static_cast<float>(-1.18e42);
    row[kBearing] = 70;
    row[kVibration] = 0;
  }
  const auto model = train(frames, request());
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ(model->inputs.size(), 3u);
  for (std::size_t r = 0; r < frames.rows(); ++r) {
    frames.values[r * kInputs + kSuction] = static_cast<float>(kMissing);
  }
  EXPECT_FALSE(train(frames, request()).ok());
}

// Two files of one machine, a year apart or at the same time; the second runs 30 degrees hotter.
TEST(Learn, RunsAreLearnedTogetherAndNothingReachesOverTheirStart) {
  SimulatedPlant plant(20);
  Frames frames = plant.healthy(1000);
  frames.runs = {500};
  for (std::size_t r = 500; r < 1000; ++r) {
    frames.times[r] -= 500 * base::kSecond;
    frames.values[r * kInputs + kBearing] += 30;
  }
  const auto model = train(frames, request());
  ASSERT_TRUE(model.ok()) << model.error().message();
  EXPECT_EQ(model->lineage.rows, 1000);
  EXPECT_EQ(model->lineage.trained_to, 499 * base::kSecond);
  frames.runs = {};
  EXPECT_FALSE(train(frames, request()).ok());  // times that step back within one run
}

TEST(Learn, TheLimitRisesAsTheBudgetFalls) {
  const model::Model model = trained(21, 3600);
  const auto most_at = [&](double per_day) {
    auto detector = std::move(*model::make_detector(model, per_day));
    SimulatedPlant plant(22);
    double row[kInputs], most = 0;
    for (int second = 0; second < 600; ++second) {
      plant.next(row);
      row[kVibration] += 3;
      most = std::max(most, detector->score(row, 0).score);
    }
    return most;
  };
  const double monthly = most_at(1.0 / 30);
  EXPECT_GT(monthly, 1);
  EXPECT_EQ(monthly, most_at(0));  // 0: as trained
  EXPECT_LT(most_at(1.0 / 3650), monthly);
  EXPECT_GT(most_at(1), monthly);
}

TEST(Readiness, GapsThatLeaveOnlyShortStretchesAreTold) {
  SimulatedPlant plant(13);
  Frames frames = plant.healthy(1000);
  for (std::size_t r = 0; r < frames.rows(); ++r) {
    frames.times[r] +=
        static_cast<base::TimeUs>(r / 15) * base::kMinute;  // a minute's gap every 15 s
  }
  const Readiness readiness = assess(frames);
  EXPECT_FALSE(readiness.ready);
  EXPECT_EQ(readiness.rows_usable, 0);
  EXPECT_NE(readiness.reason.find("66 gaps in time"), std::string::npos) << readiness.reason;
}

TEST(Readiness, MalformedFramesAreRefusedNotRead) {
  SimulatedPlant plant(14);
  Frames frames = plant.healthy(400);
  frames.values.pop_back();
  EXPECT_FALSE(assess(frames).ready);
  EXPECT_FALSE(train(frames, request()).ok());
  frames = plant.healthy(400);
  std::swap(frames.times[3], frames.times[4]);
  EXPECT_FALSE(assess(frames).ready);
  EXPECT_FALSE(assess(Frames{}).ready);
}

}  // namespace
}  // namespace lander::learn
