// What waits to leave, what goes without a receipt, and what is kept beyond one.
#include <algorithm>
#include <map>
#include <random>

#include "os/sqlite.h"
#include "store/check.h"
#include "store/testing.h"

namespace lander::store {
namespace {

using base::kDay;
using base::kHour;
using base::kSecond;

class Waiting : public StoreTest {
 protected:
  NewItem item(Lane lane, std::string subject = {}, base::TimeUs expires = 0, double worth = 0,
               std::size_t bytes = 10) {
    return {lane, "reported", base::Bytes(bytes, 7), worth, expires, std::move(subject)};
  }
  std::vector<std::uint64_t> numbers(Lane lane) {
    std::vector<std::uint64_t> out;
    for (const Head& head : *store_->heads(lane, 0, SIZE_MAX)) out.push_back(head.number);
    return out;
  }
  std::string gone(Lane lane) {
    std::string out;
    for (const GoneRange& range : *store_->gone(lane, 1000)) {
      out += std::to_string(range.first) + "-" + std::to_string(range.last) + ":" +
             std::to_string(static_cast<int>(range.why)) + " ";
    }
    return out;
  }
  Store::LaneState state(Lane lane) {
    for (const auto& state : *store_->lanes()) {
      if (state.lane == lane) return state;
    }
    return {lane};
  }
  void expect_explained(Lane lane) {
    const auto now = state(lane);
    std::vector<int> told(now.last + 1);
    for (const auto number : numbers(lane)) ++told[number];
    for (const GoneRange& range : *store_->gone(lane, SIZE_MAX)) {
      for (auto number = range.first; number <= range.last; ++number) ++told[number];
    }
    for (std::uint64_t n = 1; n <= now.last; ++n) {
      EXPECT_EQ(told[n], n > now.floor ? 1 : 0) << "lane " << int{lane} << ", number " << n;
    }
    const auto report = check({.path = options_.path});
    ASSERT_TRUE(report.ok()) << report.error().message();
    for (const Finding& finding : report->findings) ADD_FAILURE() << finding.what;
  }
};

TEST_F(Waiting, HeadsTellWhatAnItemIsWorthAndItemsAreFoundByNumber) {
  commit({.items = {item(0, "", kNow + kDay, 2.5, 30), item(0), item(1)}});
  clock_.pass(kSecond);
  commit({.items = {item(0)}});
  const auto heads = *store_->heads(0, 0, 2);
  ASSERT_EQ(heads.size(), 2u);
  EXPECT_EQ(heads[0].number, 1u);
  EXPECT_EQ(heads[0].bytes, 30u);
  EXPECT_EQ(heads[0].worth, 2.5);
  EXPECT_EQ(heads[0].created, kNow);
  EXPECT_EQ(heads[0].expires, kNow + kDay);
  EXPECT_EQ(store_->heads(0, 2, 10)->at(0).number, 3u);
  const std::uint64_t wanted[] = {3, 9, 1};
  const auto items = *store_->items(0, wanted, 1 << 20);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].number, 3u);
  EXPECT_EQ(items[1].number, 1u);
  EXPECT_EQ(store_->items(0, wanted, 39)->size(), 1u);
  EXPECT_EQ(state(0).bytes, 50u);
  EXPECT_FALSE(store_->commit({.items = {item(0, std::string(300, 'x'))}}).ok());
  EXPECT_FALSE(store_->commit({.items = {item(0, "", -1)}}).ok());
}

TEST_F(Waiting, ANewerItemOfASubjectSupersedesTheOlderThatWaits) {
  commit({.items = {item(1, "a"), item(1, "b"), item(1), item(1, "a"), item(2, "a")}});
  EXPECT_EQ(numbers(1), (std::vector<std::uint64_t>{2, 3, 4}));
  EXPECT_EQ(gone(1), "1-1:2 ");
  commit({.items = {item(1, "b")}});
  EXPECT_EQ(gone(1), "1-2:2 ");
  ASSERT_TRUE(store_->forget_items(1, 4).ok());
  EXPECT_EQ(gone(1), "");
  commit({.items = {item(1, "a")}});  // the older one was receipted
  EXPECT_EQ(numbers(1), (std::vector<std::uint64_t>{5, 6}));
  EXPECT_EQ(gone(1), "");
  EXPECT_EQ(numbers(2).size(), 1u);
  EXPECT_EQ(state(1).waiting, 2u);
  expect_explained(1);
}

TEST_F(Waiting, WhatExpiresBeforeItsReceiptGoesAndIsTold) {
  for (int i = 0; i < 5; ++i) {
    commit({.items = {item(0, "", kNow + kHour), item(0, "", i == 2 ? kNow + 3 * kHour : 0)}});
  }
  ASSERT_TRUE(store_->forget_items(0, 1).ok());
  keep_up();
  EXPECT_EQ(state(0).waiting, 9u);
  clock_.pass(2 * kHour);
  keep_up();
  EXPECT_EQ(gone(0), "3-3:0 5-5:0 7-7:0 9-9:0 ");
  clock_.pass(2 * kHour);
  keep_up();
  EXPECT_EQ(gone(0), "3-3:0 5-7:0 9-9:0 ");
  ASSERT_TRUE(store_->forget_items(0, 6).ok());
  EXPECT_EQ(gone(0), "7-7:0 9-9:0 ");
  expect_explained(0);
}

TEST_F(Waiting, APeerThatWasRestoredGetsWhatIsKeptAndIsToldOfTheRest) {
  for (int i = 0; i < 10; ++i) commit({.items = {item(0, i == 4 || i == 5 ? "s" : "")}});
  ASSERT_TRUE(store_->forget_items(0, 8).ok());
  EXPECT_EQ(numbers(0), (std::vector<std::uint64_t>{9, 10}));
  open();
  ASSERT_TRUE(store_->recall_items(0, 3).ok());
  EXPECT_EQ(numbers(0), (std::vector<std::uint64_t>{4, 6, 7, 8, 9, 10}));
  EXPECT_EQ(gone(0), "5-5:3 ");
  expect_explained(0);
  open();
  EXPECT_EQ(state(0).floor, 3u);
  ASSERT_TRUE(store_->recall_items(0, 3).ok());
  ASSERT_TRUE(store_->recall_items(0, 9).ok());  // it holds more than we know of
  EXPECT_EQ(state(0).floor, 3u);
  ASSERT_TRUE(store_->forget_items(0, 100).ok());
  EXPECT_EQ(state(0).floor, 10u);
  expect_explained(0);
}

TEST_F(Waiting, WhatIsReceiptedIsKeptForItsTimeAndItsBytes) {
  options_.keep_receipted_bytes = 5000;
  open();
  for (int i = 0; i < 20; ++i) commit({.items = {item(2, "", 0, 0, 500)}});
  ASSERT_TRUE(store_->forget_items(2, 20).ok());
  keep_up();
  ASSERT_TRUE(store_->recall_items(2, 0).ok());
  EXPECT_EQ(gone(2), "1-10:3 ");
  EXPECT_EQ(numbers(2).size(), 10u);
  ASSERT_TRUE(store_->forget_items(2, 20).ok());
  clock_.pass(14 * kDay - kHour);
  keep_up();
  ASSERT_TRUE(store_->recall_items(2, 15).ok());
  EXPECT_EQ(numbers(2).size(), 5u);
  clock_.pass(2 * kHour);
  keep_up();
  ASSERT_TRUE(store_->recall_items(2, 0).ok());
  EXPECT_EQ(gone(2), "1-15:3 ");  // since their first receipt; the others wait
  EXPECT_EQ(numbers(2).size(), 5u);
  expect_explained(2);
}

TEST_F(Waiting, WhatIsReceiptedGoesAtOnceWhenRoomIsShort) {
  std::uint64_t free = std::uint64_t{1} << 40;
  options_.free_bytes = [&]() -> base::Result<std::uint64_t> { return free; };
  open();
  commit({.items = {item(0), item(0)}});
  ASSERT_TRUE(store_->forget_items(0, 1).ok());
  keep_up();
  free = 0;
  keep_up();
  ASSERT_TRUE(store_->recall_items(0, 0).ok());
  EXPECT_EQ(gone(0), "1-1:3 ");
  EXPECT_EQ(numbers(0), std::vector<std::uint64_t>{2});
  options_.free_bytes = {};
  open();
}

TEST_F(Waiting, ADamagedRawItemHoldsUpNothingAndIsToldToBeLost) {
  const auto key = declare("raw", sensing::Kind::kNumber, sensing::Uplink::kRaw);
  for (int i = 0; i < 3; ++i) {
    commit({.observations = {at(key, kNow + i, 1.0 * i)}});
    offer();
  }
  store_.reset();
  {
    auto database = os::Database::open(options_.path, {});
    ASSERT_TRUE(database->execute("UPDATE item SET body=zeroblob(40) WHERE number=2").ok());
  }
  open();
  EXPECT_EQ(store_->items(3, 0, 10, 1 << 20)->size(), 2u);
  keep_up();
  EXPECT_EQ(numbers(3), (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(gone(3), "2-2:3 ");
  expect_explained(3);
}

TEST_F(Waiting, ANewEpochKnowsNothingOfTheOldOne) {
  commit({.items = {item(0), item(0, "s"), item(0, "s"), item(0), item(0)}});
  ASSERT_TRUE(store_->forget_items(0, 1).ok());
  ASSERT_TRUE(store_->renew_epoch().ok());
  EXPECT_EQ(state(0).floor, 0u);
  EXPECT_EQ(numbers(0), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(gone(0), "");
  open();
  expect_explained(0);
  ASSERT_TRUE(store_->recall_items(0, 0).ok());
  EXPECT_EQ(state(0).waiting, 3u);
}

// Whatever happens, in any order.
TEST_F(Waiting, EveryNumberIsReceiptedOrWaitsOrIsTold) {
  options_.keep_receipted_bytes = 300;
  std::mt19937 random(7);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  for (int step = 0; step < 400; ++step) {
    const auto lane = static_cast<Lane>(below(2));
    const auto now = state(lane);
    switch (below(8)) {
      case 0:
        ASSERT_TRUE(store_->forget_items(lane, now.floor + below(now.last - now.floor + 2)).ok());
        break;
      case 1:
        ASSERT_TRUE(
            store_->recall_items(lane, now.floor - below(std::min<std::uint64_t>(now.floor + 1, 5)))
                .ok());
        break;
      case 2:
        keep_up();
        break;
      case 3:
        if (step % 5 == 0) open();
        if (step % 37 == 0) {
          ASSERT_TRUE(store_->renew_epoch().ok());
        }
        break;
      default:
        clock_.pass(kHour);
        commit({.items = {item(lane, below(2) ? std::string(1, 'a' + below(4)) : "",
                               below(3) ? 0 : clock_.wall + kHour * below(9), 1.0)}});
    }
    if (step % 20 == 0) {
      expect_explained(0);
      expect_explained(1);
    }
    if (HasFailure()) FAIL() << "step " << step;
  }
}

}  // namespace
}  // namespace lander::store
