// What a site gives to couriers, and what it believes of what they bring back.
#include "site/courier.h"

#include <gtest/gtest.h>

#include <random>

#include "site/site_fixture.h"

namespace lander::site {
namespace {

class CourierTest : public Site {
 protected:
  // A laptop, or whoever has these keys.
  struct Laptop {
    crypto::PrivateKey signing = *crypto::PrivateKey::generate(crypto::KeyType::kP256);
    crypto::PrivateKey sealing = *crypto::PrivateKey::generate(crypto::KeyType::kX25519);
  };

  void SetUp() override {
    Site::SetUp();
    pickup_lane = link::kLanePickup;
    open();
    apply(yaml("summary, pickup: true"));
    measure(500);
  }

  void measure(std::size_t count, bool noise = false) {
    store::Batch batch;
    for (std::size_t i = 0; i < count; ++i) {
      sensing::Observation o;
      o.series = store->keys("v").front();
      o.time = kNow + static_cast<base::TimeUs>(++measured) * base::kSecond;
      o.value = noise ? std::generate_canonical<double, 53>(random) : static_cast<double>(measured);
      batch.observations.push_back(std::move(o));
    }
    ASSERT_TRUE(store->commit(batch).ok());
  }

  void name(std::vector<std::string> recipients, std::uint64_t version) {
    trust::Document document;
    document.version = version;
    for (const std::string& one : recipients) {
      document.recipients.push_back({one, {}, {}});
      if (one == link::kHub) continue;
      document.recipients.back().signing_der = laptop.signing.public_key().to_der();
      document.recipients.back().sealing_der = laptop.sealing.public_key().to_der();
    }
    ASSERT_TRUE(take({hub.item("trust", *trust::sign(document, hub.root))},
                     kNow + static_cast<base::TimeUs>(version) * base::kHour)
                    .ok());
  }

  // Everything of a lane, as a pickup asks for it.
  std::vector<carrier::Part> parts(const std::string& peer, std::uint8_t lane) {
    std::vector<carrier::Part> out;
    for (std::uint64_t after = 0;;) {
      auto part = core->pickup_part({peer, lane, after, INT64_MAX}, {});
      EXPECT_TRUE(part.ok()) << part.error().message();
      if (!part.ok()) return out;
      const bool more = part->more;
      after = std::max(after, part->last);
      if (part->items > 0) {
        out.push_back(std::move(*part));
      }
      if (!more) return out;
    }
  }

  std::size_t observations(const std::vector<link::Item>& items) {
    std::size_t out = 0;
    for (const auto& item : items) {
      if (item.type != "blocks") continue;
      for (const auto& block : *link::decode_blocks(item.body))
        out += sensing::decode_block(block.block)->size();
    }
    return out;
  }

  base::Result<link::Bundle> open_at(const Laptop& reader, const carrier::Part& part,
                                     std::string_view peer = "ana") {
    return link::open(part.sealed,
                      {reader.signing, reader.sealing, signing.public_key(), sealing.public_key()},
                      {"acme", "pump-7", false, peer});
  }

  base::Bytes receipt(const Laptop& from, std::uint64_t through, std::uint64_t first = 1) {
    link::Bundle out;
    out.tenant = "acme";
    out.site = "pump-7";
    out.peer = "ana";
    out.to_site = true;
    out.epoch = store->epoch();
    out.sent = kNow + base::kHour;
    out.receipts = {{store->epoch(), link::kLanePickup, *link::Ranges::from({{first, through}})}};
    return *link::seal(out,
                       {from.signing, from.sealing, signing.public_key(), sealing.public_key()});
  }

  Laptop laptop;
  std::uint64_t measured = 0;
  std::mt19937_64 random{1};
};

TEST_F(CourierTest, TheHubGetsWhatANetworkWouldBringAndRawObservations) {
  ASSERT_FALSE(parts("hub", link::kLaneState).empty());
  const auto raw = parts("hub", link::kLanePickup);
  ASSERT_EQ(raw.size(), 1u);
  const auto bundle = link::open(raw[0].sealed, keys_of(hub), {"acme", "pump-7", false});
  ASSERT_TRUE(bundle.ok()) << bundle.error().message();
  EXPECT_EQ(observations(bundle->items), 500u);
}

TEST_F(CourierTest, APickupTakesAllThereIsInFullFilesWhateverWasOfferedBefore) {
  for (int i = 0; i < 12; ++i) measure(50'000, true);
  const auto raw = parts("hub", link::kLanePickup);
  std::size_t total = 0;
  for (const auto& part : raw) {
    const auto bundle = link::open(part.sealed, keys_of(hub), {"acme", "pump-7", false});
    ASSERT_TRUE(bundle.ok()) << bundle.error().message();
    total += observations(bundle->items);
  }
  EXPECT_EQ(total, measured);
  ASSERT_GT(raw.size(), 1u);
  EXPECT_LT(raw.size(), 6u);
}

TEST_F(CourierTest, OnceOthersAreNamedAndTheHubIsNotNothingRawIsSealedForIt) {
  name({"ana"}, 3);
  EXPECT_EQ(core->peers(), (std::vector<std::string>{"hub", "ana"}));
  EXPECT_TRUE(parts("hub", link::kLanePickup).empty());
  EXPECT_FALSE(parts("hub", link::kLaneState).empty());
  name({"ana", "hub"}, 4);
  EXPECT_FALSE(parts("hub", link::kLanePickup).empty());
}

TEST_F(CourierTest, ARecipientGetsRawObservationsAndTheirDeclarationsAndNobodyElseReadsThem) {
  name({"ana"}, 3);
  const auto raw = parts("ana", link::kLanePickup);
  ASSERT_EQ(raw.size(), 1u);
  const auto bundle = open_at(laptop, raw[0]);
  ASSERT_TRUE(bundle.ok()) << bundle.error().message();
  EXPECT_EQ(observations(bundle->items), 500u);
  EXPECT_TRUE(bundle->vitals.empty());
  EXPECT_TRUE(bundle->receipts.empty());
  const auto declared = parts("ana", link::kLaneState);
  ASSERT_EQ(declared.size(), 1u);
  EXPECT_EQ(count(open_at(laptop, declared[0])->items, "datastream"), declared[0].items);
  EXPECT_TRUE(parts("ana", link::kLaneAlert).empty());
  EXPECT_FALSE(open_at(Laptop(), raw[0]).ok());
  EXPECT_FALSE(open_at(laptop, raw[0], "ben").ok());
  EXPECT_FALSE(link::open(raw[0].sealed, keys_of(hub), {"acme", "pump-7", false}).ok());
}

TEST_F(CourierTest, NobodyIsARecipientWhoIsNotNamed) {
  EXPECT_EQ(core->pickup_part({"ana", link::kLanePickup}, {}).error().code(),
            base::Code::kNotFound);
  EXPECT_EQ(core->brought("ana", receipt(laptop, 1)).error().code(), base::Code::kNotFound);
}

TEST_F(CourierTest, OnlyAReceiptOfItsReaderMakesRoomAndItSurvivesARestart) {
  name({"ana"}, 3);
  const auto last = parts("ana", link::kLanePickup).back().last;
  EXPECT_FALSE(core->brought("ana", receipt(Laptop(), last)).ok());
  EXPECT_FALSE(parts("ana", link::kLanePickup).empty());
  ASSERT_TRUE(core->brought("ana", receipt(laptop, last)).ok());
  EXPECT_TRUE(parts("ana", link::kLanePickup).empty());
  open();
  EXPECT_TRUE(parts("ana", link::kLanePickup).empty());
  measure(10);
  EXPECT_EQ(parts("ana", link::kLanePickup).front().first, last + 1);
}

TEST_F(CourierTest, APartKeepsWithinWhatWasAskedFor) {
  const auto all = parts("hub", link::kLaneState);
  ASSERT_GE(all.front().items, 2u);
  const auto part = core->pickup_part({"hub", link::kLaneState, 0, 2}, {}).value();
  EXPECT_EQ(part.first, 1u);
  EXPECT_EQ(part.last, 1u);
}

TEST_F(CourierTest, AHubRestoredFromAnOlderCopyGetsAgainWhatItLost) {
  const auto last = parts("hub", link::kLanePickup).back().last;
  measure(500);
  const auto all = parts("hub", link::kLanePickup).back().last;
  ASSERT_GT(all, last);
  const auto answers = [&](std::uint64_t through, base::TimeUs sent, bool of_this_run = true) {
    const auto out = core->next_message("https", {});
    ASSERT_TRUE(out.ok()) << out.error().message();
    const auto asked = link::open(out->sealed, keys_of(hub), {"acme", "pump-7", false});
    ASSERT_TRUE(asked.ok());
    link::Bundle bundle;
    bundle.tenant = "acme";
    bundle.site = "pump-7";
    bundle.to_site = true;
    bundle.epoch = hub.epoch;
    bundle.sent = sent;
    bundle.heard = of_this_run ? asked->sent : 1;
    bundle.receipts = {{store->epoch(), link::kLaneState, {}}};
    if (through > 0)
      bundle.receipts.push_back(
          {store->epoch(), link::kLanePickup, *link::Ranges::from({{1, through}})});
    ASSERT_TRUE(core->take_message(*link::seal(bundle, keys_of(hub)), base::kMillisecond).ok());
  };
  answers(all, kNow + 2 * base::kMinute);
  ASSERT_TRUE(parts("hub", link::kLanePickup).empty());
  answers(last, kNow + base::kMinute);  // was long under way
  EXPECT_TRUE(parts("hub", link::kLanePickup).empty());
  answers(last, kNow + 3 * base::kMinute, false);
  EXPECT_TRUE(parts("hub", link::kLanePickup).empty());
  answers(last, kNow + 4 * base::kMinute);
  open();
  ASSERT_FALSE(parts("hub", link::kLanePickup).empty());
  EXPECT_EQ(parts("hub", link::kLanePickup).front().first, last + 1);
  EXPECT_EQ(parts("hub", link::kLanePickup).back().last, all);
  answers(0, kNow + 5 * base::kMinute);
  EXPECT_EQ(parts("hub", link::kLanePickup).front().first, 1u);
}

// More wait than are looked at at once, and the stick has all behind the first gap.
TEST_F(CourierTest, ASecondPickupOntoAStickWithAGapEndsAndWritesNothingTwice) {
  store::Batch batch;
  for (int i = 0; i < 5'000; ++i) batch.items.push_back({link::kLaneSummary, "summary", {1}});
  ASSERT_TRUE(store->commit(batch).ok());
  ASSERT_TRUE(store->forget_items(link::kLaneSummary, 100).ok());
  const auto stick_folder = os::open_folder(folder).value();
  carrier::Stick stick(*stick_folder);
  const auto pick_up = [&] {
    std::size_t asked = 0;
    const auto ask = [&](const carrier::PartAsked& one) { return core->pickup_part(one, {}); };
    return carrier::pick_up(stick, {"acme", "pump-7", false, "hub"}, ask,
                            [&](const carrier::PickedUp&) { return ++asked < 100; });
  };
  const auto first = pick_up();
  ASSERT_TRUE(first.ok()) << first.error().message();
  EXPECT_GE(first->items, 4'900u);
  const auto second = pick_up();
  ASSERT_TRUE(second.ok()) << second.error().message();
  EXPECT_EQ(second->items, 0u);
}

TEST_F(CourierTest, APickupGoesOnBehindWhatItsReaderHoldsAlready) {
  name({"ana"}, 3);
  ASSERT_EQ(parts("ana", link::kLanePickup).size(), 1u);
  store::Batch batch;
  for (int i = 0; i < 9'000; ++i) batch.items.push_back({link::kLanePickup, "other", {1}});
  ASSERT_TRUE(store->commit(batch).ok());
  const auto first = store->heads(link::kLanePickup, 0, 1)->front().number;
  ASSERT_TRUE(core->brought("ana", receipt(laptop, first + 8'500, first + 2)).ok());
  std::vector<std::uint64_t> firsts;
  std::uint64_t after = first + 1;
  for (int i = 0; i < 20; ++i) {
    const auto part = core->pickup_part({"ana", link::kLanePickup, after, INT64_MAX}, {});
    ASSERT_TRUE(part.ok()) << part.error().message();
    if (part->items > 0) firsts.push_back(part->first);
    after = std::max(after, part->last);
    if (!part->more) break;
  }
  ASSERT_FALSE(firsts.empty());
  EXPECT_EQ(firsts.front(), first + 8'501);
}

TEST_F(CourierTest, ASiteWithoutAnIdentitySealsForNobody) {
  open(std::nullopt);
  EXPECT_EQ(core->pickup_part({"hub", link::kLanePickup}, {}).error().code(),
            base::Code::kConflict);
}

}  // namespace
}  // namespace lander::site
