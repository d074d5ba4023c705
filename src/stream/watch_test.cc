// The built-in watch.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "stream/pipeline_fixture.h"

namespace lander::stream {
namespace {

struct WatchBench : Bench {
  explicit WatchBench(const std::map<std::string, BoundPort>& ports) : Bench(kHigh) {
    auto made = make_watch(two_inputs(), ports, {"acme/north/water/pump-7", "digest"});
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message());
    pipeline = std::move(*made);
  }
  WatchBench() : WatchBench({{"p7-vib", bound()["v"]}, {"p7-flow", bound()["flow"]}}) {}
  void second(double s, double v, double f) {
    vibration(s, v);
    flow(s, f);
  }
};

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

TEST(Watch, AnAlertSaysSinceWhenTheScoreWasRisingNotOnlySinceItPassedTheLimit) {
  WatchBench bench;
  for (int s = 0; s < 100; ++s) bench.second(s, 2 + 0.1 * (s % 3), 40);
  for (int s = 100; s < 400 && bench.signals.empty(); ++s)
    bench.second(s, 2.1 + 0.01 * (s - 100), 40);
  ASSERT_EQ(bench.signals.size(), 1u);
  const alert::Info& info = bench.signals[0].info;
  EXPECT_LT(info.since, bench.signals[0].time - 30 * base::kSecond);
  EXPECT_GT(info.since, Bench::at(100));
}

TEST(Watch, DataThatLeavesTheRangeOfTrainingQuietlyIsDriftAndHealthyDataIsNone) {
  const auto drift_of = [](double flow) {
    model::Model model = two_inputs();
    model.inputs[1].most = 45;
    WatchBench bench;
    bench.pipeline = std::move(*make_watch(
        model, {{"p7-vib", bound()["v"]}, {"p7-flow", bound()["flow"]}}, {"pump-7", "digest"}));
    for (int s = 0; s < 8000; ++s) bench.second(s, 2.1, s % 10 == 0 ? flow : 40);
    EXPECT_TRUE(bench.signals.empty());
    return watch_score(*bench.pipeline)->drift;
  };
  EXPECT_EQ(drift_of(46).level, 0) << "within a tenth of the range";
  const model::Drift drift = drift_of(48);
  EXPECT_GT(drift.level, 0.5) << "a third of six hours";
  EXPECT_EQ(drift.input, 1);
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
  const std::size_t before = allocations();
  run(100, 5000);
  EXPECT_EQ(allocations(), before);
  EXPECT_GT(bench.pipeline->health().evaluations, 4000u);
}

}  // namespace
}  // namespace lander::stream
