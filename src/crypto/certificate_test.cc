#include <gtest/gtest.h>

#include "crypto/crypto.h"

namespace lander::crypto {
namespace {

const base::TimeUs kFrom = base::parse_rfc3339("2026-01-01T00:00:00Z").value();
const base::TimeUs kTo = kFrom + 365 * base::kDay;
const base::Bytes kSerial(16, 0xAB);

PrivateKey new_key() { return PrivateKey::generate(KeyType::kP256).value(); }

TEST(Certificate, ASitesOneNamesItsKeyAndItsDates) {
  const PrivateKey authority = new_key(), site = new_key();
  const std::string root =
      self_signed(authority, {.common_name = "hub", .authority = true}, kFrom, kTo).value();
  const Csr csr = verify_csr(make_csr(site, {.common_name = "acme/pump-1"}).value()).value();
  EXPECT_EQ(csr.common_name, "acme/pump-1");
  EXPECT_EQ(csr.key.id(), site.public_key().id());

  const auto issued = issue(authority, root, csr.key, {.common_name = csr.common_name}, kFrom,
                            kFrom + 30 * base::kDay, kSerial);
  ASSERT_TRUE(issued.ok()) << issued.error().message();
  const Certificate read = read_certificate(*issued).value();
  EXPECT_EQ(read.common_name, "acme/pump-1");
  EXPECT_EQ(read.key_id, site.public_key().id());
  EXPECT_EQ(read.from, kFrom);
  EXPECT_EQ(read.to, kFrom + 30 * base::kDay);
}

TEST(Certificate, AClockIn1970OrFarAheadStillMakesOne) {
  const PrivateKey key = new_key();
  for (const base::TimeUs from :
       {base::TimeUs{0}, -base::kDay - 1, kFrom + 80 * 365 * base::kDay}) {
    const auto pem = self_signed(key, {.common_name = "site"}, from, from + 10 * base::kDay);
    ASSERT_TRUE(pem.ok()) << pem.error().message();
    const Certificate read = read_certificate(*pem).value();
    EXPECT_LE(read.from, from);
    EXPECT_GT(read.from, from - base::kSecond);
    EXPECT_LE(read.to, from + 10 * base::kDay);
  }
}

TEST(Certificate, AServersOneCarriesItsNamesAndAddresses) {
  const auto pem = self_signed(new_key(),
                               {.common_name = "hub",
                                .dns = {"localhost", "hub.example"},
                                .ip = {"127.0.0.1", "::1"},
                                .server = true},
                               kFrom, kTo);
  EXPECT_TRUE(pem.ok()) << pem.error().message();
}

TEST(Certificate, NamesCannotSmuggleOtherExtensionsIn) {
  for (const char* hostile : {"a,IP:1.2.3.4", "a\nDNS:b", "", "a b", "@section"}) {
    const auto pem = self_signed(new_key(), {.common_name = "x", .dns = {hostile}}, kFrom, kTo);
    EXPECT_FALSE(pem.ok()) << hostile;
  }
  EXPECT_FALSE(self_signed(new_key(), {.common_name = "x", .ip = {"not-an-ip"}}, kFrom, kTo).ok());
}

TEST(Certificate, WrongOrdersAreRefusedWithAReason) {
  const PrivateKey key = new_key();
  EXPECT_FALSE(self_signed(key, {.common_name = ""}, kFrom, kTo).ok());
  const auto long_name = self_signed(key, {.common_name = std::string(65, 'a')}, kFrom, kTo);
  ASSERT_FALSE(long_name.ok());
  EXPECT_NE(long_name.error().message().find("1 to 64"), std::string::npos);
  EXPECT_FALSE(self_signed(key, {.common_name = "x"}, kTo, kFrom).ok());
  const PrivateKey ed = PrivateKey::generate(KeyType::kEd25519).value();
  EXPECT_FALSE(self_signed(ed, {.common_name = "x"}, kFrom, kTo).ok());
  EXPECT_FALSE(make_csr(ed, {.common_name = "x"}).ok());
  const std::string root =
      self_signed(key, {.common_name = "hub", .authority = true}, kFrom, kTo).value();
  EXPECT_FALSE(
      issue(new_key(), root, key.public_key(), {.common_name = "x"}, kFrom, kTo, kSerial).ok())
      << "the authority's certificate is of another key";
}

TEST(Certificate, ARequestWithAnyFlippedBitIsRefused) {
  const PrivateKey key = new_key();
  const std::string pem = make_csr(key, {.common_name = "acme/pump-1"}).value();
  const std::size_t start = pem.find('\n') + 1, end = pem.rfind("\n-----END");
  for (std::size_t at = start; at < end; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = pem;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const auto csr = verify_csr(damaged);
      // White space within base64 may change without changing the request.
      if (csr.ok()) {
        EXPECT_EQ(csr->key.id(), key.public_key().id());
        EXPECT_EQ(csr->common_name, "acme/pump-1");
      }
    }
  }
  for (std::size_t size = 0; size < end; ++size) EXPECT_FALSE(verify_csr(pem.substr(0, size)).ok());
}

TEST(Certificate, DamagedOnesAreReadWithoutHarm) {
  const std::string pem = self_signed(new_key(), {.common_name = "x"}, kFrom, kTo).value();
  for (std::size_t at = 0; at < pem.size(); ++at) {
    std::string damaged = pem;
    damaged[at] = static_cast<char>(damaged[at] ^ 4);
    (void)read_certificate(damaged);
    (void)read_certificate(pem.substr(0, at));
  }
  EXPECT_FALSE(read_certificate("").ok());
  EXPECT_FALSE(read_certificate(std::string(100'000, 'A')).ok());
}

}  // namespace
}  // namespace lander::crypto
