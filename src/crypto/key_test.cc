#include <gtest/gtest.h>

#include "crypto/crypto.h"

namespace lander::crypto {
namespace {

constexpr KeyType kTypes[] = {KeyType::kP256, KeyType::kEd25519, KeyType::kX25519};

TEST(Keys, SurvivePemAndDerWithTheSameId) {
  for (const KeyType type : kTypes) {
    const PrivateKey key = PrivateKey::generate(type).value();
    EXPECT_EQ(key.type(), type);
    const PublicKey own = key.public_key();
    EXPECT_EQ(own.id(), sha256_hex(own.to_der()));
    EXPECT_EQ(PrivateKey::from_pem(key.to_pem()).value().public_key().id(), own.id());
    EXPECT_EQ(PublicKey::from_pem(own.to_pem()).value().id(), own.id());
    const auto from_der = PublicKey::from_der(own.to_der());
    ASSERT_TRUE(from_der.ok());
    EXPECT_EQ(from_der->id(), own.id());
    EXPECT_EQ(from_der->type(), type);
  }
}

TEST(Keys, TwoGeneratedKeysDiffer) {
  for (const KeyType type : kTypes) {
    EXPECT_NE(PrivateKey::generate(type)->public_key().id(),
              PrivateKey::generate(type)->public_key().id());
  }
}

TEST(Keys, APublicKeysPemHoldsNoPrivateKey) {
  const PrivateKey key = PrivateKey::generate(KeyType::kP256).value();
  EXPECT_EQ(key.public_key().to_pem().find("PRIVATE"), std::string::npos);
  EXPECT_FALSE(PrivateKey::from_pem(key.public_key().to_pem()).ok());
}

TEST(Keys, DamagedDerIsRefusedOrIsAnotherKey) {
  for (const KeyType type : kTypes) {
    const PublicKey key = PrivateKey::generate(type)->public_key();
    const base::Bytes der = key.to_der();
    for (std::size_t size = 0; size < der.size(); ++size) {
      EXPECT_FALSE(PublicKey::from_der(base::ByteView(der).first(size)).ok());
    }
    for (std::size_t at = 0; at < der.size(); ++at) {
      base::Bytes damaged = der;
      damaged[at] ^= 0x10;
      const auto read = PublicKey::from_der(damaged);
      EXPECT_TRUE(!read.ok() || read->id() != key.id()) << "byte " << at;
    }
    base::Bytes longer = der;
    longer.push_back(0);
    EXPECT_FALSE(PublicKey::from_der(longer).ok());
  }
}

TEST(Keys, OtherCurvesAndEncryptedKeysAreRefusedWithAReason) {
  // openssl ecparam -name secp384r1 -genkey | openssl ec -pubout
  const auto p384 = PublicKey::from_pem(R"(-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEKuhHoPXQI1p3FJELYmMuxaEfwe8NHJuv
MPe1o9roEcg1YqqvCdxaf2p9gkWTPLhI4jJXOZohmFWC55TH0vxzFbKocDq25sne
d+AYJflQmwIeGfXEc7kZpmbZbMzbennV
-----END PUBLIC KEY-----
)");
  ASSERT_FALSE(p384.ok());
  EXPECT_EQ(p384.error().code(), base::Code::kUnsupported) << p384.error().message();
  EXPECT_NE(p384.error().message().find("expected P-256"), std::string::npos);
  // An encrypted key must not make OpenSSL ask on the terminal.
  const auto encrypted = PrivateKey::from_pem(R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjAlRGhr5dBEgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEECpKjdhbnYPve3uSq9Yv500EQA6a
2cctIN7EyxUINnbhct/YxDp/OrvL6T+GeOcvQPlp04pb1yNA2sLDQgyVa3f9VPcn
Io/QP+n2qClz4SjYhr4=
-----END ENCRYPTED PRIVATE KEY-----
)");
  ASSERT_FALSE(encrypted.ok());
  EXPECT_NE(encrypted.error().message().find("unencrypted"), std::string::npos);
}

TEST(Keys, NonsenseIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("hello"), std::string(100'000, 'A'),
        std::string("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n")}) {
    EXPECT_FALSE(PublicKey::from_pem(text).ok());
    EXPECT_FALSE(PrivateKey::from_pem(text).ok());
  }
}

}  // namespace
}  // namespace lander::crypto
