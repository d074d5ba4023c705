#include "trust/trust.h"

#include <gtest/gtest.h>

namespace lander::trust {
namespace {

using base::Code;
using crypto::KeyType;
using crypto::PrivateKey;

constexpr base::TimeUs kNow = 1'750'000'000 * base::kSecond;

Token example_token() {
  Token token;
  for (int i = 0; i < 32; ++i) token.secret.push_back(static_cast<std::uint8_t>(i * 7));
  token.hub_key_id = crypto::sha256_hex(base::as_bytes("hub"));
  token.root_key_id = crypto::sha256_hex(base::as_bytes("root"));
  token.tenant = "acme";
  token.site = "pump-station-1";
  return token;
}

TokenRecord record_of(const Token& token) {
  return {.tenant = token.tenant,
          .site = token.site,
          .secret_sha256 = crypto::sha256_hex(token.secret),
          .expires = kNow + base::kDay};
}

TEST(Token, SurvivesBeingPastedWithBlanksAround) {
  const Token token = example_token();
  const auto parsed = parse_token("  " + encode(token) + "\r\n");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message();
  EXPECT_EQ(parsed->secret, token.secret);
  EXPECT_EQ(parsed->hub_key_id, token.hub_key_id);
  EXPECT_EQ(parsed->root_key_id, token.root_key_id);
  EXPECT_EQ(parsed->tenant, "acme");
  EXPECT_EQ(parsed->site, "pump-station-1");
}

TEST(Token, ItsBytesAreThoseOfTheDocument) {
  EXPECT_EQ(
      encode(example_token()),
      "lander1.hVggAAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK-2vcTL0tlYIAjTNQPuJ9TBMFXQzv7F5zC-TvLkHNbPzkNJ"
      "NuwefJ1LWCBIE0lNE34WMbujAdWsq257t6p0zhGF1FZWXvUdc3Z3smRhY21lbnB1bXAtc3RhdGlvbi0x3unnew");
}

TEST(Token, CutAnywhereSaysThatItIsCut) {
  const std::string text = encode(example_token());
  for (std::size_t size = 1; size < text.size(); ++size) {
    const auto parsed = parse_token(text.substr(0, size));
    ASSERT_FALSE(parsed.ok()) << size;
    EXPECT_NE(parsed.error().message().find("cut short"), std::string::npos)
        << size << ": " << parsed.error().message();
  }
}

TEST(Token, AnyOtherCharacterAnywhereIsRefused) {
  const std::string text = encode(example_token());
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char other : {'A', 'z', '-', '.', ' ', '\0'}) {
      if (text[at] == other) continue;
      std::string altered = text;
      altered[at] = other;
      if (at + 1 == text.size() && (other == ' ')) continue;  // a blank at the end: cut short
      const auto parsed = parse_token(altered);
      ASSERT_FALSE(parsed.ok()) << at << other;
      EXPECT_FALSE(parsed.error().message().empty());
    }
  }
}

TEST(Token, SaysWhatIsWrong) {
  const std::string text = encode(example_token());
  const auto later = parse_token("lander2" + text.substr(7));
  EXPECT_EQ(later.error().code(), Code::kUnsupported);
  EXPECT_NE(later.error().message().find("version 2"), std::string::npos);
  for (const std::string& nonsense :
       {std::string(), std::string("hello"), std::string("https://hub:8443"),
        std::string("landerx.y"), std::string("lander.abc"), std::string(2000, 'a')}) {
    const auto parsed = parse_token(nonsense);
    ASSERT_FALSE(parsed.ok());
    EXPECT_EQ(parsed.error().code(), Code::kInvalid);
    EXPECT_NE(parsed.error().message().find("token"), std::string::npos);
  }
  std::string altered = text;
  altered[12] = altered[12] == 'A' ? 'B' : 'A';
  EXPECT_NE(parse_token(altered).error().message().find("altered"), std::string::npos);
}

TEST(Names, FitCertificatesAndPaths) {
  EXPECT_TRUE(valid_names("acme", "pump-station-1").ok());
  EXPECT_TRUE(valid_names("a", std::string(62, 'x')).ok());
  EXPECT_FALSE(valid_names("a", std::string(63, 'x')).ok());
  for (const char* bad : {"", "..", ".hidden", "-flag", "a/b", "A", "a b", "a\n", "ü"}) {
    EXPECT_FALSE(valid_names("acme", bad).ok()) << bad;
    EXPECT_FALSE(valid_names(bad, "pump").ok()) << bad;
  }
}

TEST(Redeeming, WorksOnceInTime) {
  const Token token = example_token();
  TokenRecord record = record_of(token);
  EXPECT_TRUE(redeem(record, token.secret, kNow).ok());
  record.used = kNow;
  const auto again = redeem(record, token.secret, kNow + base::kSecond);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code(), Code::kConflict);
  EXPECT_NE(again.error().message().find("was used at 2025-06-15T15:06:40Z"), std::string::npos)
      << again.error().message();
}

TEST(Redeeming, TellsExpiredFromWrong) {
  const Token token = example_token();
  const TokenRecord record = record_of(token);
  EXPECT_TRUE(redeem(record, token.secret, record.expires - 1).ok());
  const auto late = redeem(record, token.secret, record.expires);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), Code::kDenied);
  EXPECT_NE(late.error().message().find("expired at"), std::string::npos);

  base::Bytes guess = token.secret;
  guess[31] ^= 1;
  for (const base::ByteView wrong : {base::ByteView(guess), base::ByteView()}) {
    const auto result = redeem(record, wrong, kNow);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), Code::kUnauthenticated);
  }
}

TEST(Redeeming, AGuesserLearnsNothingOfUseOrExpiry) {
  TokenRecord record = record_of(example_token());
  record.used = kNow;
  const base::Bytes guess(32, 9);
  EXPECT_EQ(redeem(record, guess, record.expires + 1).error().code(), Code::kUnauthenticated);
}

EnrolRequest example_request() {
  const PrivateKey device = PrivateKey::generate(KeyType::kP256).value();
  return {.tenant = "acme",
          .site = "pump-1",
          .secret = base::Bytes(32, 5),
          .csr_pem = crypto::make_csr(device, {.common_name = "acme/pump-1"}).value(),
          .sealing_key_der = PrivateKey::generate(KeyType::kX25519)->public_key().to_der()};
}

TEST(Enrolment, RequestAndReplyArriveAsSent) {
  const EnrolRequest request = example_request();
  const auto read = decode_enrol_request(encode(request));
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(read->tenant, request.tenant);
  EXPECT_EQ(read->site, request.site);
  EXPECT_EQ(read->secret, request.secret);
  EXPECT_EQ(read->csr_pem, request.csr_pem);
  EXPECT_EQ(read->sealing_key_der, request.sealing_key_der);

  const EnrolReply reply = {
      .certificate_pem = "c",
      .authority_pem = "a",
      .hub_signing_key_der = PrivateKey::generate(KeyType::kP256)->public_key().to_der(),
      .hub_sealing_key_der = PrivateKey::generate(KeyType::kX25519)->public_key().to_der(),
      .trust_document = {1, 2, 3},
      .root_key_der = PrivateKey::generate(KeyType::kEd25519)->public_key().to_der()};
  const auto got = decode_enrol_reply(encode(reply));
  ASSERT_TRUE(got.ok()) << got.error().message();
  EXPECT_EQ(got->certificate_pem, reply.certificate_pem);
  EXPECT_EQ(got->authority_pem, reply.authority_pem);
  EXPECT_EQ(got->hub_signing_key_der, reply.hub_signing_key_der);
  EXPECT_EQ(got->hub_sealing_key_der, reply.hub_sealing_key_der);
  EXPECT_EQ(got->trust_document, reply.trust_document);
  EXPECT_EQ(got->root_key_der, reply.root_key_der);
  const base::Bytes bytes = encode(reply);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_enrol_reply(base::ByteView(bytes).first(size)).ok()) << size;
  }
}

TEST(Enrolment, DamagedRequestsAreRefusedOrReadWithinTheirBounds) {
  const base::Bytes bytes = encode(example_request());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_enrol_request(base::ByteView(bytes).first(size)).ok()) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    base::Bytes damaged = bytes;
    damaged[at] ^= 0x20;
    const auto read = decode_enrol_request(damaged);
    if (read.ok()) {
      EXPECT_TRUE(valid_names(read->tenant, read->site).ok()) << at;
    }
  }
}

TEST(Enrolment, ARequestOfALaterVersionIsCalledSo) {
  base::Bytes bytes = encode(example_request());
  bytes[1] = 2;
  const auto read = decode_enrol_request(bytes);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Code::kUnsupported);
}

class TrustDocument : public testing::Test {
 protected:
  PrivateKey root = PrivateKey::generate(KeyType::kEd25519).value();
  PrivateKey vendor = PrivateKey::generate(KeyType::kEd25519).value();
  PrivateKey other = PrivateKey::generate(KeyType::kEd25519).value();
  Document document{.version = 7,
                    .issued = kNow,
                    .signers = {{"acme", vendor.public_key().to_der(), {"pump-watch", "leak"}},
                                {"any", other.public_key().to_der(), {"*"}}},
                    .revoked_packages = {crypto::sha256_hex(base::as_bytes("bad"))}};
  base::Bytes kid(const PrivateKey& key) {
    return base::from_hex(key.public_key().id().substr(0, 16)).value();
  }
};

TEST_F(TrustDocument, ArrivesAsSigned) {
  const base::Bytes bytes = sign(document, root).value();
  const auto read = verify_document(bytes, root.public_key(), 7);
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(read->version, 7u);
  EXPECT_EQ(read->issued, kNow);
  ASSERT_EQ(read->signers.size(), 2u);
  EXPECT_EQ(read->signers[0].vendor, "acme");
  EXPECT_EQ(read->signers[0].key_der, vendor.public_key().to_der());
  EXPECT_EQ(read->signers[0].packages, document.signers[0].packages);
  EXPECT_EQ(read->revoked_packages, document.revoked_packages);
}

TEST_F(TrustDocument, AnOlderOneNeverComesBack) {
  const base::Bytes bytes = sign(document, root).value();
  const auto read = verify_document(bytes, root.public_key(), 8);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Code::kConflict);
  EXPECT_NE(read.error().message().find("version 7"), std::string::npos);
}

TEST_F(TrustDocument, OnlyTheTenantsRootMakesOne) {
  EXPECT_FALSE(verify_document(sign(document, other).value(), root.public_key(), 0).ok());
  EXPECT_FALSE(sign(document, PrivateKey::generate(KeyType::kP256).value()).ok());
  // Signed by the root, but for another use.
  const base::Bytes elsewhere =
      crypto::sign1(root, base::as_bytes("x"), "lander-package-v1").value();
  EXPECT_FALSE(verify_document(elsewhere, root.public_key(), 0).ok());
}

TEST_F(TrustDocument, EveryFlippedBitAndEveryTruncationIsRefused) {
  base::Bytes bytes = sign(document, root).value();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(verify_document(bytes, root.public_key(), 0).ok()) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(verify_document(base::ByteView(bytes).first(size), root.public_key(), 0).ok());
  }
}

TEST_F(TrustDocument, ASignerMaySignOnlyItsPackages) {
  EXPECT_EQ(find_signer(document, kid(vendor), "pump-watch"), &document.signers[0]);
  EXPECT_EQ(find_signer(document, kid(vendor), "leak"), &document.signers[0]);
  EXPECT_EQ(find_signer(document, kid(vendor), "pump"), nullptr);
  EXPECT_EQ(find_signer(document, kid(vendor), "*"), nullptr);
  EXPECT_EQ(find_signer(document, kid(other), "pump"), &document.signers[1]);
  EXPECT_EQ(find_signer(document, kid(root), "pump-watch"), nullptr);
  EXPECT_EQ(find_signer(document, {}, "pump-watch"), nullptr);
}

TEST_F(TrustDocument, ASignersKeyGivenTwiceHasBothItsRights) {
  document.signers.push_back({"acme", vendor.public_key().to_der(), {"valve"}});
  EXPECT_EQ(find_signer(document, kid(vendor), "valve"), &document.signers[2]);
}

TEST_F(TrustDocument, NonsenseIsNotSigned) {
  Document bad = document;
  bad.revoked_packages = {"abc"};
  EXPECT_FALSE(sign(bad, root).ok());
  bad = document;
  bad.signers[0].key_der = PrivateKey::generate(KeyType::kX25519)->public_key().to_der();
  EXPECT_FALSE(sign(bad, root).ok());
  bad = document;
  bad.signers[0].packages.assign(1001, "x");
  EXPECT_FALSE(sign(bad, root).ok());
  bad = document;
  bad.signers[0].vendor = "";
  EXPECT_FALSE(sign(bad, root).ok());
}

TEST_F(TrustDocument, RecipientsArriveAsSignedAndDecideWhetherTheHubIsOne) {
  EXPECT_TRUE(hub_is_recipient(document));  // none is named: the hub alone
  const auto signing = PrivateKey::generate(KeyType::kP256)->public_key().to_der();
  const auto sealing = PrivateKey::generate(KeyType::kX25519)->public_key().to_der();
  document.recipients = {{"ana", signing, sealing}};
  const auto read = verify_document(sign(document, root).value(), root.public_key(), 7).value();
  EXPECT_EQ(read.recipients, document.recipients);
  EXPECT_FALSE(hub_is_recipient(read));
  ASSERT_NE(find_recipient(read, "ana"), nullptr);
  EXPECT_EQ(find_recipient(read, "ben"), nullptr);
  document.recipients.push_back({"hub", {}, {}});
  EXPECT_TRUE(hub_is_recipient(
      verify_document(sign(document, root).value(), root.public_key(), 7).value()));
}

TEST_F(TrustDocument, ADocumentWithoutRecipientsIsStillOfTheFirstForm) {
  const auto bytes = sign(document, root).value();
  const auto payload = crypto::verify1(root.public_key(), bytes, "lander-trust-v1").value();
  EXPECT_EQ(payload[0], 0x85);
  EXPECT_EQ(payload[1], 1);
}

TEST_F(TrustDocument, RecipientsThatAreNoneAreNotSigned) {
  const auto signing = PrivateKey::generate(KeyType::kP256)->public_key().to_der();
  const auto sealing = PrivateKey::generate(KeyType::kX25519)->public_key().to_der();
  for (const std::vector<Recipient>& wrong :
       {std::vector<Recipient>{{"ana", sealing, signing}},
        {{"Ana", signing, sealing}},
        {{"hub", signing, sealing}},
        {{"ana", signing, sealing}, {"ana", signing, sealing}},
        std::vector<Recipient>(101, {"a", signing, sealing})}) {
    document.recipients = wrong;
    EXPECT_EQ(sign(document, root).error().code(), Code::kInvalid);
  }
}

}  // namespace
}  // namespace lander::trust
