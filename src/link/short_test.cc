// The short envelope, over a channel that loses, repeats, reorders and alters.
#include "link/short.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace lander::link {
namespace {

using base::Bytes;
using base::Code;

struct Ends {
  Keys site, hub;
};
Ends two_ends() {
  const auto key = [](crypto::KeyType type) { return crypto::PrivateKey::generate(type).value(); };
  Ends ends;
  ends.site.sealing = key(crypto::KeyType::kX25519);
  ends.hub.sealing = key(crypto::KeyType::kX25519);
  ends.site.peer_sealing = ends.hub.sealing.public_key();
  ends.hub.peer_sealing = ends.site.sealing.public_key();
  return ends;
}

const ShortKeys& some_keys() {
  static const ShortKeys keys = short_keys(two_ends().site, "acme", "plant", 0x1234567).value();
  return keys;
}

// The counter that a receiver finds who had `newest`; 0: it does not open.
std::uint64_t found(const ShortKeys& keys, std::uint64_t newest, const Bytes& message,
                    bool from_hub = false) {
  const auto opened = open_short({&keys, 1}, {&newest, 1}, from_hub, message);
  if (opened.ok()) return opened->counter;
  EXPECT_EQ(opened.error().code(), Code::kUnauthenticated);
  return 0;
}

TEST(Short, CostsTenBytesAndOpensAtTheOtherEnd) {
  const Ends ends = two_ends();
  const ShortKeys site = short_keys(ends.site, "acme", "plant", 77).value(),
                  hub = short_keys(ends.hub, "acme", "plant", 77).value();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{40}, kMaxShortPlain}) {
    const Bytes plain(size, 'x');
    for (const bool from_hub : {false, true}) {
      const Bytes sealed = seal_short(from_hub ? hub : site, from_hub, 1, plain);
      EXPECT_EQ(sealed.size(), size + kShortOverhead);
      EXPECT_TRUE(is_short(sealed));
      const std::uint64_t newest = 0;
      const auto opened = open_short({from_hub ? &site : &hub, 1}, {&newest, 1}, from_hub, sealed);
      ASSERT_TRUE(opened.ok()) << opened.error().message();
      EXPECT_EQ(opened->plain, plain);
      EXPECT_EQ(opened->epoch, 77u);
      EXPECT_EQ(opened->counter, 1u);
    }
  }
  EXPECT_EQ(seal_short(site, false, 1, Bytes(40)).size(), 50u) << "an alert, one satellite credit";
}

TEST(Short, OpensForItsTenantSiteEpochWayAndKeysOnly) {
  const Ends ends = two_ends(), others = two_ends();
  const ShortKeys keys = short_keys(ends.site, "acme", "plant", 8).value();
  const Bytes message = seal_short(keys, false, 1, base::as_bytes("hello"));
  EXPECT_EQ(found(short_keys(ends.hub, "acme", "plant", 8).value(), 0, message), 1u);
  EXPECT_EQ(found(keys, 0, message, true), 0u) << "the other way";
  for (const auto& [tenant, site, epoch] : {std::tuple{"acm", "eplant", 8},
                                            {"acme", "plant2", 8},
                                            {"plant", "acme", 8},
                                            {"acme", "plant", 16},
                                            {"acme", "plant", 9}}) {
    EXPECT_EQ(found(short_keys(ends.hub, tenant, site, epoch).value(), 0, message), 0u);
  }
  EXPECT_EQ(found(short_keys(others.hub, "acme", "plant", 8).value(), 0, message), 0u);
  // A way of its own key, and of its own nonce should two keys ever be alike.
  ShortKeys alike = keys;
  alike.down = alike.up;
  EXPECT_EQ(found(alike, 0, message, true), 0u);
}

TEST(Short, IsOpenedUnderWhicheverOfTheKnownEpochsItWasSealed) {
  const Ends ends = two_ends();
  std::vector<ShortKeys> keys;
  std::vector<std::uint64_t> newest;
  for (std::uint64_t epoch = 100; epoch < 116; ++epoch) {  // each hint twice
    keys.push_back(short_keys(ends.hub, "acme", "plant", epoch).value());
    newest.push_back(epoch * 10'000);
  }
  for (const ShortKeys& key : keys) {
    const Bytes message = seal_short(key, false, key.epoch * 10'000 + 1, {});
    const auto opened = open_short(keys, newest, false, message);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(opened->epoch, key.epoch);
  }
  const auto unknown = short_keys(ends.hub, "acme", "plant", 99).value();
  EXPECT_EQ(open_short(keys, newest, false, seal_short(unknown, false, 1, {})).error().code(),
            Code::kUnauthenticated);
}

TEST(Short, TheCounterIsFoundThoughThousandsWereLostOrComeLateOrTwice) {
  const ShortKeys& keys = some_keys();
  std::mt19937_64 random(3);
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    std::uint64_t newest = 0, next = 1 + random() % 10'000;
    for (int i = 0; i < 60; ++i) {
      // Mostly the next; now and then after a long silence, or one of the last again.
      const auto kind = random() % 10;
      std::uint64_t counter = next;
      if (kind == 0) counter += random() % 60'000;
      if (kind == 1 && newest > 0)
        counter = newest - std::min<std::uint64_t>(newest - 1, random() % 2'047);
      ASSERT_EQ(found(keys, newest, seal_short(keys, false, counter, {})), counter)
          << "newest " << newest;
      newest = std::max(newest, counter);
      next = newest + 1;
    }
  }
}

TEST(Short, TheCountersReachIsAsDocumented) {
  const ShortKeys& keys = some_keys();
  for (const std::uint64_t newest : {std::uint64_t{100'000}, std::uint64_t{104'095}}) {
    for (const auto& [counter, opens] : {std::pair{newest + 1 - 2'048, true},
                                         {newest + 1 - 2'049, false},
                                         {newest + 63'488, true},
                                         {newest + 1 + 63'488, false}}) {
      EXPECT_EQ(found(keys, newest, seal_short(keys, false, counter, {})), opens ? counter : 0)
          << newest << " " << counter;
    }
  }
  EXPECT_EQ(found(keys, 0, seal_short(keys, false, 4'000, {})), 4'000u) << "none is below 1";
}

TEST(Short, EveryFlippedBitAndEveryCutIsRefused) {
  const ShortKeys& keys = some_keys();
  Bytes message = seal_short(keys, false, 5, base::as_bytes("bearing wear"));
  const std::uint64_t newest = 4;
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    message[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(open_short({&keys, 1}, {&newest, 1}, false, message).ok()) << bit;
    message[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
  ASSERT_TRUE(open_short({&keys, 1}, {&newest, 1}, false, message).ok());
  for (std::size_t size = 0; size < message.size(); ++size) {
    const base::ByteView cut = base::ByteView(message).first(size);
    EXPECT_FALSE(open_short({&keys, 1}, {&newest, 1}, false, cut).ok()) << size;
  }
}

TEST(Short, IsToldFromABundleByItsFirstByte) {
  const Bytes bundle = {0xD8, 0x60, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_FALSE(is_short(bundle));
  EXPECT_FALSE(is_short({}));
  const std::uint64_t newest = 0;
  EXPECT_EQ(open_short({&some_keys(), 1}, {&newest, 1}, false, bundle).error().code(),
            Code::kCorrupt);
}

TEST(Short, TakesKeysThatCanAgreeOnly) {
  Keys keys = two_ends().site;
  keys.peer_sealing = crypto::PrivateKey::generate(crypto::KeyType::kP256).value().public_key();
  EXPECT_EQ(short_keys(keys, "acme", "plant", 1).error().code(), Code::kInvalid);
}

}  // namespace
}  // namespace lander::link
