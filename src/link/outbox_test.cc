// What goes next over which carrier, and what a restored or cloned peer does to it.
#include "link/outbox.h"

#include <gtest/gtest.h>

#include "link/instances.h"

namespace lander::link {
namespace {

using base::kDay;
using base::kHour;
using base::kMinute;
using base::kSecond;

constexpr base::TimeUs kMidnight = 20'000 * kDay;

Standing https() {
  Standing out;
  out.terms.id = "https";
  out.max_message = kMaxBundleBytes;
  out.up = true;
  return out;
}
Standing satellite() {
  Standing out = https();
  out.terms.id = "sat";
  out.terms.price = 0.001;
  out.max_message = 340;
  out.brief = true;
  return out;
}

class Box : public testing::Test {
 protected:
  Head add(std::uint8_t lane, double worth, std::size_t bytes = 100) {
    auto& lane_heads = waiting_[lane];
    lane_heads.push_back({lane, lane_heads.size() + 1, bytes, worth, now_, 0});
    return lane_heads.back();
  }
  std::vector<Head> next(const Standing& carrier, const std::vector<Standing>& all,
                         std::size_t bytes = 1 << 20, std::size_t items = 1000) {
    const auto chosen =
        outbox_.choose(carrier, all, {bytes, items, kLaneAlert, kLaneBulk}, now_,
                       [&](std::uint8_t lane, std::uint64_t after, std::size_t max) {
                         std::vector<Head> out;
                         for (const Head& head : waiting_[lane]) {
                           if (head.number > after && out.size() < max) out.push_back(head);
                         }
                         return base::Result<std::vector<Head>>(std::move(out));
                       });
    EXPECT_TRUE(chosen.ok());
    if (chosen.ok()) outbox_.sent(carrier, *chosen, now_);
    return *chosen;
  }
  std::vector<std::uint64_t> numbers(const std::vector<Head>& heads) {
    std::vector<std::uint64_t> out;
    for (const Head& head : heads) out.push_back(head.number);
    return out;
  }
  Outbox::Moved receipt(std::uint8_t lane,
                        std::vector<std::pair<std::uint64_t, std::uint64_t>> held,
                        base::TimeUs sent, bool whole = false) {
    return outbox_.receipts({{1, lane, *Ranges::from(held)}}, sent, whole, true);
  }

  Outbox outbox_{1};
  base::DurationUs now_ = 0;
  std::map<std::uint8_t, std::vector<Head>> waiting_;
};

TEST_F(Box, AlertsGoByWorthThenAgeAndBeforeAllElse) {
  add(kLaneBulk, 1000);
  for (double worth : {1., 100., 10., 100.}) add(kLaneAlert, worth);
  const auto sent = next(https(), {https()});
  ASSERT_EQ(sent.size(), 5u);
  EXPECT_EQ(numbers(sent), (std::vector<std::uint64_t>{2, 4, 3, 1, 1}));
  EXPECT_EQ(sent.back().lane, kLaneBulk);
}

TEST_F(Box, EachGoesOnceAndAgainWhenNoReceiptComesInTime) {
  add(kLaneAlert, 1);
  EXPECT_EQ(next(https(), {https()}).size(), 1u);
  EXPECT_TRUE(next(https(), {https()}).empty());
  now_ += 20 * kSecond;
  EXPECT_EQ(next(https(), {https()}).size(), 1u);
  outbox_.lost("https");
  EXPECT_EQ(next(https(), {https()}).size(), 1u) << "the carrier says that it did not arrive";
  receipt(kLaneAlert, {{1, 1}}, 5);
  now_ += kHour;
  EXPECT_TRUE(next(https(), {https()}).empty());
}

TEST_F(Box, ALostItemGoesAgainThoughNewOnesComeAllTheTime) {
  add(kLaneState, 1);  // its first message is lost
  next(https(), {https()});
  for (std::uint64_t n = 2; n <= 30; ++n) {
    now_ += kSecond;
    add(kLaneState, 1);
    const auto sent = numbers(next(https(), {https()}));
    if (std::find(sent.begin(), sent.end(), 1u) != sent.end()) return;
    receipt(kLaneState, {{2, n}}, now_);
  }
  FAIL() << "item 1 starves";
}

TEST_F(Box, OnlyTheGapGoesAgain) {
  for (int i = 0; i < 10; ++i) add(kLaneBulk, 1);
  next(https(), {https()});
  receipt(kLaneBulk, {{1, 4}, {6, 10}}, 1);
  now_ += 20 * kSecond;
  EXPECT_EQ(numbers(next(https(), {https()})), (std::vector<std::uint64_t>{5}));
}

TEST_F(Box, ASlowWayIsGivenTimeForItsRoundTrip) {
  Standing mars = https();
  mars.terms.delay = 22 * kMinute;
  add(kLaneAlert, 1);
  next(mars, {mars});
  now_ += 44 * kMinute;
  EXPECT_TRUE(next(mars, {mars}).empty());
  now_ += 45 * kMinute;
  EXPECT_EQ(next(mars, {mars}).size(), 1u);
}

TEST_F(Box, TheDearCarrierWaitsForTheCheapOneAndTakesOverWhenThatIsDown) {
  add(kLaneAlert, 10);
  Standing cheap = https();
  EXPECT_TRUE(next(satellite(), {cheap, satellite()}).empty());
  cheap.up = false;
  EXPECT_EQ(next(satellite(), {cheap, satellite()}).size(), 1u);
  EXPECT_EQ(next(https(), {https(), satellite()}).size(), 1u)
      << "the whole goes by the cheap one, though it is told in brief";
}

TEST_F(Box, NothingGoesThatIsWorthLessThanItsBytesCost) {
  const Head dear = add(kLaneAlert, 10), cheap = add(kLaneAlert, 0.001);
  const Standing sat = satellite();
  EXPECT_EQ(outbox_.why(dear, sat, {sat}), Why::kNext);
  EXPECT_EQ(outbox_.why(cheap, sat, {sat}), Why::kTooCostly);
  EXPECT_EQ(numbers(next(sat, {sat})), (std::vector<std::uint64_t>{1}));
}

TEST_F(Box, ABudgetIsKeptAndItsLastPartIsForAlerts) {
  Standing carrier = https();
  carrier.left = 1000;
  carrier.left_for_others = 400;
  for (int i = 0; i < 20; ++i) add(kLaneAlert, 1), add(kLaneSummary, 1);
  const auto sent = next(carrier, {carrier});
  std::size_t bytes = 0, others = 0;
  for (const Head& head : sent) {
    bytes += head.bytes;
    others += head.lane != kLaneAlert ? head.bytes : 0;
  }
  EXPECT_LE(bytes, 1000u);
  EXPECT_EQ(others, 0u) << "alerts took more than the others may leave";
}

TEST_F(Box, WhatTheHubHasInBriefIsNotToldInBriefAgain) {
  add(kLaneAlert, 10);
  Ranges noticed;
  noticed.add(1);
  outbox_.noticed(noticed);
  now_ += kDay;
  EXPECT_TRUE(next(satellite(), {satellite()}).empty());
  EXPECT_EQ(next(https(), {https()}).size(), 1u);
}

TEST_F(Box, AHubThatWasRestoredGetsAgainWhatItLost) {
  for (int i = 0; i < 9; ++i) add(kLaneState, 1);
  next(https(), {https()});
  receipt(kLaneState, {{1, 9}}, 100, true);
  EXPECT_TRUE(receipt(kLaneState, {{1, 5}}, 50, true).back.empty()) << "an old one that came late";
  EXPECT_EQ(outbox_.through(kLaneState), 9u);
  const auto moved = receipt(kLaneState, {{1, 5}}, 200, true);
  ASSERT_EQ(moved.back.size(), 1u);
  EXPECT_EQ(moved.back[0], (std::pair<std::uint8_t, std::uint64_t>{kLaneState, 5}));
  EXPECT_EQ(numbers(next(https(), {https()})), (std::vector<std::uint64_t>{6, 7, 8, 9}));
}

TEST_F(Box, AHubThatForgotTheWholeLaneGetsAllOfItAgain) {
  add(kLaneState, 1);
  next(https(), {https()});
  receipt(kLaneState, {{1, 1}}, 100, true);
  EXPECT_TRUE(receipt(kLaneAlert, {}, 200, false).back.empty()) << "it says nothing of this lane";
  EXPECT_EQ(receipt(kLaneAlert, {}, 300, true).back.size(), 1u);
}

// --- Forecast ------------------------------------------------------------------------------------

TEST(Forecast, CountsContactsBudgetsAndWhatIsAddedMeanwhile) {
  Pace hourly{https(), 1000};
  hourly.carrier.terms.plan = {{6 * kHour, 7 * kHour}};
  const Backlog bulk{kLaneBulk, 10, 7'200'000, 0};
  const auto alone = drained({bulk}, {hourly}, kMidnight);
  ASSERT_TRUE(alone[0].second);
  EXPECT_EQ(*alone[0].second, kMidnight + kDay + 7 * kHour) << "3.6 MB a day";
  Backlog growing = bulk;
  growing.bytes_a_second_in = 100;  // 8.6 MB a day
  EXPECT_FALSE(drained({growing}, {hourly}, kMidnight)[0].second) << "never at this pace";
  Pace unknown{https(), 0};
  unknown.carrier.terms.bytes_a_day = 1'000'000;
  unknown.carrier.left = 200'000;
  EXPECT_EQ(*drained({bulk}, {unknown}, kMidnight)[0].second, kMidnight + 10 * kDay + 10 * kMinute);
  hourly.carrier.up = false;
  EXPECT_TRUE(drained({bulk}, {hourly}, kMidnight)[0].second) << "its next contact comes";
  EXPECT_FALSE(drained({bulk}, {hourly}, kMidnight + 6 * kHour)[0].second) << "it fails";
}

// --- Copies of a site ----------------------------------------------------------------------------

struct Machine {
  Instance instance;
  std::uint64_t epoch = 1;
  base::TimeUs heard = 0;
  void start() {
    static std::uint64_t random = 100;
    instance = {instance.starts + 1, ++random, instance.id};
  }
  Bundle bundle() const {
    Bundle out;
    out.epoch = epoch;
    out.instance = instance;
    out.heard = heard;
    return out;
  }
};

class Copies : public testing::Test {
 protected:
  bool forked(const Machine& machine) {
    bool changed = false;
    const bool out =
        hub_.see(machine.bundle(), held_, now_, changed) == Instances::Verdict::kForked;
    auto again = Instances::decode(hub_.encode());
    EXPECT_TRUE(again.ok());
    hub_ = *std::move(again);
    return out;
  }
  Instances hub_;
  base::TimeUs now_ = 1000;
  std::vector<Receipt> held_;
};

TEST_F(Copies, ASiteThatRestartsIsItself) {
  Machine site;
  for (int i = 0; i < 200; ++i) {
    site.start();
    if (i % 7 == 3) continue;  // a start that the hub never heard of
    EXPECT_FALSE(forked(site));
    EXPECT_FALSE(forked(site)) << "or sends more than one bundle";
  }
  EXPECT_EQ(hub_.cloned_since(), 0);
}

TEST_F(Copies, OfTwoMachinesFromOneImageTheSecondIsRefusedHoweverTheyStart) {
  for (const auto& [starts_a, starts_b] : {std::pair{1, 1}, {1, 2}, {2, 1}, {3, 2}, {1, 4}}) {
    hub_ = {};
    Machine image;
    image.start();
    EXPECT_FALSE(forked(image));
    Machine a = image, b = image;
    for (int i = 0; i < starts_a; ++i) {
      a.start();
      EXPECT_FALSE(forked(a));
    }
    for (int i = 0; i < starts_b; ++i) b.start();
    if (starts_b - starts_a >= 2) continue;  // its chain hangs on nothing that the hub knows
    EXPECT_TRUE(forked(b)) << starts_a << " " << starts_b;
    EXPECT_FALSE(forked(a)) << "the first one goes on";
  }
}

TEST_F(Copies, TheRefusedOneGetsTheReceiptsOfTheMomentWhenTheyParted) {
  Machine image;
  image.start();
  forked(image);
  Machine a = image, b = image;
  held_ = {{1, kLaneAlert, *Ranges::from({{1, 10}})}};
  a.start();
  forked(a);
  held_ = {{1, kLaneAlert, *Ranges::from({{1, 99}})}};  // a's own
  forked(a);
  b.start();
  EXPECT_TRUE(forked(b));
  const auto common = hub_.receipts(b.bundle());
  ASSERT_EQ(common.size(), 1u);
  EXPECT_EQ(common[0].held.through(), 10u);
}

TEST_F(Copies, AreToldFromARestoredMachineWhenBothGoOn) {
  Machine image;
  image.start();
  forked(image);
  Machine a = image, b = image;
  a.start();
  forked(a);
  b.start();
  EXPECT_TRUE(forked(b));
  b.epoch = 2;
  now_ = 2000;
  EXPECT_FALSE(forked(b));
  EXPECT_EQ(hub_.cloned_since(), 0) << "one that was restored";
  a.heard = 1999;
  now_ = 3000;
  EXPECT_FALSE(forked(a));
  EXPECT_EQ(hub_.cloned_since(), 0) << "a bundle that was long under way";
  a.heard = 2500;
  EXPECT_FALSE(forked(a));
  EXPECT_EQ(hub_.cloned_since(), 3000);
}

}  // namespace
}  // namespace lander::link
