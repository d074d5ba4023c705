#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "link/link.h"

namespace lander::link {
namespace {

crypto::PrivateKey key(crypto::KeyType type) { return *crypto::PrivateKey::generate(type); }

// A site and its hub.
struct Pair {
  crypto::PrivateKey site_signing = key(crypto::KeyType::kP256);
  crypto::PrivateKey site_sealing = key(crypto::KeyType::kX25519);
  crypto::PrivateKey hub_signing = key(crypto::KeyType::kP256);
  crypto::PrivateKey hub_sealing = key(crypto::KeyType::kX25519);
  Keys site{site_signing, site_sealing, hub_signing.public_key(), hub_sealing.public_key()};
  Keys hub{hub_signing, hub_sealing, site_signing.public_key(), site_sealing.public_key()};
};

Bundle heartbeat() {
  Bundle bundle;
  bundle.tenant = "acme";
  bundle.site = "pump-7";
  bundle.epoch = 0x1122334455667788;
  bundle.sent = 1'795'000'000 * base::kSecond;
  bundle.sent_error = 2 * base::kSecond;
  return bundle;
}

Bundle full() {
  Bundle bundle = heartbeat();
  bundle.desired_revision = 12;
  bundle.vitals = {{"load1", 0.4}, {"mem_used", 1.1e9}, {"disk_free", std::nan("")}, {"b", 1}};
  bundle.wants = {{std::string(64, 'a'), 262144}};
  Receipt receipt;
  receipt.epoch = 9;
  receipt.lane = kLaneState;
  for (std::uint64_t n : {1, 2, 3, 7}) receipt.held.add(n);
  bundle.receipts = {receipt};
  bundle.instance = {3, 0x8877665544332211, 17};
  bundle.heard = bundle.sent - base::kHour;
  bundle.refused_epoch = 77;
  bundle.noticed.add(4);
  bundle.gone = {{kLaneSummary, Gone::kExpired, receipt.held}};
  bundle.items = {{kLaneAlert, 1, "alert-event", bundle.sent, {1, 2, 3}},
                  {kLaneBulk, 900, "blocks", -5, base::Bytes(1000, 0xAB)}};
  return bundle;
}

TEST(Bundle, SurvivesTheWireInEitherDirection) {
  const Pair pair;
  Bundle up = full();
  const auto sealed = seal(up, pair.site);
  ASSERT_TRUE(sealed.ok()) << sealed.error().message();
  const auto opened = open(*sealed, pair.hub, {"acme", "pump-7", false});
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  EXPECT_EQ(encode(*opened), encode(up));
  EXPECT_EQ(opened->items[1].body, up.items[1].body);
  EXPECT_TRUE(std::isnan(opened->vitals.at("disk_free")));
  up.to_site = true;
  EXPECT_TRUE(open(*seal(up, pair.hub), pair.site, {"acme", "pump-7", true}).ok());
}

TEST(Bundle, AnEmptyHeartbeatTakesUnder400Bytes) {
  const Pair pair;
  const auto sealed = seal(heartbeat(), pair.site);
  ASSERT_TRUE(sealed.ok());
  EXPECT_LT(sealed->size(), 400u);
}

TEST(Bundle, NeverOpensForAnotherSiteTenantDirectionOrKey) {
  const Pair pair, other;
  const base::Bytes sealed = *seal(heartbeat(), pair.site);
  ASSERT_TRUE(open(sealed, pair.hub, {"acme", "pump-7", false}).ok());
  EXPECT_FALSE(open(sealed, pair.hub, {"acme", "pump-8", false}).ok());
  EXPECT_FALSE(open(sealed, pair.hub, {"acm", "epump-7", false}).ok());
  EXPECT_FALSE(open(sealed, pair.hub, {"evil", "pump-7", false}).ok());
  EXPECT_FALSE(open(sealed, pair.hub, {"acme", "pump-7", true}).ok()) << "a reflected bundle";
  EXPECT_FALSE(open(sealed, pair.hub, {"acme", "pump-7", false, "laptop"}).ok());
  EXPECT_FALSE(open(sealed, other.hub, {"acme", "pump-7", false}).ok());
  Keys wrong_signer = pair.hub;
  wrong_signer.peer_signing = other.site_signing.public_key();
  EXPECT_FALSE(open(sealed, wrong_signer, {"acme", "pump-7", false}).ok());
  Keys impostor = pair.site;  // knows the hub's public key, signs with its own
  impostor.signing = other.site_signing;
  EXPECT_FALSE(open(*seal(heartbeat(), impostor), pair.hub, {"acme", "pump-7", false}).ok());
}

TEST(Bundle, OneFlippedBitOrMissingByteAnywhereIsRefused) {
  const Pair pair;
  const base::Bytes sealed = *seal(heartbeat(), pair.site);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    base::Bytes bad = sealed;
    bad[i] ^= static_cast<std::uint8_t>(1 << i % 8);
    EXPECT_FALSE(open(bad, pair.hub, {"acme", "pump-7", false}).ok()) << "byte " << i;
    EXPECT_FALSE(open(base::ByteView(sealed).first(i), pair.hub, {"acme", "pump-7", false}).ok());
  }
}

TEST(Bundle, ThePlainFormIsBoundedAndHasOneForm) {
  const base::Bytes good = encode(full());
  ASSERT_TRUE(decode_bundle(good).ok());
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_FALSE(decode_bundle(base::ByteView(good).first(size)).ok()) << size;
  }
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    base::Bytes bad = good;
    bad[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
    const auto decoded = decode_bundle(bad);
    if (decoded.ok()) {
      ASSERT_EQ(encode(*decoded), bad) << "byte " << i / 8;
    }
  }
}

TEST(Bundle, AClockThatIsNotToBeTrustedSaysSo) {
  Bundle bundle = heartbeat();
  bundle.sent_error = std::numeric_limits<std::int64_t>::max();
  const auto back = decode_bundle(encode(bundle));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->sent_error, std::numeric_limits<std::int64_t>::max());
}

TEST(Bundle, WhatThePeerWouldRefuseIsNotSealed) {
  const Pair pair;
  Bundle bundle = heartbeat();
  bundle.items = {{kLaneBulk, 1, "blocks", 0, base::Bytes(kMaxItemBytes + 1)}};
  EXPECT_EQ(seal(bundle, pair.site).error().code(), base::Code::kInvalid);
  bundle.items = {{kLaneBulk, 0, "blocks", 0, {}}};
  EXPECT_FALSE(seal(bundle, pair.site).ok());
  bundle.items.clear();
  for (std::uint64_t n = 1; n <= 5; ++n) {
    bundle.items.push_back({kLaneBulk, n, "blocks", 0, base::Bytes(kMaxItemBytes - 100)});
  }
  EXPECT_EQ(seal(bundle, pair.site).error().code(), base::Code::kExhausted);
}

TEST(Bundle, ItemsNeverTakeMoreThanTheirWireBytes) {
  Bundle bundle = heartbeat();
  const std::size_t empty = encode(bundle).size();
  std::size_t allowed = 8;  // the longer head of the list
  for (std::uint64_t n = 0; n < 50; ++n) {
    const Item item{kLaneBulk, INT64_MAX - n, std::string(1 + n % 32, 't'), INT64_MIN,
                    base::Bytes(n * 1499)};
    allowed += wire_bytes(item);
    bundle.items.push_back(item);
  }
  EXPECT_LE(encode(bundle).size(), empty + allowed);
}

TEST(Summaries, SurviveTheWireAndDamageIsRefused) {
  sensing::Summary summary;
  summary.count = 59;
  summary.others = 1;
  summary.least = -1.5;
  summary.most = 7.25;
  summary.sum = 100;
  const std::vector<SeriesSummary> in = {
      {"p1-pressure", 2, 1'795'000'000 * base::kSecond, base::kMinute, summary},
      {"p1-flow", 1, -base::kMinute, base::kMinute, {}}};
  const base::Bytes good = encode_summaries(in);
  const auto out = decode_summaries(good);
  ASSERT_TRUE(out.ok());
  ASSERT_EQ(out->size(), 2u);
  EXPECT_EQ((*out)[0].datastream, "p1-pressure");
  EXPECT_EQ((*out)[0].summary.sum, 100);
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    base::Bytes bad = good;
    bad[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
    const auto decoded = decode_summaries(bad);
    if (decoded.ok()) {
      ASSERT_EQ(encode_summaries(*decoded), bad);
    }
  }
}

TEST(Blob, APieceLiesWithinItsBlob) {
  const BlobPiece piece{std::string(64, 'a'), 10, 13, {1, 2, 3}};
  const auto back = decode_blob(encode_blob(piece));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->bytes, piece.bytes);
  EXPECT_FALSE(decode_blob(encode_blob({piece.digest, 11, 13, {1, 2, 3}})).ok());
  EXPECT_FALSE(decode_blob(encode_blob({piece.digest, UINT64_MAX, 13, {1, 2, 3}})).ok());
  EXPECT_FALSE(decode_blob(encode_blob({piece.digest, 0, UINT64_MAX, {1, 2, 3}})).ok());
  EXPECT_FALSE(decode_blob(encode_blob({"", 10, 13, {1, 2, 3}})).ok());
  EXPECT_FALSE(
      decode_blob(encode_blob({piece.digest, 0, 1 << 20, base::Bytes(kBlobChunkBytes + 1)})).ok());
}

}  // namespace
}  // namespace lander::link
