#include "stream/pipeline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/counted_new.h"
#include "model/t2q.h"
#include "stream/bench_fixture.h"

namespace lander::stream {
namespace {

TEST(Pipeline, AnAlertIsRaisedAfterItsDelayAndClearedBelowItsHysteresis) {
  Bench bench(kHigh);
  bench.vibration(0, 2);
  bench.vibration(1, 8);
  bench.vibration(2, 8);
  bench.vibration(3.9, 8.24);
  EXPECT_TRUE(bench.signals.empty());
  bench.vibration(4, 8.24);
  ASSERT_EQ(bench.signals.size(), 1u);
  const Signal& raised = bench.signals[0];
  EXPECT_TRUE(raised.raise);
  EXPECT_EQ(raised.rule, "high");
  EXPECT_EQ(raised.time, Bench::at(4));
  EXPECT_EQ(raised.info.asset, "acme/north/water/pump-7");
  EXPECT_EQ(raised.info.title, "High vibration");
  EXPECT_EQ(raised.info.detail, "Vibration 8.2 mm/s above 7.1");
  EXPECT_EQ(raised.info.severity, alert::Severity::kHigh);
  ASSERT_EQ(raised.info.causes.size(), 1u);
  EXPECT_EQ(raised.info.causes[0].datastream, "p7-vib");
  EXPECT_NEAR(raised.info.causes[0].value, 8.24, 1e-9);
  EXPECT_NEAR(raised.info.causes[0].expected, 2, 1e-9);
  EXPECT_EQ(raised.info.causes[0].unit, "mm/s");
  for (int s = 5; s < 30; ++s) bench.vibration(s, 6.5);  // below the limit, above the hysteresis
  EXPECT_EQ(bench.signals.size(), 1u);
  for (int s = 30; s < 40; ++s) bench.vibration(s, 5);
  EXPECT_EQ(bench.signals.size(), 1u);
  bench.vibration(40, 5);
  ASSERT_EQ(bench.signals.size(), 2u);
  EXPECT_FALSE(bench.signals[1].raise);
  EXPECT_EQ(bench.signals[1].info.asset, "acme/north/water/pump-7");
}

TEST(Pipeline, ASpikeShorterThanTheDelayRaisesNothing) {
  Bench bench(kHigh);
  for (int s = 0; s < 100; ++s) bench.vibration(s, s % 3 == 0 ? 2 : 9);
  EXPECT_TRUE(bench.signals.empty());
}

TEST(Pipeline, TheDelayEndsOnATickWhenNoObservationComes) {
  Bench bench(kHigh);
  bench.vibration(0, 9);
  bench.tick(1);
  bench.tick(2);
  EXPECT_TRUE(bench.signals.empty());
  bench.tick(3);
  EXPECT_EQ(bench.signals.size(), 1u);
}

TEST(Pipeline, AStaleOrBadValueNeitherRaisesNorClears) {
  Bench bench(kHigh);
  bench.vibration(0, 9);
  bench.see(1, 1, 0.009, -1, sensing::Quality::kBadSensorFailure);
  bench.vibration(2, 9);
  bench.tick(4.9);
  EXPECT_TRUE(bench.signals.empty());  // the bad value started the delay anew
  bench.tick(5);
  EXPECT_EQ(bench.signals.size(), 1u);
  for (int s = 6; s < 200; ++s) bench.tick(s);  // silence is no recovery
  EXPECT_EQ(bench.signals.size(), 1u);
  EXPECT_GT(bench.pipeline->health().invalid_evaluations, 100u);
}

TEST(Pipeline, ALateObservationRaisesNothing) {
  Bench bench(kHigh);
  bench.vibration(100, 2);
  for (int s = 0; s < 60; ++s) bench.see(1, s, 0.02, 100.5);  // a minute's backlog above the limit
  bench.tick(101);
  bench.tick(104);
  EXPECT_TRUE(bench.signals.empty());
  // Nor does the first observation of a port, when it is older than what counts as fresh.
  Bench other(
      "  - rule: {name: low, when: flow < 5}\n  - alert: {rule: low, title: Low, severity: low}\n");
  other.vibration(100, 2);
  other.see(2, 60, 1, 100);
  other.tick(101);
  EXPECT_TRUE(other.signals.empty());
}

TEST(Pipeline, ALateObservationStillChangesItsWindow) {
  Bench bench(R"yaml(
  - window: {name: n, of: v, over: 60s, stat: count}
  - rule: {name: many, when: n >= 3}
  - alert: {rule: many, title: Many, severity: low}
)yaml");
  bench.vibration(100, 2);
  bench.see(1, 90, 0.002, 100);
  bench.see(1, 95, 0.002, 100);
  EXPECT_TRUE(bench.signals.empty());
  bench.vibration(101, 2);
  EXPECT_EQ(bench.signals.size(), 1u);
}

TEST(Pipeline, TheTimeIsThatOfTheDataSoAReplayInFastMotionDoesNotChangeTheOutcome) {
  const auto run = [](double speed) {
    Bench bench(kHigh);
    std::vector<base::TimeUs> edges;
    for (int s = 0; s < 60; ++s) {
      bench.see(1, s, s > 20 && s < 30 ? 0.009 : 0.002, 1e6 + s / speed);
    }
    for (const Signal& signal : bench.signals) edges.push_back(signal.time);
    return edges;
  };
  EXPECT_EQ(run(1).size(), 2u);
  EXPECT_EQ(run(1), run(20));
}

TEST(Pipeline, ASiteThatWokeIn1970StillWatchesASourceWithAClock) {
  Bench bench(kHigh);
  const double wrong = -1'700'000'000.0;
  for (int s = 0; s < 10; ++s) bench.see(1, s, 0.009, wrong + s);
  EXPECT_EQ(bench.signals.size(), 1u);
}

TEST(Pipeline, OneTimeFromTheFutureMakesAPipelineDeafForAMinuteAtMost) {
  Bench bench(kHigh);
  bench.vibration(0, 2);
  bench.see(1, 3e9, 0.002, 1);
  for (int s = 2; s < 120; ++s) bench.vibration(s, 9);
  EXPECT_EQ(bench.signals.size(), 1u);
  bench.see(1, 9e12, 0.009, 121);  // beyond any calendar: ignored
  sensing::Observation absurd{1, sensing::Quality::kGood, INT64_MIN, 0, 1.0};
  bench.pipeline->step(absurd, Bench::at(122), bench.sink);
  absurd.time = INT64_MAX;
  bench.pipeline->step(absurd, Bench::at(122), bench.sink);
}

TEST(Pipeline, AClockThatIsSetBackDoesNotFreezeThePipeline) {
  Bench bench(kHigh);
  bench.vibration(1000, 2);
  for (int s = 0; s < 70; ++s) bench.see(1, 1001 + s, 0.009, s);
  EXPECT_EQ(bench.signals.size(), 1u);
}

TEST(Pipeline, HealthCountsInvalidEvaluationsOnlyOnceTheInputsCouldHaveCome) {
  Bench bench(
      "  - rule: {name: both, when: v > 1 and flow > 1}\n  - alert: {rule: both, title: B, "
      "severity: low}\n");
  bench.vibration(0, 2);
  bench.vibration(1, 2);
  EXPECT_EQ(bench.pipeline->health().evaluations, 0u);
  EXPECT_EQ(bench.pipeline->health().invalid_evaluations, 0u);
  bench.flow(2, 2);
  EXPECT_EQ(bench.pipeline->health().evaluations, 1u);
  bench.vibration(11, 2);  // the flow is stale by now
  EXPECT_EQ(bench.pipeline->health().invalid_evaluations, 1u);
  EXPECT_EQ(bench.pipeline->health().observations, 4u);
  Bench silent(
      "  - rule: {name: both, when: v > 1 and flow > 1}\n  - alert: {rule: both, title: B, "
      "severity: low}\n");
  for (int s = 0; s <= 10; ++s) silent.tick(s);
  EXPECT_EQ(silent.pipeline->health().invalid_evaluations, 0u);
  silent.tick(11);
  EXPECT_EQ(silent.pipeline->health().invalid_evaluations, 1u);
}

TEST(Pipeline, NodesBuildOnNodesAndOthersSeriesAreIgnored) {
  Bench bench(R"yaml(
  - window: {name: w, of: v, over: 10s, stat: mean}
  - let: {name: ratio, is: "if(flow > 1, w / flow, 0)"}
  - window: {name: peak, of: ratio, over: 5s, stat: max}
  - rule: {name: r, when: peak > 0.5}
  - rule: {name: rr, when: "r and flow < 6"}
  - alert: {rule: rr, title: Ratio, detail: "{{{peak}}} of {w:.2f}", severity: critical}
)yaml");
  bench.flow(0, 4);
  bench.see(77, 0, 99);
  bench.vibration(0, 1);
  EXPECT_TRUE(bench.signals.empty());
  bench.vibration(1, 5);  // mean 3, ratio 0.75
  ASSERT_EQ(bench.signals.size(), 1u);
  EXPECT_EQ(bench.signals[0].info.detail, "{0.75} of 3.00");
  EXPECT_EQ(bench.signals[0].info.causes.size(), 2u);
  EXPECT_EQ(bench.pipeline->health().observations, 3u);
}

TEST(Pipeline, AWindowThatEndsByTimeClearsOnATick) {
  Bench bench(R"yaml(
  - window: {name: peak, of: v, over: 5s, stat: max}
  - rule: {name: r, when: peak > 7, clear: flow > 0 and peak < 7}
  - alert: {rule: r, title: Peak, severity: low}
)yaml");
  bench.vibration(0, 9);
  ASSERT_EQ(bench.signals.size(), 1u);
  bench.vibration(1, 1);
  bench.flow(4, 5);
  bench.tick(4.9);
  EXPECT_EQ(bench.signals.size(), 1u);
  bench.tick(5);
  ASSERT_EQ(bench.signals.size(), 2u);
}

TEST(Pipeline, AFloodedWindowIsBoundedAndTheHealthSaysSo) {
  Bench bench(
      "  - window: {name: w, of: v, over: 24h, stat: mean}\n  - rule: {name: r, when: w > 7}\n"
      "  - alert: {rule: r, title: W, severity: low}\n");
  for (int i = 0; i < 17000; ++i) bench.vibration(i * 1e-3, 2);
  EXPECT_NE(bench.pipeline->health().error.find("window w holds only"), std::string::npos);
}

TEST(Pipeline, APortThatIsNotBoundOrDoesNotConvertIsRefused) {
  auto ports = bound();
  ports.erase("flow");
  auto made = Pipeline::make(spec_of(kHigh), ports);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), base::Code::kNotFound);
  ports = bound();
  ports["v"].from_unit = "bar";
  made = Pipeline::make(spec_of(kHigh), ports);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), base::Code::kInvalid);
  EXPECT_NE(made.error().message().find("port v"), std::string::npos);
}

TEST(Pipeline, AModelFromThePackageScoresFramesAtItsInterval) {
  const std::string text = R"yaml(
ports:
  v: {property: vibration, unit: mm/s}
  flow: {property: flow-rate, unit: m3/h}
pipeline:
  - model: {name: score, file: pump.lmod, inputs: [v, flow]}
  - rule: {name: odd, when: score >= 1}
  - alert: {rule: odd, title: Odd, detail: "score {score:.2f}", severity: medium}
)yaml";
  const std::map<std::string, base::Bytes> files = {{"pump.lmod", model::encode(two_inputs())}};
  auto spec = Spec::parse(*base::Yaml::parse(text, "app.yaml"), files);
  ASSERT_TRUE(spec.ok()) << spec.error().message();
  Bench bench(kHigh);
  bench.pipeline = std::move(*Pipeline::make(*spec, bound()));
  for (int s = 0; s < 5; ++s) {
    bench.flow(s, 40);
    bench.vibration(s, 2);
  }
  EXPECT_TRUE(bench.signals.empty());
  bench.vibration(5, 5);
  bench.tick(6);
  ASSERT_EQ(bench.signals.size(), 1u);
  EXPECT_EQ(bench.signals[0].info.detail, "score 2.00");
  // A detector gives a score and nothing else.
  std::string low = text;
  low.replace(low.find("inputs: [v, flow]"), 17, "inputs: [v, flow], gives: low");
  EXPECT_NE(Spec::parse(*base::Yaml::parse(low, "app.yaml"), files)
                .error()
                .message()
                .find("only a model of remaining life"),
            std::string::npos);
  // A damaged file, and inputs that do not fit, are told at the place where they are named.
  auto damaged = files;
  damaged["pump.lmod"][40] ^= 1;
  EXPECT_FALSE(Spec::parse(*base::Yaml::parse(text, "app.yaml"), damaged).ok());
  std::string fewer = text;
  fewer.replace(fewer.find("[v, flow]"), 9, "[v]");
  auto refused = Spec::parse(*base::Yaml::parse(fewer, "app.yaml"), files);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("app.yaml:6:51: the model has 2 inputs"),
            std::string::npos)
      << refused.error().message();
}

TEST(Pipeline, NothingIsAllocatedInSteadyState) {
  Bench bench(R"yaml(
  - window: {name: mean, of: v, over: 10s, stat: mean}
  - window: {name: p95, of: v, over: 10s, stat: p95}
  - window: {name: slope, of: flow, over: 10s, stat: slope}
  - let: {name: ratio, is: "max(mean, p95) / flow + abs(slope)"}
  - rule: {
name: high, when: "ratio > 100 and not (v < 1)", for: 3s
}
  - alert: {rule: high, title: High, detail: "{ratio}", severity: high}
)yaml");
  const auto run = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      bench.vibration(i * 0.01, 2 + i % 7);
      bench.flow(i * 0.01, 40 + i % 5);
      if (i % 100 == 0) bench.tick(i * 0.01);
    }
  };
  run(0, 3000);
  const std::size_t before = allocations;
  run(3000, 20000);
  EXPECT_EQ(allocations, before);
  EXPECT_TRUE(bench.signals.empty());
}

// --- The built-in watch ---

TEST(Watch, AnAlertNamesTheAssetTheSensorsAndWhatWasExpected) {
  WatchBench bench;
  for (int s = 0; s < 20; ++s) bench.second(s, 2.1, 40);
  EXPECT_TRUE(bench.signals.empty());
  for (int s = 20; s < 30; ++s) bench.second(s, 5.4, 41);
  ASSERT_EQ(bench.signals.size(), 1u);
  const alert::Info& info = bench.signals[0].info;
  EXPECT_EQ(bench.signals[0].rule, "watch");
  EXPECT_EQ(bench.signals[0].time, Bench::at(24));  // first seen in the frame of second 21
  EXPECT_EQ(info.asset, "acme/north/water/pump-7");
  EXPECT_EQ(info.model, "digest");
  EXPECT_EQ(info.title, "Unusual behaviour of pump-7: vibration");
  EXPECT_EQ(info.detail, "vibration 5.4 mm/s, expected 2 (5.3 σ off)");
  EXPECT_EQ(info.since, Bench::at(21));
  EXPECT_NEAR(info.causes[0].deviation, 5.3, 0.2);
  EXPECT_EQ(info.severity, alert::Severity::kHigh);
  EXPECT_NEAR(info.score, 6.8 / 3, 0.01);
  ASSERT_EQ(info.causes.size(), 1u);
  EXPECT_EQ(info.causes[0].datastream, "p7-vib");
  EXPECT_GT(info.causes[0].share, 0.95);
  EXPECT_EQ(info.causes[0].unit, "mm/s");
  for (int s = 30; s < 60; ++s) bench.second(s, 2, 40);
  EXPECT_EQ(bench.signals.size(), 1u);
  for (int s = 60; s < 64; ++s) bench.second(s, 2, 40);
  ASSERT_EQ(bench.signals.size(), 2u);
  EXPECT_FALSE(bench.signals[1].raise);
}

TEST(Watch, AScoreBetweenTheHysteresisAndTheLimitKeepsTheAlert) {
  WatchBench bench;
  for (int s = 0; s < 10; ++s) bench.second(s, 4, 40);
  ASSERT_EQ(bench.signals.size(), 1u);
  for (int s = 10; s < 200; ++s) bench.second(s, 3.35, 40);  // score 0.9
  EXPECT_EQ(bench.signals.size(), 1u);
}

TEST(Watch, WithHalfOfItsInputsSilentItStillWatchesAndWithAllSilentItSaysInvalid) {
  WatchBench bench;
  for (int s = 0; s < 20; ++s) bench.vibration(s, 2);
  ASSERT_NE(watch_score(*bench.pipeline), nullptr);
  EXPECT_TRUE(watch_score(*bench.pipeline)->valid);
  EXPECT_EQ(bench.pipeline->health().invalid_evaluations, 0u);
  for (int s = 20; s < 60; ++s) bench.tick(s);
  EXPECT_FALSE(watch_score(*bench.pipeline)->valid);
  EXPECT_GT(bench.pipeline->health().invalid_evaluations, 20u);
  EXPECT_TRUE(bench.signals.empty());
}

TEST(Watch, AbsurdBadAndLateValuesAreSurvivedAndTheLateOnesRaiseNothing) {
  WatchBench bench;
  for (int s = 0; s < 20; ++s) {
    bench.second(s, 2, 40);
    bench.see(1, s + 0.5, std::numeric_limits<double>::quiet_NaN());
    bench.see(2, s + 0.5, std::numeric_limits<double>::infinity());
    bench.see(2, s + 0.6, 1e42, -1, sensing::Quality::kBadOutOfRange);
    bench.see(1, s - 15, 0.02, s + 0.7);
  }
  EXPECT_TRUE(bench.signals.empty());
  EXPECT_TRUE(std::isfinite(watch_score(*bench.pipeline)->score));
}

TEST(Watch, TicksBeforeTheFirstDataDoNotDecideItsTime) {
  WatchBench bench;
  for (int s = 0; s < 5; ++s) bench.tick(1e8 + s);
  for (int s = 0; s < 20; ++s) {  // a recording of long ago
    bench.see(1, s, 0.005, 1e8 + 5 + s);
    bench.see(2, s, 40, 1e8 + 5 + s);
  }
  EXPECT_EQ(bench.signals.size(), 1u);
}

TEST(Watch, AnInputThatIsNoLongerDeclaredIsMissingAndWithoutHalfOfThemThereIsNoWatch) {
  WatchBench bench({{"p7-vib", bound()["v"]}});
  for (int s = 0; s < 20; ++s) bench.vibration(s, 5);
  EXPECT_EQ(bench.signals.size(), 1u);
  auto none = make_watch(two_inputs(), {}, {"a", "d"});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), base::Code::kNotFound);
  EXPECT_NE(none.error().message().find("p7-vib, p7-flow"), std::string::npos);
  EXPECT_EQ(watch_score(*Bench(kHigh).pipeline), nullptr);
}

TEST(Watch, NothingIsAllocatedInSteadyState) {
  WatchBench bench;
  const auto run = [&](int from, int to) {
    for (int s = from; s < to; ++s) {
      bench.second(s, 2 + 0.1 * (s % 5), s % 40 < 20 ? 40 : 41);
      bench.tick(s + 0.5);
    }
  };
  run(0, 100);
  const std::size_t before = allocations;
  run(100, 5000);
  EXPECT_EQ(allocations, before);
  EXPECT_GT(bench.pipeline->health().evaluations, 4000u);
}

}  // namespace
}  // namespace lander::stream
