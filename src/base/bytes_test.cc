#include "base/bytes.h"

#include <gtest/gtest.h>

#include <random>

namespace lander::base {
namespace {

Bytes random_bytes(std::mt19937_64& random, std::size_t most) {
  Bytes out(random() % (most + 1));
  for (auto& b : out) b = static_cast<std::uint8_t>(random());
  return out;
}

TEST(Bytes, AnyBytesSurviveHexAndBase64Url) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) {
    const Bytes bytes = random_bytes(random, 70);
    EXPECT_EQ(*from_hex(to_hex(bytes)), bytes);
    EXPECT_EQ(*from_base64url(to_base64url(bytes)), bytes);
  }
}

// RFC 4648 §10.
TEST(Bytes, EncodingsAreThoseOfTheStandard) {
  EXPECT_EQ(to_base64(as_bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(to_base64(as_bytes("fooba")), "Zm9vYmE=");
  EXPECT_EQ(to_base64(as_bytes("foob")), "Zm9vYg==");
  EXPECT_EQ(to_base64url(as_bytes("foob")), "Zm9vYg");
  EXPECT_EQ(to_base64url(Bytes{0xFB, 0xFF}), "-_8");
  EXPECT_EQ(to_hex(as_bytes("foobar")), "666f6f626172");
  EXPECT_EQ(*from_hex("666F6f"), Bytes({0x66, 0x6F, 0x6F}));
}

TEST(Bytes, MalformedTextIsRefusedRatherThanGuessed) {
  for (const char* text : {"a", "zz", "0x", "6 "}) EXPECT_FALSE(from_hex(text).ok()) << text;
  // Impossible lengths, padding, the other alphabet, and bits that would not survive re-encoding.
  for (const char* text : {"A", "Zg==", "+/8", "Zm9v Yg", "Zh", "Zm9"}) {
    const auto decoded = from_base64url(text);
    if (decoded.ok()) {
      EXPECT_EQ(to_base64url(*decoded), text);
    }
  }
  EXPECT_FALSE(from_base64url("Zh").ok());
  EXPECT_FALSE(from_base64url("Zg==").ok());
  EXPECT_FALSE(from_base64url("+/8").ok());
}

// RFC 3720 §B.4.
TEST(Bytes, Crc32cIsTheStandardsAndFindsEveryFlippedBit) {
  EXPECT_EQ(crc32c(Bytes(32, 0x00)), 0x8A9136AAu);
  EXPECT_EQ(crc32c(Bytes(32, 0xFF)), 0x62A8AB43u);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xE3069283u);
  Bytes bytes(64, 0x5A);
  const auto whole = crc32c(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_NE(crc32c(bytes), whole);
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  }
}

TEST(Bytes, OnlyWellFormedUtf8Passes) {
  for (const char* good : {"", "pump", "für", "Ω", "\xF0\x9F\x9A\x80"}) {
    EXPECT_TRUE(is_utf8(as_bytes(good))) << good;
  }
  for (const char* bad : {"\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xC3", "\xFF"}) {
    EXPECT_FALSE(is_utf8(as_bytes(bad))) << to_hex(as_bytes(bad));
  }
}

}  // namespace
}  // namespace lander::base
