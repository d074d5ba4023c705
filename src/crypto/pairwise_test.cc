#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <random>

#include "crypto/crypto.h"

namespace lander::crypto {
namespace {

using base::Bytes;
using base::ByteView;

Bytes hex(std::string_view text) { return base::from_hex(text).value(); }

PrivateKey private_key(std::string_view raw) {  // PKCS#8 (RFC 8410 §7) around 32 bytes
  return PrivateKey::from_pem(
             "-----BEGIN PRIVATE KEY-----\n" +
             base::to_base64(hex("302e020100300506032b656e04220420" + std::string(raw))) +
             "\n-----END PRIVATE KEY-----\n")
      .value();
}
PublicKey public_key(std::string_view raw) {
  return PublicKey::from_der(hex("302a300506032b656e032100" + std::string(raw))).value();
}

TEST(Agreement, IsRfc7748sX25519AndRfc5869sHkdf) {
  // RFC 7748 §6.1: Bob's private, Alice's public key; HKDF over their secret by Python's hmac.
  const auto key =
      agree(private_key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
            public_key("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
            base::as_bytes("info"));
  ASSERT_TRUE(key.ok()) << key.error().message();
  EXPECT_EQ(base::to_hex(key->bytes),
            "feae39fc43ace20c6426ce2ff17695fe7fa3867da3567f2cfc57c0e08b6a72ac");
}

TEST(Agreement, IsOneKeyAtBothEndsForOneUse) {
  const PrivateKey a = PrivateKey::generate(KeyType::kX25519).value(),
                   b = PrivateKey::generate(KeyType::kX25519).value();
  const auto key = [](const PrivateKey& own, const PrivateKey& peer, std::string_view use) {
    return agree(own, peer.public_key(), base::as_bytes(use)).value().bytes;
  };
  EXPECT_EQ(key(a, b, "up"), key(b, a, "up"));
  EXPECT_NE(key(a, b, "up"), key(a, b, "down"));
  EXPECT_NE(key(a, b, "up"), key(a, a, "up"));
}

TEST(Agreement, RefusesSigningKeysAndPointsThatGiveTheSameWithAnyKey) {
  const PrivateKey own = PrivateKey::generate(KeyType::kX25519).value(),
                   signer = PrivateKey::generate(KeyType::kEd25519).value();
  EXPECT_EQ(agree(signer, own.public_key(), {}).error().code(), base::Code::kInvalid);
  EXPECT_EQ(agree(own, signer.public_key(), {}).error().code(), base::Code::kInvalid);
  EXPECT_EQ(agree(own, public_key(std::string(64, '0')), {}).error().code(), base::Code::kCorrupt);
}

// RFC 3610 §2 as its text says, over single blocks of AES: what ccm8_seal() is compared with.
Bytes block(ByteView key, ByteView in) {
  EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
  Bytes out(16);
  int size = 0;
  EVP_EncryptInit_ex(cipher, key.size() == 16 ? EVP_aes_128_ecb() : EVP_aes_256_ecb(), nullptr,
                     key.data(), nullptr);
  EVP_EncryptUpdate(cipher, out.data(), &size, in.data(), 16);
  EVP_CIPHER_CTX_free(cipher);
  return out;
}
void put_padded(Bytes& blocks, ByteView bytes) {
  blocks.insert(blocks.end(), bytes.begin(), bytes.end());
  blocks.resize((blocks.size() + 15) / 16 * 16);
}
Bytes by_the_text(ByteView key, ByteView nonce, ByteView aad, ByteView plain) {
  Bytes blocks = {static_cast<std::uint8_t>((aad.empty() ? 0 : 0x40) | 3 << 3 | 1)};
  blocks.insert(blocks.end(), nonce.begin(), nonce.end());
  blocks.push_back(static_cast<std::uint8_t>(plain.size() >> 8));
  blocks.push_back(static_cast<std::uint8_t>(plain.size()));
  if (!aad.empty()) {
    Bytes named = {static_cast<std::uint8_t>(aad.size() >> 8),
                   static_cast<std::uint8_t>(aad.size())};
    named.insert(named.end(), aad.begin(), aad.end());
    put_padded(blocks, named);
  }
  put_padded(blocks, plain);
  Bytes mac(16);
  for (std::size_t at = 0; at < blocks.size(); at += 16) {
    for (std::size_t i = 0; i < 16; ++i) mac[i] ^= blocks[at + i];
    mac = block(key, mac);
  }
  const auto stream = [&](std::size_t n) {
    Bytes counter = {1};
    counter.insert(counter.end(), nonce.begin(), nonce.end());
    counter.push_back(static_cast<std::uint8_t>(n >> 8));
    counter.push_back(static_cast<std::uint8_t>(n));
    return block(key, counter);
  };
  Bytes out;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    out.push_back(static_cast<std::uint8_t>(plain[i] ^ stream(1 + i / 16)[i % 16]));
  }
  for (std::size_t i = 0; i < kCcm8TagBytes; ++i) {
    out.push_back(static_cast<std::uint8_t>(mac[i] ^ stream(0)[i]));
  }
  return out;
}

TEST(Ccm8, IsRfc3610s) {
  // The RFC's packet vector #1, which has a key of 128 bits: it says that the text is read rightly.
  const Bytes key = hex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"),
              nonce = hex("00000003020100a0a1a2a3a4a5"), aad = hex("0001020304050607"),
              plain = hex("08090a0b0c0d0e0f101112131415161718191a1b1c1d1e");
  EXPECT_EQ(base::to_hex(by_the_text(key, nonce, aad, plain)),
            "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0");
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    SymmetricKey long_key;
    Ccm8Nonce any;
    Bytes header(random() % 40), text(round == 0 ? 0 : random() % 400);
    for (auto bytes : {std::span(long_key.bytes.data(), 32), std::span(any.data(), 13),
                       std::span(header), std::span(text)}) {
      std::generate(bytes.begin(), bytes.end(),
                    [&] { return static_cast<std::uint8_t>(random()); });
    }
    const Bytes sealed = ccm8_seal(long_key, any, header, text);
    ASSERT_EQ(sealed, by_the_text(long_key.bytes, any, header, text)) << round;
    ASSERT_EQ(ccm8_open(long_key, any, header, sealed).value(), text) << round;
  }
}

TEST(Ccm8, RefusesEveryFlippedBitOfAnythingAndEveryCut) {
  SymmetricKey key;
  Ccm8Nonce nonce{};
  Bytes aad = hex("0102");
  for (Bytes sealed : {ccm8_seal(key, nonce, aad, {}), ccm8_seal(key, nonce, aad, hex("68656c"))}) {
    ASSERT_TRUE(ccm8_open(key, nonce, aad, sealed).ok());
    for (auto bytes : {std::span(sealed), std::span(aad), std::span(key.bytes.data(), 32),
                       std::span(nonce.data(), 13)}) {
      for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
        const auto opened = ccm8_open(key, nonce, aad, sealed);
        ASSERT_FALSE(opened.ok()) << bit;
        ASSERT_EQ(opened.error().code(), base::Code::kUnauthenticated);
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      }
    }
    for (std::size_t size = 0; size < sealed.size(); ++size) {
      EXPECT_FALSE(ccm8_open(key, nonce, aad, ByteView(sealed).first(size)).ok()) << size;
    }
  }
}

TEST(Ccm8, TakesTheMostThatItsNonceAllows) {
  const Bytes plain(kMaxCcm8Bytes, 7);
  const Bytes sealed = ccm8_seal({}, {}, {}, plain);
  EXPECT_EQ(ccm8_open({}, {}, {}, sealed).value(), plain);
  EXPECT_FALSE(ccm8_open({}, {}, {}, Bytes(sealed.size() + 1)).ok());
}

}  // namespace
}  // namespace lander::crypto
