// The proof that the store never loses and never lies; see store_crash.h.
#include "sim/store_crash.h"

#include <gtest/gtest.h>

#include "sim/store_work.h"

namespace lander::sim {
namespace {

std::string told(const Verdict& verdict) {
  return "seed " + std::to_string(verdict.seed) + ", point " + std::to_string(verdict.point) +
         ": " + verdict.violation.value_or("");
}

TEST(StoreLife, HoldsWhatItWasGivenOverALongLifeWithRestartsAndCrashes) {
  SimDisk disk(1);
  StoreWork work(disk, 1);
  while (work.steps() < 300) {
    const auto wrong = work.step();
    ASSERT_FALSE(wrong) << "step " << work.steps() << ": " << *wrong;
  }
  EXPECT_GT(work.wiped(), 0u);
}

// Four parts, so that they run beside each other: 10,000 crash points together.
class StoreCrashes : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Lives, StoreCrashes, testing::Values(1, 101, 201, 301));

TEST_P(StoreCrashes, LoseNothingWhereverTheStoreIsCut) {
  const Verdict verdict = try_crashes({.seed = GetParam(), .points = 2'500, .every = 4});
  EXPECT_FALSE(verdict.violation) << told(verdict);
  EXPECT_GE(verdict.points, 2'500u);
}

// Long enough that whole hours are carried off and wiped.
TEST(StoreLife, LosesNothingThatWasNotWipedInLongLives) {
  const Verdict verdict = try_crashes({.seed = 5000, .points = 1'000, .steps = 300, .every = 120});
  EXPECT_FALSE(verdict.violation) << told(verdict);
}

TEST(StoreLife, AcknowledgesNothingFalseWhenAnyCallFailsAndGoesOnWithTheDisk) {
  const Verdict verdict = try_faults({.points = 1'500, .steps = 40, .every = 9});
  EXPECT_FALSE(verdict.violation) << told(verdict);
  EXPECT_GE(verdict.points, 1'500u);
}

// A disk without room: observations are refused, alerts are not; with room again both go through.
TEST(StoreLife, AlertsGoThroughWhileObservationsAreRefusedForWantOfRoom) {
  SimDisk disk(1);
  SimVfs vfs(disk);
  SimFiles files(disk);
  SimRandom random(1);
  ToldClock clock;
  clock.wall = 1'795'046'400 * base::kSecond;
  auto options = store_options(vfs, files, clock, random);
  options.reserve_bytes = 512 << 10;
  options.thin_below_bytes = 0;
  options.free_bytes = [&] { return base::Result<std::uint64_t>(disk.free_bytes()); };
  disk.limit(3 << 20);
  auto store = store::Store::open(options);
  ASSERT_TRUE(store.ok()) << store.error().message();
  sensing::Datastream d;
  d.id = "p";
  d.asset = "acme/p1";
  d.property = "pressure";
  const auto key = (*store)->declare(d);
  ASSERT_TRUE(key.ok());
  std::uint64_t stored = 0, alerts = 0, refused = 0;
  const auto observe = [&] {
    store::Batch batch;
    for (int i = 0; i < 500; ++i) {
      batch.observations.push_back({*key, {}, clock.wall + i, 0, random.unit()});
    }
    clock.pass(base::kSecond);
    const auto done = (*store)->commit(batch);
    if (done.ok()) {
      stored += done->stored;
    } else {
      EXPECT_EQ(done.error().code(), base::Code::kExhausted);
    }
    return done.ok();
  };
  for (int i = 0; i < 5000 && refused < 50; ++i) {
    if (observe()) continue;
    ++refused;
    store::Batch alert;
    alert.items.push_back({0, "alert-event", base::Bytes(300, 1)});
    const auto done = (*store)->commit(alert);
    ASSERT_TRUE(done.ok()) << done.error().message();
    EXPECT_EQ(done->item_numbers[0], ++alerts);
    for (bool more = true; more;) {
      const auto kept = (*store)->upkeep();
      ASSERT_TRUE(kept.ok()) << kept.error().message();
      more = *kept;
    }
  }
  EXPECT_EQ(refused, 50u);
  disk.limit(30 << 20);
  EXPECT_TRUE(observe());
  EXPECT_EQ((*store)->stats().observations, stored);
  ASSERT_TRUE((*store)->upkeep().ok());
  const auto incidents = (*store)->incidents(0, 10);
  ASSERT_TRUE(incidents.ok());
  ASSERT_FALSE(incidents->empty());
  for (const store::Incident& incident : *incidents) {
    EXPECT_EQ(incident.kind, store::Incident::Kind::kDiskFull);
  }
}

}  // namespace
}  // namespace lander::sim
