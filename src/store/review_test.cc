// Faults that a reviewer found, each as the promise that it broke.
#include <algorithm>
#include <functional>
#include <utility>

#include "os/sqlite.h"
#include "store/testing.h"
#include "store/timeline.h"

namespace lander::store {
namespace {

using base::kDay;
using base::kHour;
using base::kMinute;
using base::kSecond;

class ReviewTest : public StoreTest {
 protected:
  ReviewTest() {
    options_.raw_lane.reset();
    options_.compact_frames = 1000;
    options_.free_bytes = [this]() -> base::Result<std::uint64_t> { return free_; };
    open();
  }
  // From another connection; the store may be open.
  void sql(const std::string& statement) {
    auto database = os::Database::open(options_.path, {});
    ASSERT_TRUE(database.ok());
    const auto done = database->execute(statement);
    ASSERT_TRUE(done.ok()) << done.error().message();
  }
  double latest(SeriesKey key) {
    const auto sample = store_->latest(key);
    if (!sample.ok() || !*sample) return -1;
    return std::get<double>((*sample)->observation.value);
  }
  std::size_t count(Incident::Kind kind) {
    const auto incidents = store_->incidents(0, 1000);
    return static_cast<std::size_t>(
        std::count_if(incidents->begin(), incidents->end(),
                      [&](const Incident& incident) { return incident.kind == kind; }));
  }
  std::string object_path(const sensing::Object& object) {
    const std::string name = base::to_hex(object.sha256);
    return folder_ / "objects" / name.substr(0, 2) / name;
  }
  std::uint64_t free_ = std::uint64_t{1} << 40;
};

TEST_F(ReviewTest, TheLatestIsTheNewestInUtcThoughTheClockWasSetBackWithinABatch) {
  const auto key = declare("a");
  commit({.observations = {at(key, clock_.wall, 1.0)}});
  clock_.pass(10 * kSecond);
  const auto before = clock_.wall;
  ASSERT_TRUE(store_->clock_reference(clock_.wall, kSecond, "hub").ok());
  commit({.observations = {at(key, clock_.wall - kSecond, 1.5)}});
  EXPECT_EQ(latest(key), 1.5);
  clock_.wall -= kHour;
  clock_.pass(10 * kSecond);
  commit({.observations = {at(key, before, 2.0), at(key, clock_.wall, 3.0)}});
  EXPECT_EQ(latest(key), 3.0);
  open();
  EXPECT_EQ(latest(key), 3.0);
}

TEST_F(ReviewTest, ADamagedFrameHidesNoOtherSeriesLatest) {
  const auto a = declare("a"), b = declare("b");
  commit({.observations = {at(a, kNow, 1.0)}});
  commit({.observations = {at(b, kNow + kSecond, 2.0)}});
  store_.reset();
  sql("UPDATE frame SET data=zeroblob(30) WHERE id=2");
  open();
  EXPECT_EQ(latest(a), 1.0);
  EXPECT_EQ(store_->stats().damaged, 1u);
  all(a);
  EXPECT_EQ(gaps_.size(), 1u);  // it may have been in there
}

TEST_F(ReviewTest, TheLatestBeforeADamagedChunkIsFound) {
  options_.compact_frames = 1;
  open();
  const auto key = declare("a");
  for (int part = 0; part < 3; ++part) {
    Batch batch;
    for (int i = 0; i < 4096; ++i) {
      const int n = part * 4096 + i;
      batch.observations.push_back(at(key, kNow + n * kSecond, static_cast<double>(n)));
    }
    commit(batch);
    keep_up();
  }
  store_.reset();
  sql("UPDATE chunk SET data=zeroblob(30) WHERE t_last=(SELECT max(t_last) FROM chunk)");
  open();
  EXPECT_EQ(latest(key), 2 * 4096 - 1);
}

TEST_F(ReviewTest, OneDamageIsToldOnceHoweverOftenTheStoreStarts) {
  const auto key = declare("a");
  commit({.observations = {at(key, kNow, 1.0)}});
  commit({.observations = {at(key, kNow + 1, 1.0)}});
  store_.reset();
  sql("UPDATE frame SET data=zeroblob(30) WHERE id=1");
  for (int i = 0; i < 5; ++i) {
    open();
    EXPECT_EQ(store_->stats().damaged, 1u);
    keep_up();
  }
  EXPECT_EQ(store_->incidents(0, 100)->size(), 1u);
}

TEST_F(ReviewTest, DamageThatIsFoundAtTheStartIsToldInUtc) {
  clock_.wall = 1000 * kSecond;
  open();
  const auto key = declare("a");
  commit({.observations = {at(key, clock_.wall, 1.0)}});
  ASSERT_TRUE(store_->clock_reference(kNow, kSecond, "hub").ok());
  store_.reset();
  sql("UPDATE frame SET data=zeroblob(30)");
  open();
  keep_up();
  const auto incidents = store_->incidents(0, 10);
  ASSERT_EQ(incidents->size(), 1u);
  EXPECT_EQ(incidents->front().from, kNow);
  EXPECT_EQ(incidents->front().to, kNow);
}

TEST_F(ReviewTest, AFullDiskIsToldThoughMuchDamageWaitsToBe) {
  const auto key = declare("a");
  for (int i = 0; i < 300; ++i) commit({.observations = {at(key, kNow + i, 1.0)}});
  store_.reset();
  sql("UPDATE frame SET data=zeroblob(30)");
  open();
  free_ = 0;
  const Batch batch{.observations = {at(key, kNow + kSecond, 1.0)}};
  EXPECT_FALSE(store_->commit(batch).ok());
  free_ = std::uint64_t{1} << 40;
  commit(batch);
  keep_up();
  EXPECT_EQ(count(Incident::Kind::kDiskFull), 1u);
}

// Lets something happen just after its time was read.
class InterruptedClock : public HandClock {
 public:
  base::DurationUs monotonic_us() const override {
    const base::DurationUs read = monotonic;
    if (then) std::exchange(then, nullptr)();
    return read;
  }
  mutable std::function<void()> then;
};

TEST_F(ReviewTest, AReferenceMovesNoCommitThatCameFirst) {
  InterruptedClock clock;
  options_.clock = &clock;
  open();
  const auto key = declare("a");
  ASSERT_TRUE(store_->clock_reference(clock.wall, kSecond, "hub").ok());
  clock.pass(kHour);
  const auto said = clock.wall + kMinute;  // the reference contradicts: a new segment begins
  clock.then = [&] {
    clock.pass(kSecond / 10);
    Batch batch;
    for (int i = 0; i < 100; ++i) {
      batch.observations.push_back(at(key, clock.wall - 100 + i, static_cast<double>(i)));
    }
    commit(batch);
  };
  ASSERT_TRUE(store_->clock_reference(said, kSecond / 10, "hub").ok());
  const auto placed = all(key);
  EXPECT_EQ(placed.size(), 100u);
  EXPECT_EQ(store_->utc_now().time, said + kSecond / 10);
  open();
  const auto again = all(key);
  ASSERT_EQ(again.size(), placed.size());
  EXPECT_EQ(again.front().observation.time, placed.front().observation.time);
  EXPECT_GE(latest(key), 99.0);
  options_.clock = &clock_;
  open();
}

TEST_F(ReviewTest, ARepeatIsKnownThoughAnotherSeriesCommittedFirst) {
  options_.compact_frames = 1;
  open();
  const auto a = declare("a"), b = declare("b"), c = declare("c");
  const Batch newer{.observations = {at(a, kNow + kHour, 1.0), at(b, kNow, 1.0)}};
  const Batch late{.observations = {at(a, kNow, 2.0)}};  // before what stands in chunks
  commit(newer);
  keep_up();
  options_.compact_frames = 1000;
  open();
  commit(late);
  commit({.observations = {at(b, kNow + kSecond, 3.0)}});
  open();
  commit({.observations = {at(c, kNow, 1.0)}});  // of which the tail has nothing
  commit({.observations = {at(b, kNow + 2 * kSecond, 3.0)}});
  EXPECT_EQ(commit(late).duplicates, 1u);
  EXPECT_EQ(commit(newer).duplicates, 2u);
}

TEST_F(ReviewTest, ARepeatIsKnownAfterTheTailCouldNotBeRead) {
  const auto a = declare("a"), b = declare("b");
  const Batch first{.observations = {at(a, kNow, 1.0), at(b, kNow, 1.0)}};
  const Batch second{.observations = {at(a, kNow + 1, 2.0), at(b, kNow + 1, 2.0)}};
  commit(first);
  commit(second);
  open();
  sql("CREATE TABLE kept AS SELECT * FROM frame WHERE id=2; DELETE FROM frame WHERE id=2");
  EXPECT_FALSE(store_->commit({.observations = {at(a, kNow + 2, 3.0)}}).ok());
  sql("INSERT INTO frame SELECT * FROM kept; DROP TABLE kept");
  EXPECT_EQ(commit(second).duplicates, 2u);
  EXPECT_EQ(commit(first).duplicates, 2u);
}

TEST_F(ReviewTest, WhatTheClockWasIsKeptOverManyBoots) {
  const auto key = declare("a");
  for (int boot = 0; boot < 20; ++boot) {
    clock_.boot = "boot " + std::to_string(boot);
    clock_.wall = 1000 * kSecond;
    open();
    commit({.observations = {at(key, clock_.wall, 1.0 + boot)}});
    clock_.wall += kDay;  // set, to nonsense
    commit({.observations = {at(key, clock_.wall, 1.5 + boot)}});
    if (boot % 2 == 0) {
      ASSERT_TRUE(store_->clock_reference(kNow + boot * kHour, kSecond, "hub").ok());
    }
    clock_.pass(kSecond);
    commit({.observations = {at(key, clock_.wall, 1.7 + boot)}});
  }
  const auto before = all(key);
  ASSERT_EQ(before.size(), 60u);
  open();
  const auto after = all(key);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].observation.time, before[i].observation.time);
    EXPECT_EQ(after[i].time_error, before[i].time_error);
  }
}

TEST_F(ReviewTest, PuttingAnObjectAgainBringsBackItsFile) {
  const base::Bytes content(1000, 7);
  const auto object = store_->put_object(content, "image/jpeg");
  ASSERT_TRUE(object.ok());
  std::filesystem::remove_all(folder_ / "objects");
  ASSERT_TRUE(store_->put_object(content, "image/jpeg").ok());
  EXPECT_TRUE(store_->object(object->sha256).ok());
  std::filesystem::resize_file(object_path(*object), 10);
  ASSERT_TRUE(store_->put_object(content, "image/jpeg").ok());
  EXPECT_TRUE(store_->object(object->sha256).ok());
  EXPECT_EQ(store_->stats().objects, 1u);
}

TEST_F(ReviewTest, AnObjectWaitsForItsObservationThoughTheClockIsSetMeanwhile) {
  clock_.wall = 1000 * kSecond;
  open();
  const auto key = declare("i", sensing::Kind::kObject);
  keep_up();
  clock_.pass(kHour + kSecond);
  const auto object = store_->put_object(base::Bytes(100, 7), "image/jpeg");
  ASSERT_TRUE(object.ok());
  ASSERT_TRUE(store_->clock_reference(kNow, kSecond, "hub").ok());
  keep_up();
  const auto value = std::make_shared<const sensing::Object>(*object);
  const auto committed = store_->commit({.observations = {at(key, clock_.wall, value)}});
  EXPECT_TRUE(committed.ok()) << committed.error().message();
}

TEST_F(ReviewTest, AnObjectThatNobodyWantedGoesAfterADay) {
  ASSERT_TRUE(store_->put_object(base::Bytes(100, 7), "image/jpeg").ok());
  keep_up();
  clock_.pass(kDay - kMinute);
  keep_up();
  EXPECT_EQ(store_->stats().objects, 1u);
  clock_.pass(2 * kHour);
  keep_up();
  EXPECT_EQ(store_->stats().objects, 0u);
}

}  // namespace
}  // namespace lander::store
