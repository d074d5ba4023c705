#include <gtest/gtest.h>

#include "crypto/crypto.h"

namespace lander::crypto {
namespace {

const base::Bytes kSalt(16, 7);

TEST(Hash, IsTheStandardsSha256HoweverItIsFed) {
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256_hex(base::as_bytes("abc")), expected);  // FIPS 180-4's example
  Sha256 hash;
  hash.update(base::as_bytes("a"));
  hash.update(base::as_bytes(""));
  hash.update(base::as_bytes("bc"));
  EXPECT_EQ(base::to_hex(hash.finish()), expected);
  hash.update(base::as_bytes("abc"));
  EXPECT_EQ(base::to_hex(hash.finish()), expected) << "finish() starts afresh";
}

TEST(Hash, ComparisonTellsEveryDifference) {
  EXPECT_TRUE(equal_in_constant_time(base::as_bytes(""), base::as_bytes("")));
  EXPECT_TRUE(equal_in_constant_time(base::as_bytes("same"), base::as_bytes("same")));
  EXPECT_FALSE(equal_in_constant_time(base::as_bytes("same"), base::as_bytes("samf")));
  EXPECT_FALSE(equal_in_constant_time(base::as_bytes("same"), base::as_bytes("sam")));
}

TEST(Password, OnlyTheRightOneVerifies) {
  const std::string hashed = hash_password("correct horse", kSalt);
  EXPECT_EQ(hashed.rfind("scrypt$15$8$1$", 0), 0u);
  EXPECT_EQ(hashed.find("horse"), std::string::npos);
  EXPECT_TRUE(verify_password("correct horse", hashed));
  EXPECT_FALSE(verify_password("correct horsf", hashed));
  EXPECT_FALSE(verify_password("", hashed));
  EXPECT_FALSE(verify_password(std::string(4096, 'x'), hashed));
}

TEST(Password, IsRfc7914sScrypt) {
  // Computed with Python's hashlib.scrypt.
  EXPECT_EQ(hash_password("pleaseletmein", base::as_bytes("SodiumChloride..")),
            "scrypt$15$8$1$U29kaXVtQ2hsb3JpZGUuLg$idSQmHtoZj_4GfNJhBWZ2IrCIAEfzEhpZTxuBKDUH_M");
}

TEST(Password, DamagedOrCostlyHashesAreRefusedWithoutWork) {
  const std::string hashed = hash_password("correct horse", kSalt);
  for (std::size_t cut = 0; cut < hashed.size(); ++cut) {
    // Cutting the last characters of the hash leaves another length: refused before scrypt runs.
    EXPECT_FALSE(verify_password("correct horse", hashed.substr(0, cut))) << cut;
  }
  for (const char* hostile :
       {"scrypt$40$8$1$BwcHBwcHBwcHBwcHBwcHBw$x", "scrypt$15$999999$1$BwcHBwcHBwcHBwcHBwcHBw$x",
        "scrypt$-1$8$1$BwcHBwcHBwcHBwcHBwcHBw$x", "bcrypt$15$8$1$BwcHBwcHBwcHBwcHBwcHBw$x",
        "$$$$$$", "scrypt$15$8$1$BwcHBwcHBwcHBwcHBwcHBw$x$y"}) {
    EXPECT_FALSE(verify_password("correct horse", hostile)) << hostile;
  }
}

}  // namespace
}  // namespace lander::crypto
