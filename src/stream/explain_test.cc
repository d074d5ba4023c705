// Why a watch raised, since when, and whether its data drifted.
#include "stream/bench_fixture.h"

namespace lander::stream {
namespace {

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

}  // namespace
}  // namespace lander::stream
