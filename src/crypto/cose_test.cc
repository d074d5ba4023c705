#include <gtest/gtest.h>

#include "crypto/crypto.h"

namespace lander::crypto {
namespace {

PrivateKey key_of(KeyType type) { return PrivateKey::generate(type).value(); }
const base::ByteView kPayload = base::as_bytes("forty-two litres a minute");

class Signed : public testing::TestWithParam<KeyType> {};

TEST_P(Signed, TheReceiverGetsThePayloadAsAViewIntoTheMessage) {
  const PrivateKey key = key_of(GetParam());
  const base::Bytes message = sign1(key, kPayload, "bundle").value();
  const auto payload = verify1(key.public_key(), message, "bundle");
  ASSERT_TRUE(payload.ok()) << payload.error().message();
  EXPECT_EQ(base::as_text(*payload), base::as_text(kPayload));
  EXPECT_GE(payload->data(), message.data());
  EXPECT_LE(payload->data() + payload->size(), message.data() + message.size());
  EXPECT_EQ(base::to_hex(kid_of(message).value()), key.public_key().id().substr(0, 16));
  const base::Bytes empty = sign1(key, {}, "").value();
  EXPECT_TRUE(verify1(key.public_key(), empty, "").ok());
}

TEST_P(Signed, AMessageOfOneUseNeverVerifiesForAnother) {
  const PrivateKey key = key_of(GetParam());
  const base::Bytes message = sign1(key, kPayload, "bundle").value();
  for (const char* other : {"", "bundl", "bundle ", "receipt"}) {
    const auto result = verify1(key.public_key(), message, other);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), base::Code::kCorrupt);
  }
}

TEST_P(Signed, AnotherKeysMessageIsRefusedAndNamesBothKeys) {
  const PrivateKey key = key_of(GetParam()), other = key_of(GetParam());
  const auto result = verify1(other.public_key(), sign1(key, kPayload, "x").value(), "x");
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message().find(key.public_key().id().substr(0, 16)), std::string::npos);
  EXPECT_NE(result.error().message().find(other.public_key().id().substr(0, 16)),
            std::string::npos);
}

TEST_P(Signed, EveryFlippedBitIsRefused) {
  const PrivateKey key = key_of(GetParam());
  base::Bytes message = sign1(key, kPayload, "bundle").value();
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    message[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(verify1(key.public_key(), message, "bundle").ok()) << "bit " << bit;
    message[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
  EXPECT_TRUE(verify1(key.public_key(), message, "bundle").ok());
}

TEST_P(Signed, TruncationAnywhereAndTrailingBytesAreRefused) {
  const PrivateKey key = key_of(GetParam());
  base::Bytes message = sign1(key, kPayload, "bundle").value();
  for (std::size_t size = 0; size < message.size(); ++size) {
    EXPECT_FALSE(verify1(key.public_key(), base::ByteView(message).first(size), "bundle").ok());
    EXPECT_FALSE(kid_of(base::ByteView(message).first(size)).ok());
  }
  message.push_back(0);
  EXPECT_FALSE(verify1(key.public_key(), message, "bundle").ok());
}

INSTANTIATE_TEST_SUITE_P(WithEveryKey, Signed, testing::Values(KeyType::kP256, KeyType::kEd25519));

TEST(Cose, SigningWithASealingKeyOrSealingToASigningKeyIsRefused) {
  const PrivateKey sealing = key_of(KeyType::kX25519), signing = key_of(KeyType::kEd25519);
  EXPECT_FALSE(sign1(sealing, kPayload, "x").ok());
  EXPECT_FALSE(seal(signing.public_key(), kPayload, "x").ok());
  EXPECT_FALSE(verify1(sealing.public_key(), sign1(signing, kPayload, "x").value(), "x").ok());
  EXPECT_FALSE(open(signing, seal(sealing.public_key(), kPayload, "x").value(), "x").ok());
}

TEST(Cose, TheBytesAreThoseOfTheDocument) {
  const PrivateKey key = PrivateKey::from_pem(
                             "-----BEGIN PRIVATE KEY-----\n"  // RFC 8410 §10.3's example
                             "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
                             "-----END PRIVATE KEY-----\n")
                             .value();
  EXPECT_EQ(
      base::to_hex(sign1(key, base::as_bytes("hi"), "demo").value()),
      "d2844da201270448a1e9156054e04faca042686958406b1d37ec4aa3dc94d3edcfdfb74a9a49d4332ff50f79c6c9"
      "c1209cfd81281a418a8be085c1c626d14ab32dfd4f44f89d8bb102656c4cb7081acc216d6efc9e0b");
}

TEST(Sealed, AMessageOfTheFirstVersionOpensForEver) {
  // Opened also by a Python program that follows RFC 9053 by hand.
  const PrivateKey key = PrivateKey::from_pem(
                             "-----BEGIN PRIVATE KEY-----\n"
                             "MC4CAQAwBQYDK2VuBCIEIOiApLtkpZ+sH1jtOUvtgjaIvhUpBsZhcbtzr2mb94Be\n"
                             "-----END PRIVATE KEY-----\n")
                             .value();
  const auto message = base::from_hex(
      "d8608443a10103a1054ce753aafd90d056bfac940f665258d885d4de90174df7c6be4021a55bec1a"
      "f481835837a301381804483d3badfaa71292cf20a301012004215820ccaaf7d372517cbf4bebfea2"
      "62ff159ba91083b33e58c763841a7405baa2f404a040");
  const auto plain = open(key, *message, "demo");
  ASSERT_TRUE(plain.ok()) << plain.error().message();
  EXPECT_EQ(base::as_text(*plain), "hi");
}

TEST(Sealed, OnlyTheRecipientOpensItAndOnlyForItsUse) {
  const PrivateKey key = key_of(KeyType::kX25519), other = key_of(KeyType::kX25519);
  for (const std::string& text : {std::string(), std::string("x"), std::string(100'000, 'y')}) {
    const base::Bytes message = seal(key.public_key(), base::as_bytes(text), "bundle").value();
    const auto plain = open(key, message, "bundle");
    ASSERT_TRUE(plain.ok()) << plain.error().message();
    EXPECT_EQ(base::as_text(*plain), text);
    EXPECT_FALSE(open(other, message, "bundle").ok());
    EXPECT_FALSE(open(key, message, "package").ok());
    if (text.size() > 1) {
      EXPECT_EQ(base::as_text(message).find(text), std::string::npos);
    }
  }
}

TEST(Sealed, TheSameTextIsNeverSealedTheSameTwice) {
  const PrivateKey key = key_of(KeyType::kX25519);
  EXPECT_NE(seal(key.public_key(), kPayload, "x").value(),
            seal(key.public_key(), kPayload, "x").value());
}

TEST(Sealed, EveryFlippedBitIsRefused) {
  const PrivateKey key = key_of(KeyType::kX25519);
  base::Bytes message = seal(key.public_key(), kPayload, "bundle").value();
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    message[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(open(key, message, "bundle").ok()) << "bit " << bit;
    message[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
  EXPECT_TRUE(open(key, message, "bundle").ok());
}

TEST(Sealed, TruncationAnywhereAndTrailingBytesAreRefused) {
  const PrivateKey key = key_of(KeyType::kX25519);
  base::Bytes message = seal(key.public_key(), kPayload, "bundle").value();
  for (std::size_t size = 0; size < message.size(); ++size) {
    EXPECT_FALSE(open(key, base::ByteView(message).first(size), "bundle").ok()) << size;
  }
  message.push_back(0);
  EXPECT_FALSE(open(key, message, "bundle").ok());
}

}  // namespace
}  // namespace lander::crypto
