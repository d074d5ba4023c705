#include "site/intake.h"

#include <gtest/gtest.h>

namespace lander::site {
namespace {

sensing::Observation waveform(std::size_t samples) {
  return {1, sensing::Quality::kGood, 1, 0,
          std::make_shared<const sensing::Waveform>(
              sensing::Waveform{1000, std::vector<double>(samples, 1.5)})};
}

struct Bench {
  base::Bytes kept;
  Intake intake{os::system_clock(), [](const std::string&, const stream::Signal&) {},
                [this](base::ByteView content, std::string_view type) {
                  kept.assign(content.begin(), content.end());
                  return base::Result<sensing::Object>(
                      sensing::Object{{}, content.size(), std::string(type)});
                }};
  bool accept(std::vector<sensing::Observation> observations) {
    return intake.accept(observations, {});
  }
  void commit_all() {  // what the pipelines have seen, until nothing waits
    while (intake.stats().pending > 0) {
      const std::size_t seen = intake.uncommitted().size();
      if (seen > 0) intake.committed(seen);
      std::this_thread::yield();
    }
    intake.settle();
  }
};

TEST(Intake, WhatWaitsIsBoundedInBytesThoughWaveformsAreLong) {
  Bench bench;
  std::size_t accepted = 0;
  while (bench.accept({waveform(30'000)})) ASSERT_LT(++accepted, Intake::kMaxPending);
  const std::size_t bytes = accepted * 30'000 * sizeof(double);
  EXPECT_LE(bytes, Intake::kMaxPending * sizeof(sensing::Observation));
  EXPECT_GE(accepted, 10u);
  EXPECT_FALSE(bench.accept({waveform(30'000)}));
  bench.commit_all();
  EXPECT_TRUE(bench.accept({waveform(30'000)}));
  bench.commit_all();
}

TEST(Intake, WhatIsHeavierThanTheBoundIsTakenAloneAndNotRefusedForEver) {
  Bench bench;
  const std::vector<sensing::Observation> burst(20, waveform(65'536));
  EXPECT_TRUE(bench.accept(burst));
  EXPECT_FALSE(bench.accept({waveform(1)}));
  bench.commit_all();
  EXPECT_TRUE(bench.accept({waveform(1)}));
  bench.commit_all();
}

TEST(Intake, AnObjectGoesToWhoKeepsIt) {
  Bench bench;
  const auto kept = bench.intake.keep(base::as_bytes("abc"), "text/plain");
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->bytes, 3u);
  EXPECT_EQ(kept->media_type, "text/plain");
  EXPECT_EQ(base::as_text(bench.kept), "abc");
}

}  // namespace
}  // namespace lander::site
