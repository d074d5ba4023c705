// Numbers, who sends them and who takes them: over a channel that loses, repeats and reorders.
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>

#include "link/outbox.h"

namespace lander::link {
namespace {

using base::kSecond;

TEST(Ranges, AreASetOfNumbers) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    std::mt19937_64 random(seed);
    Ranges ranges;
    std::set<std::uint64_t> model;
    for (int i = 0; i < 400; ++i) {
      const std::uint64_t number = random() % 200;
      const bool is_new = number != 0 && model.insert(number).second;
      ASSERT_EQ(ranges.can_add(number), is_new);
      ASSERT_EQ(ranges.add(number), is_new);
    }
    std::uint64_t through = 0;
    while (model.contains(through + 1)) ++through;
    EXPECT_EQ(ranges.through(), through);
    for (std::uint64_t number = 0; number < 210; ++number) {
      ASSERT_EQ(ranges.contains(number), model.contains(number)) << number;
    }
    const auto& all = ranges.ranges();
    const auto back = Ranges::from({all.begin(), all.end()});
    ASSERT_TRUE(back.ok()) << "disjoint, ascending, with gaps";
  }
}

TEST(Ranges, MergeIsTheUnion) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    Ranges a, b, both;
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t number = 1 + random() % 120;
      (random() % 2 ? a : b).add(number);
      both.add(number);
    }
    a.merge(b);
    EXPECT_EQ(a.ranges(), both.ranges()) << "seed " << seed;
  }
}

TEST(Ranges, StayBoundedAndTakeWhatClosesAGapWhenFull) {
  Ranges ranges;
  for (std::uint64_t i = 0; i < Ranges::kMax; ++i) ASSERT_TRUE(ranges.add(2 + 2 * i));
  EXPECT_FALSE(ranges.add(100'000));
  EXPECT_FALSE(ranges.contains(100'000));
  EXPECT_TRUE(ranges.add(3));
  EXPECT_TRUE(ranges.add(100'000));
  EXPECT_EQ(ranges.ranges().size(), Ranges::kMax);
  Ranges far;
  far.add(1'000'000);
  ranges.merge(far);
  EXPECT_EQ(ranges.ranges().size(), Ranges::kMax);
}

TEST(Ranges, RefuseWhatIsNotAscendingWithGapsBetween) {
  const std::vector<std::vector<std::pair<std::uint64_t, std::uint64_t>>> wrong = {
      {{0, 1}}, {{2, 1}}, {{1, 2}, {3, 4}}, {{1, 5}, {4, 8}}, {{7, 8}, {1, 2}}, {{1, UINT64_MAX}}};
  for (const auto& ranges : wrong) EXPECT_FALSE(Ranges::from(ranges).ok());
  EXPECT_FALSE(Ranges().can_add(UINT64_MAX));
  EXPECT_TRUE(Ranges().can_add(INT64_MAX));
}

// --- A site and a hub over two carriers
// -----------------------------------------------------------

struct Message {
  base::DurationUs arrives;
  bool to_hub;
  base::Bytes bytes;
};

struct World {
  explicit World(std::uint64_t seed) : random(seed) {}
  bool chance(int percent) { return static_cast<int>(random() % 100) < percent; }

  // Two carriers with delays of their own; each loses, repeats, and so reorders.
  void send(const Bundle& bundle, bool to_hub) {
    const base::Bytes bytes = encode(bundle);
    const int copies = chance(loss) ? 0 : chance(20) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const auto delay = random() % 2 ? random() % (2 * kSecond) : random() % (90 * kSecond);
      channel.push_back({now + static_cast<base::DurationUs>(delay), to_hub, bytes});
    }
  }

  void produce() {
    const auto lane = static_cast<std::uint8_t>(random() % kLanes);
    Item item;
    item.lane = lane;
    item.number = ++last[lane];
    item.type = "summary";
    item.created = now;
    item.body = {static_cast<std::uint8_t>(epoch), lane, static_cast<std::uint8_t>(item.number)};
    outbox[lane].push_back(item);
    ++produced;
  }

  Standing standing(const std::string& id) const {
    Standing out;
    out.terms.id = id;
    out.max_message = kMaxBundleBytes;
    out.up = true;
    return out;
  }

  void site_sends() {
    Bundle bundle;
    bundle.tenant = "acme";
    bundle.site = "pump-7";
    bundle.epoch = sender.epoch();
    bundle.sent = now;
    const Standing carrier = standing(random() % 2 ? "https" : "mqtt");
    const Outbox::Heads heads = [&](std::uint8_t lane, std::uint64_t after, std::size_t max) {
      std::vector<Head> out;
      for (const Item& item : outbox[lane]) {
        if (item.number > after && out.size() < max) out.push_back({lane, item.number, 3, 1});
      }
      return base::Result<std::vector<Head>>(out);
    };
    const Outbox::Room room{1 << 20, 1 + random() % 8, kLaneAlert, kLanePickup};
    const auto chosen = sender.choose(carrier, {carrier}, room, now, heads);
    ASSERT_TRUE(chosen.ok());
    for (const Head& head : *chosen) {
      for (const Item& item : outbox[head.lane]) {
        if (item.number == head.number) bundle.items.push_back(item);
      }
    }
    sender.sent(carrier, *chosen, now);
    add_tombstones(bundle);
    send(bundle, true);
    if (chance(10)) sender.lost(carrier.terms.id);
  }

  // Now and then an item goes without having been sent.
  void drop() {
    auto& items = outbox[kLaneSummary];
    if (items.empty()) return;
    const auto at = items.begin() + static_cast<std::ptrdiff_t>(random() % items.size());
    gone.add(at->number);
    dropped.insert({epoch, at->number});
    items.erase(at);
  }

  void add_tombstones(Bundle& bundle) const {
    if (!gone.ranges().empty()) bundle.gone = {{kLaneSummary, Gone::kExpired, gone}};
  }

  void arrive(const Message& message) {
    const auto bundle = decode_bundle(message.bytes);
    ASSERT_TRUE(bundle.ok());
    if (!message.to_hub) {
      // What answers a bundle of this run is no old one that took long.
      const auto moved =
          sender.receipts(bundle->receipts, bundle->sent, true, bundle->heard > began);
      EXPECT_TRUE(moved.back.empty()) << "this hub was never restored";
      for (const auto& [lane, through] : moved.forward) {
        auto& items = outbox[lane];
        while (!items.empty() && items.front().number <= through) items.pop_front();
      }
      return;
    }
    for (const Item& item : bundle->items) {
      if (hub.take(bundle->epoch, item)) ++effects[{bundle->epoch, item.lane, item.number}];
    }
    hub.skip(bundle->epoch, bundle->gone);
    Bundle reply;
    reply.tenant = "acme";
    reply.site = "pump-7";
    reply.to_site = true;
    reply.sent = now;
    reply.heard = bundle->sent;
    reply.receipts = hub.receipts(bundle->epoch);
    send(reply, false);
  }

  void step() {
    now += kSecond;
    if (producing && chance(60)) produce();
    if (producing && chance(5)) drop();
    if (chance(50)) site_sends();
    for (std::size_t i = 0; i < channel.size();) {
      if (channel[i].arrives > now) {
        ++i;
        continue;
      }
      const Message message = channel[i];
      channel[i] = channel.back();
      channel.pop_back();
      arrive(message);
    }
    if (chance(3)) restart(sender.epoch());
    if (chance(3)) {  // the hub restarts
      auto again = Receiver::decode(hub.encode());
      ASSERT_TRUE(again.ok());
      hub = *std::move(again);
    }
  }

  // Of the site: it knows what it has forgotten, and not what is under way.
  void restart(std::uint64_t new_epoch) {
    std::map<std::uint8_t, std::uint64_t> through;
    for (std::uint8_t lane = 0; lane < kLanes; ++lane) through[lane] = sender.through(lane);
    const bool same = sender.epoch() == new_epoch;
    sender = Outbox(new_epoch);
    began = now;
    if (!same) gone = {};
    for (const auto& [lane, last_held] : through) {
      if (same) sender.set_through(lane, last_held);
    }
  }

  bool empty() const {
    for (const auto& [lane, items] : outbox) {
      if (!items.empty()) return false;
    }
    return true;
  }

  std::mt19937_64 random;
  int loss = 30;
  bool producing = true;
  base::DurationUs now = 0;
  std::uint64_t epoch = 7;
  std::vector<Message> channel;
  std::map<std::uint8_t, std::deque<Item>> outbox;
  std::map<std::uint8_t, std::uint64_t> last;
  Outbox sender{7};
  base::TimeUs began = 0;  // of the run
  Ranges gone;
  std::set<std::pair<std::uint64_t, std::uint64_t>> dropped;  // epoch, number
  Receiver hub;
  std::size_t produced = 0;
  std::map<std::tuple<std::uint64_t, std::uint8_t, std::uint64_t>, int> effects;
};

TEST(Link, EachItemHasItsEffectOnceThoughBundlesAreLostRepeatedAndReordered) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    World world(seed);
    for (int i = 0; i < 300; ++i) world.step();
    world.producing = false;
    for (int i = 0; i < 5000 && !world.empty(); ++i) world.step();
    ASSERT_TRUE(world.empty()) << "seed " << seed << ": all are receipted and forgotten";
    std::size_t missing = 0;
    for (const auto& [epoch, number] : world.dropped) {
      if (!world.effects.contains({epoch, kLaneSummary, number})) ++missing;
      EXPECT_TRUE(world.hub.holds(epoch, kLaneSummary, number)) << "a gap is explained";
    }
    EXPECT_EQ(world.effects.size() + missing, world.produced) << "seed " << seed;
    for (const auto& [number, count] : world.effects) EXPECT_EQ(count, 1) << "seed " << seed;
  }
}

TEST(Link, ARestoredSiteBeginsANewEpochAndItsNumbersAreNotMistaken) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    World world(seed);
    for (std::uint64_t epoch = 8; epoch < 11; ++epoch) {
      for (int i = 0; i < 100; ++i) world.step();
      world.outbox.clear();  // the disk came from a copy: its numbers start again
      world.last.clear();
      world.epoch = epoch;
      world.restart(epoch);
    }
    const std::size_t before = world.produced;
    for (int i = 0; i < 100; ++i) world.step();
    world.producing = false;
    for (int i = 0; i < 5000 && !world.empty(); ++i) world.step();
    ASSERT_TRUE(world.empty()) << "seed " << seed;
    std::size_t of_newest = 0;
    for (const auto& [number, count] : world.effects) {
      EXPECT_EQ(count, 1);
      of_newest += std::get<0>(number) == 10;
    }
    std::size_t missing = 0;
    for (const auto& [epoch, number] : world.dropped) {
      missing += epoch == 10 && !world.effects.contains({epoch, kLaneSummary, number});
    }
    EXPECT_EQ(of_newest + missing, world.produced - before) << "seed " << seed;
  }
}

// --- Receiver
// -------------------------------------------------------------------------------------

Item item(std::uint8_t lane, std::uint64_t number) {
  Item out;
  out.lane = lane;
  out.number = number;
  out.type = "summary";
  return out;
}

TEST(Receiver, GivesReceiptsForTheEpochThatAsksAndTheNewestOther) {
  Receiver receiver;
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
    EXPECT_TRUE(receiver.take(epoch, item(kLaneAlert, 1)));
    EXPECT_FALSE(receiver.take(epoch, item(kLaneAlert, 1)));
  }
  for (std::uint64_t asked = 1; asked <= 3; ++asked) {
    const auto receipts = receiver.receipts(asked);
    ASSERT_EQ(receipts.size(), 2u);
    EXPECT_EQ(receipts[0].epoch, asked) << "who asks gets his own, though others came later";
    EXPECT_EQ(receipts[1].epoch, asked == 3 ? 2u : 3u);
  }
  ASSERT_EQ(receiver.receipts(9).size(), 2u);
  EXPECT_TRUE(receiver.receipts(9)[0].held.ranges().empty()) << "says that nothing is held";
}

TEST(Receiver, TakesNothingMoreFromAClosedEpochAndStaysBounded) {
  Receiver receiver;
  for (std::uint64_t epoch = 1; epoch <= 6000; ++epoch) receiver.take(epoch, item(kLaneAlert, 1));
  EXPECT_FALSE(receiver.take(1, item(kLaneAlert, 1))) << "no second effect";
  EXPECT_FALSE(receiver.take(1, item(kLaneAlert, 2)));
  EXPECT_LT(receiver.encode().size(), 20'000u);
}

TEST(Receiver, RefusesLanesAndNumbersThatDoNotExist) {
  Receiver receiver;
  EXPECT_FALSE(receiver.take(1, item(kLanes, 1)));
  EXPECT_FALSE(receiver.take(1, item(kLaneAlert, 0)));
  EXPECT_FALSE(receiver.take(1, item(kLaneAlert, UINT64_MAX)));
  EXPECT_TRUE(receiver.receipts(1)[0].held.ranges().empty());
}

TEST(Receiver, ItsReceiptsStaySmallHoweverScatteredTheNumbers) {
  Receiver receiver;
  for (std::uint64_t n = 0; n < 10'000; ++n) receiver.take(1, item(kLaneBulk, 2 + 2 * n));
  EXPECT_EQ(receiver.receipts(1)[0].held.ranges().size(), Receiver::kReceiptRanges);
  const auto back = Receiver::decode(receiver.encode());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->encode(), receiver.encode());
  EXPECT_FALSE(back->fresh(1, item(kLaneBulk, 2)));
}

TEST(Receiver, ADamagedJournalIsRefusedOrHasItsOneForm) {
  Receiver receiver;
  for (std::uint64_t n : {1, 2, 5, 9}) {
    receiver.take(77, item(kLaneAlert, n));
    receiver.take(78, item(kLaneBulk, n));
  }
  const base::Bytes good = receiver.encode();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(Receiver::decode(base::ByteView(good).first(size)).ok());
  }
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    base::Bytes bad = good;
    bad[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
    const auto decoded = Receiver::decode(bad);
    if (decoded.ok()) {
      ASSERT_EQ(decoded->encode(), bad);
    }
  }
}

}  // namespace
}  // namespace lander::link
