// How raw observations leave: each once, by one exit, whenever that was opened; and what may be
// wiped once they did.
#include <algorithm>
#include <map>
#include <random>

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
using sensing::Kind;
using sensing::Uplink;

const base::TimeUs kHourNow = floor_to(kNow, kHour);
constexpr Lane kRaw = 3, kPickup = 4;

class Exits : public StoreTest {
 protected:
  Exits() {
    options_.pickup_lane = kPickup;
    store_.reset();
    std::filesystem::remove(options_.path);
    clock_.wall = kHourNow;
    reopen();
  }
  void TearDown() override {
    const auto report = check({.path = options_.path});
    ASSERT_TRUE(report.ok()) << report.error().message();
    for (const Finding& finding : report->findings) {
      ADD_FAILURE() << finding.place << ": " << finding.what;
    }
  }
  // Without a first offer.
  void reopen() {
    store_.reset();
    auto opened = Store::open(options_);
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    store_ = std::move(*opened);
  }
  SeriesKey declare_with(const std::string& id, Uplink uplink, bool pickup,
                         Kind kind = Kind::kNumber) {
    sensing::Datastream d;
    d.id = id;
    d.asset = "acme/p1";
    d.property = "pressure";
    d.kind = kind;
    d.policy.uplink = uplink;
    d.policy.pickup = pickup;
    return *store_->declare(d);
  }
  // One a minute until now.
  void fill(const std::vector<SeriesKey>& keys, base::DurationUs span) {
    const base::TimeUs end = clock_.wall + span;
    while (clock_.wall < end) {
      Batch batch;
      for (int i = 0; i < 60; ++i, clock_.pass(kMinute)) {
        for (const SeriesKey key : keys) {
          batch.observations.push_back(at(key, clock_.wall, 1.0 * (clock_.wall / kMinute % 97)));
        }
      }
      commit(batch);
    }
  }
  // By lane and datastream, how often each time left.
  using Left = std::map<std::pair<Lane, std::string>, std::map<base::TimeUs, int>>;
  Left left() {
    Left out;
    for (const Lane lane : {kRaw, kPickup}) {
      for (const Item& item : *store_->items(lane, 0, SIZE_MAX, SIZE_MAX)) {
        const auto blocks = *sensing::decode_blocks(item.body);
        for (const auto& entry : blocks) {
          const auto block = *sensing::decode_block(entry.block);
          for (const base::TimeUs time : block.times) {
            ++out[{lane, entry.datastream}][time + entry.utc_offset];
          }
        }
      }
    }
    return out;
  }
  void expect_left_once(SeriesKey key, Lane lane) {
    const std::string id = store_->datastream(key)->id;
    const auto found = left();
    const auto at = found.find({lane, id});
    const auto times = at == found.end() ? std::map<base::TimeUs, int>() : at->second;
    std::size_t count = 0;
    for (const auto& [time, often] : times) count += static_cast<std::size_t>(often);
    EXPECT_EQ(count, all(key).size()) << id;
    EXPECT_EQ(times.size(), count) << id;
  }
  void receive(Lane lane) { ASSERT_TRUE(store_->forget_items(lane, UINT64_MAX).ok()); }
  Wiped wipe(base::TimeUs before) {
    auto wiped = store_->wipe(before);
    EXPECT_TRUE(wiped.ok()) << wiped.error().message();
    return wiped.ok() ? *wiped : Wiped();
  }
  std::string kept(const Wiped& wiped) {
    std::string out;
    for (const auto& one : wiped.kept) {
      out += one.datastream + ":" + std::to_string(static_cast<int>(one.why)) + " ";
    }
    return out;
  }
};

TEST_F(Exits, WhatWasStoredBeforeTheFirstOfferLeavesTooOnce) {
  const auto raw = declare_with("raw", Uplink::kRaw, true),
             other = declare_with("other", Uplink::kSummary, true);
  fill({raw, other}, 6 * kHour);
  keep_up();
  fill({raw, other}, kHour);
  offer();
  expect_left_once(raw, kRaw);
  EXPECT_EQ(left().size(), 1u);  // nobody asked for a pickup
  fill({raw, other}, kHour);
  keep_up();
  offer();
  expect_left_once(raw, kRaw);
  ASSERT_TRUE(store_->start_pickup().ok());
  reopen();
  EXPECT_TRUE(store_->lanes()->back().unoffered);
  offer();
  EXPECT_FALSE(store_->lanes()->back().unoffered);
  fill({raw, other}, kHour);
  offer();
  keep_up();
  expect_left_once(raw, kRaw);
  expect_left_once(other, kPickup);
}

TEST_F(Exits, ADatastreamThatGetsOneLaterLeavesWholeAndKeepsToOneLane) {
  const auto key = declare_with("d", Uplink::kSummary, false);
  offer();
  ASSERT_TRUE(store_->start_pickup().ok());
  fill({key}, 5 * kHour);
  keep_up();
  offer();
  EXPECT_TRUE(left().empty());
  declare_with("d", Uplink::kSummary, true);
  offer();
  expect_left_once(key, kPickup);
  declare_with("d", Uplink::kRaw, true);
  const auto before = all(key).size();
  fill({key}, kHour);
  keep_up();
  offer();
  auto found = left();
  const auto count = [&](Lane lane) { return found[{lane, "d"}].size(); };
  EXPECT_EQ(count(kPickup), before);
  EXPECT_EQ(count(kRaw), all(key).size() - before);
}

// Steps of a few bytes, with late data, compaction and restarts between any two.
TEST_F(Exits, NothingLeavesTwiceOrNeverThoughDataComesLateMeanwhile) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    store_.reset();
    std::filesystem::remove(options_.path);
    options_.compact_frames = 1 + seed % 4 * 3;
    reopen();
    std::mt19937 random(seed);
    const auto below = [&](std::uint64_t n) { return static_cast<base::TimeUs>(random() % n); };
    std::vector<SeriesKey> keys = {declare_with("a", Uplink::kRaw, true),
                                   declare_with("b", Uplink::kSummary, true),
                                   declare_with("c", Uplink::kSummary, true)};
    base::TimeUs made = 0;
    const auto add = [&] {
      Batch batch;
      for (const SeriesKey key : keys) {
        for (base::TimeUs i = 0; i < 40; ++i) {
          const base::TimeUs late = below(4) == 0 ? below(40 * 3600) * kSecond : 0;
          const base::TimeUs time = clock_.wall - late + ++made % 1000000;
          batch.observations.push_back({key, sensing::Quality::kGood, time, 0, 0.5});
        }
      }
      clock_.pass(20 * kMinute);
      commit(batch);
    };
    for (int i = 0; i < 40; ++i) {
      add();
      if (i % 3 == 0) keep_up();
    }
    for (int step = 0; step < 150; ++step) {
      switch (below(7)) {
        case 0:
          add();
          break;
        case 1:
          ASSERT_TRUE(store_->upkeep().ok());
          break;
        case 2:
          reopen();
          break;
        case 3:
          if (step > 50) {
            ASSERT_TRUE(store_->start_pickup().ok());
          }
          break;
        default:
          ASSERT_TRUE(store_->offer_raw(200).ok());
      }
    }
    ASSERT_TRUE(store_->start_pickup().ok());
    offer();
    keep_up();
    offer();
    expect_left_once(keys[0], kRaw);
    expect_left_once(keys[1], kPickup);
    expect_left_once(keys[2], kPickup);
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

TEST_F(Exits, StopsWithAClearErrorWhenCopiesHaveNoRoomAndGoesOnLater) {
  std::uint64_t free = std::uint64_t{1} << 40;
  options_.free_bytes = [&]() -> base::Result<std::uint64_t> { return free; };
  reopen();
  const auto key = declare_with("d", Uplink::kRaw, true);
  fill({key}, 5 * kHour);
  keep_up();
  free = 64 << 20;
  const auto refused = store_->offer_raw(1 << 20);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), base::Code::kExhausted);
  EXPECT_TRUE(left().empty());
  free = std::uint64_t{1} << 40;
  offer();
  expect_left_once(key, kRaw);
  options_.free_bytes = {};
  reopen();
}

TEST_F(Exits, TheOldestRawItemsGoWhenNothingElseGivesRoom) {
  std::uint64_t free = std::uint64_t{1} << 40;
  options_.free_bytes = [&]() -> base::Result<std::uint64_t> { return free; };
  options_.raw_worth = 0.5;
  options_.raw_expires = 30 * kDay;
  reopen();
  const auto key = declare_with("d", Uplink::kRaw, true);
  for (int i = 0; i < 3; ++i) {
    fill({key}, kHour);
    offer();
    clock_.pass(kHour);
  }
  keep_up();
  EXPECT_EQ(store_->heads(kRaw, 0, 1)->at(0).worth, 0.5);
  EXPECT_EQ(store_->heads(kRaw, 0, 1)->at(0).expires,
            store_->heads(kRaw, 0, 1)->at(0).created + 30 * kDay);
  commit({.items = {{0, "alert-event", {1}}}});
  free = 0;
  for (int i = 0; i < 40 && store_->heads(kRaw, 0, 9)->size() > 1; ++i) {
    ASSERT_TRUE(store_->upkeep().ok());
  }
  ASSERT_EQ(store_->gone(kRaw, 9)->size(), 1u);
  EXPECT_EQ(store_->gone(kRaw, 9)->at(0).why, Gone::kThinned);
  EXPECT_EQ(store_->gone(kRaw, 9)->at(0).last, 2u);
  EXPECT_EQ(store_->heads(0, 0, 9)->size(), 1u);
  const auto incidents = *store_->incidents(0, 10);
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].kind, Incident::Kind::kThinned);
  EXPECT_EQ(incidents[0].observations, 120u);
  free = std::uint64_t{1} << 40;
  receive(kRaw);
  clock_.pass(kDay);
  EXPECT_EQ(wipe(clock_.wall).observations, 0u);  // not all of it was carried off
  EXPECT_EQ(kept(wipe(clock_.wall)), "d:3 ");
  options_.free_bytes = {};
  reopen();
}

TEST_F(Exits, WipesWhatWasCarriedOffAndKeepsItsSummaries) {
  const auto raw = declare_with("raw", Uplink::kRaw, true),
             pickup = declare_with("pickup", Uplink::kSummary, true),
             stays = declare_with("stays", Uplink::kNever, false);
  const base::TimeUs start = clock_.wall;
  fill({raw, pickup, stays}, 10 * kHour);
  keep_up();
  EXPECT_EQ(kept(wipe(clock_.wall)), "raw:0 pickup:0 stays:0 ");
  ASSERT_TRUE(store_->start_pickup().ok());
  EXPECT_EQ(kept(wipe(clock_.wall)), "raw:0 pickup:1 stays:0 ");
  offer();
  EXPECT_EQ(kept(wipe(clock_.wall)), "raw:2 pickup:2 stays:0 ");
  receive(kRaw);
  const auto first = wipe(start + 4 * kHour + kMinute);
  EXPECT_EQ(first.observations, 240u);
  EXPECT_GT(first.bytes, 0u);
  EXPECT_EQ(kept(first), "pickup:2 stays:0 ");
  receive(kPickup);
  EXPECT_EQ(wipe(start + 4 * kHour).observations, 240u);
  EXPECT_EQ(store_->stats().wiped, 480u);
  EXPECT_EQ(store_->stats().thinned, 0u);
  reopen();
  EXPECT_EQ(store_->stats().wiped, 480u);
  EXPECT_EQ(store_->stats().observations, 1800u - 480u);
  EXPECT_EQ(all(raw).size(), 360u);
  ASSERT_EQ(gaps_.size(), 1u);
  EXPECT_EQ(gaps_[0].why, Gap::Why::kWiped);
  EXPECT_EQ(gaps_[0].observations, 240u);
  EXPECT_EQ(gaps_[0].from, start);
  std::int64_t count = 0;
  for (const auto& bucket : *store_->downsample(raw, start, start + 10 * kHour, 600)) {
    count += bucket.summary.count;
  }
  EXPECT_EQ(count, 600);
  const auto incidents = *store_->incidents(0, 10);
  ASSERT_EQ(incidents.size(), 2u);
  EXPECT_EQ(incidents[0].kind, Incident::Kind::kWiped);
  EXPECT_EQ(incidents[0].observations, 240u);
  // It came late, and leaves; then it may go too.
  commit({.observations = {at(raw, start + 7 * kMinute + 1, 5.0)}});
  keep_up();
  offer();
  EXPECT_EQ(kept(wipe(start + 4 * kHour)), "raw:2 stays:0 ");
  receive(kRaw);
  EXPECT_EQ(wipe(start + 4 * kHour).observations, 1u);
  EXPECT_EQ(store_->stats().wiped, 481u);
}

TEST_F(Exits, NeverWipesWhatAPolicyKeptBackWhileItWaited) {
  const auto key = declare_with("d", Uplink::kRaw, true);
  fill({key}, 3 * kHour);
  offer();
  declare_with("d", Uplink::kSummary, true);
  ASSERT_TRUE(store_->start_pickup().ok());
  keep_up();
  receive(kRaw);
  offer();
  receive(kPickup);
  EXPECT_EQ(kept(wipe(clock_.wall)), "d:3 ");
  EXPECT_EQ(all(key).size(), 180u);
}

TEST_F(Exits, NeverWipesObjectsWhichDoNotTravel) {
  const auto key = declare_with("d", Uplink::kRaw, true, Kind::kObject);
  const auto object = *store_->put_object(base::Bytes(10, 1), "image/png");
  commit({.observations = {at(key, kHourNow, std::make_shared<const sensing::Object>(object))}});
  clock_.pass(kDay);
  offer();
  keep_up();
  receive(kRaw);
  EXPECT_EQ(kept(wipe(clock_.wall)), "d:4 ");
}

}  // namespace
}  // namespace lander::store
