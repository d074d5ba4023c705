// When the disk fills: what goes is what the policies let go, in their order, and it is told.
#include <gtest/gtest.h>

#include <set>

#include "os/sqlite.h"
#include "store/check.h"
#include "store/testing.h"
#include "store/timeline.h"

namespace lander::store {
namespace {

using base::kDay;
using base::kHour;
using base::kMinute;
using base::kSecond;

const base::TimeUs kHourNow = floor_to(kNow, kHour);  // whole hours go

class Thinning : public StoreTest {
 protected:
  Thinning() {
    options_.reserve_bytes = 200 << 20;
    options_.thin_below_bytes = 300 << 20;
    clock_.wall = kHourNow;
    options_.free_bytes = [this]() -> base::Result<std::uint64_t> { return free_; };
    open();
  }
  void TearDown() override {
    const auto report = check({.path = options_.path});
    ASSERT_TRUE(report.ok()) << report.error().message();
    for (const Finding& finding : report->findings)
      ADD_FAILURE() << finding.place << ": " << finding.what;
  }
  SeriesKey declare_with(const std::string& id, std::vector<sensing::Thinning> steps,
                         sensing::Kind kind = sensing::Kind::kNumber) {
    sensing::Datastream d;
    d.id = id;
    d.asset = "acme/p1";
    d.property = "pressure";
    d.kind = kind;
    d.policy.thinning = std::move(steps);
    d.policy.uplink = sensing::Uplink::kNever;
    auto key = store_->declare(d);
    EXPECT_TRUE(key.ok()) << key.error().message();
    return key.ok() ? *key : 0;
  }
  // A sample each ten seconds, from `days` ago until now.
  void fill(const std::vector<SeriesKey>& keys, int days) {
    const base::TimeUs start = kHourNow - days * kDay;
    for (base::TimeUs day = start; day < kHourNow; day += 6 * kHour) {
      Batch batch;
      for (const SeriesKey key : keys) {
        for (base::TimeUs t = day; t < day + 6 * kHour; t += 10 * kSecond) {
          batch.observations.push_back(at(key, t, static_cast<double>(t / kSecond % 97)));
        }
      }
      commit(batch);
    }
    keep_up();
  }
  std::int64_t total(SeriesKey key, base::TimeUs from, base::TimeUs to, std::size_t buckets) {
    std::int64_t count = 0;
    for (const Bucket& bucket : *store_->downsample(key, from, to, buckets)) {
      count += bucket.summary.count;
    }
    return count;
  }
  std::uint64_t free_ = 1 << 30;
};

constexpr std::int64_t kPerDay = 8640;

TEST_F(Thinning, TakesNothingWhileThereIsRoom) {
  const SeriesKey key = declare_with("p", {{kDay, 0}});
  fill({key}, 4);
  keep_up();
  EXPECT_EQ(all(key).size(), 4u * kPerDay);
  EXPECT_TRUE(store_->incidents(0, 10)->empty());
}

TEST_F(Thinning, KeepsMinutesThenHoursThenNothingInTheDeclaredOrderAndTellsIt) {
  const SeriesKey key = declare_with("p", {{6 * kDay, kMinute}, {7 * kDay, kHour}, {8 * kDay, 0}});
  fill({key}, 10);
  free_ = 0;  // nothing that goes is enough: all that may go does
  keep_up();
  const auto samples = all(key);
  ASSERT_FALSE(samples.empty());
  EXPECT_EQ(samples.front().observation.time, kHourNow - 6 * kDay);
  EXPECT_EQ(samples.size(), 6u * kPerDay);
  std::uint64_t gone = 0;
  for (const Gap& gap : gaps_) {
    EXPECT_EQ(gap.why, Gap::Why::kThinned);
    EXPECT_LT(gap.to, kHourNow - 6 * kDay);
    gone += gap.observations;
  }
  EXPECT_EQ(gone, 4u * kPerDay);
  for (int round = 0; round < 2; ++round, open()) {
    // Beyond 8 days nothing is left, beyond 7 hours, beyond 6 minutes, and the rest whole.
    EXPECT_EQ(total(key, kHourNow - 10 * kDay, kHourNow - 8 * kDay, 48), 0);
    EXPECT_EQ(total(key, kHourNow - 8 * kDay, kHourNow - 7 * kDay, 24), kPerDay);
    EXPECT_EQ(total(key, kHourNow - 7 * kDay, kHourNow - 6 * kDay, 24), kPerDay);
    EXPECT_EQ(total(key, kHourNow - 7 * kDay, kHourNow - 7 * kDay + 10 * kMinute, 10), 60);
    EXPECT_EQ(total(key, kHourNow - 8 * kDay, kHourNow, 200), 8 * kPerDay);
    EXPECT_EQ(store_->stats().thinned, 4u * kPerDay);
    EXPECT_EQ(store_->stats().observations, 6u * kPerDay);
  }
  std::uint64_t told = 0;
  std::set<std::string> details;
  for (const Incident& incident : *store_->incidents(0, 100)) {
    EXPECT_EQ(incident.kind, Incident::Kind::kThinned);
    EXPECT_EQ(incident.datastream, "p");
    told += incident.observations;
    details.insert(incident.detail);
  }
  EXPECT_EQ(told, 4u * kPerDay);
  EXPECT_EQ(details.size(), 3u);
}

TEST_F(Thinning, GoesRoundByRoundOverAllDatastreamsAndStopsWhenThereIsRoomAgain) {
  const SeriesKey first = declare_with("a", {{5 * kDay, kHour}, {2 * kDay, kHour}}),
                  second = declare_with("b", {{4 * kDay, kHour}});
  fill({first, second}, 8);
  free_ = 0;
  // The first steps of both come before the second step of one of them.
  for (int step = 0; step < 10'000 && all(second).size() > 4u * kPerDay; ++step) {
    ASSERT_TRUE(store_->upkeep().ok());
    ASSERT_GE(all(first).size(), 5u * kPerDay);
  }
  free_ = 1 << 30;
  keep_up();
  const std::size_t left = all(first).size();
  EXPECT_GT(left, 2u * kPerDay);
  free_ = 0;
  keep_up();
  EXPECT_EQ(all(first).size(), 2u * kPerDay);
  EXPECT_EQ(all(second).size(), 4u * kPerDay);
}

TEST_F(Thinning, WhatComesLateForAThinnedTimeCountsAndIsKept) {
  const SeriesKey key = declare_with("p", {{2 * kDay, kMinute}});
  fill({key}, 4);
  free_ = 0;
  keep_up();
  free_ = 1 << 30;
  const base::TimeUs late = kHourNow - 3 * kDay + kSecond;
  commit({.observations = {at(key, late, 5000.0)}});
  keep_up();
  EXPECT_EQ(all(key, late, late + 1).size(), 1u);
  EXPECT_EQ(total(key, kHourNow - 3 * kDay, kHourNow - 2 * kDay, 24), kPerDay + 1);
  EXPECT_EQ(total(key, kHourNow - 3 * kDay, kHourNow - 3 * kDay + 10 * kMinute, 10), 61);
}

TEST_F(Thinning, NeverTakesWhatNoStepNamesAndNeverAlertsOrItems) {
  const SeriesKey key = declare_with("p", {{100 * kDay, 0}});
  fill({key}, 3);
  commit({.records = {{"alert", "1", {1}}}, .items = {{0, "alert-event", {1}}}});
  free_ = 0;
  keep_up();
  EXPECT_EQ(all(key).size(), 3u * kPerDay);
  EXPECT_FALSE(store_->commit({.observations = {at(key, kHourNow, 1.0)}}).ok());
  EXPECT_EQ(commit({.records = {{"alert", "2", {1}}}}).stored, 0u);
  free_ = 1 << 30;
  EXPECT_EQ(commit({.observations = {at(key, kHourNow, 1.0)}}).stored, 1u);
  keep_up();
  const auto incidents = *store_->incidents(0, 10);
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].kind, Incident::Kind::kDiskFull);
  EXPECT_EQ(incidents[0].observations, 1u);
}

TEST_F(Thinning, LetsObjectsGoWithTheirObservations) {
  const SeriesKey key = declare_with("image", {{kDay, 0}}, sensing::Kind::kObject);
  const base::Bytes content(1000, 7);
  const auto object = store_->put_object(content, "image/jpeg");
  ASSERT_TRUE(object.ok()) << object.error().message();
  const auto value = std::make_shared<const sensing::Object>(*object);
  commit({.observations = {at(key, kHourNow - 3 * kDay, value)}});
  const auto other =
      std::make_shared<const sensing::Object>(sensing::Object{{1, 2, 3}, 5, "image/png"});
  EXPECT_FALSE(store_->commit({.observations = {at(key, kHourNow, other)}}).ok());
  keep_up();
  EXPECT_EQ(*store_->object(object->sha256), content);
  free_ = 0;
  keep_up();
  EXPECT_TRUE(all(key).empty());
  EXPECT_EQ(store_->stats().objects, 1u);
  clock_.pass(2 * kDay);
  keep_up();
  EXPECT_EQ(store_->stats().objects, 0u);
  EXPECT_EQ(store_->object(object->sha256).error().code(), base::Code::kNotFound);
}

TEST_F(Thinning, CountsNoLongerWhatWentWithADamagedChunk) {
  const SeriesKey key = declare_with("p", {{kDay, 0}});
  fill({key}, 4);
  store_.reset();
  {
    auto database = os::Database::open(options_.path, {});
    ASSERT_TRUE(database.ok() &&
                database
                    ->execute("UPDATE chunk SET data=zeroblob(40) WHERE t_last=(SELECT min(t_last)"
                              " FROM chunk)")
                    .ok());
  }
  open();
  free_ = 0;
  keep_up();
  EXPECT_EQ(store_->stats().observations, all(key).size());
  EXPECT_EQ(store_->stats().observations, static_cast<std::uint64_t>(kPerDay));
  EXPECT_EQ(store_->stats().damaged + store_->stats().thinned, 3u * kPerDay);
}

}  // namespace
}  // namespace lander::store
