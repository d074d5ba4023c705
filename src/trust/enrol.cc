#include "trust/codec.h"
#include "trust/trust.h"

// The bytes are described in docs/formats/trust.md.
namespace lander::trust {
namespace {

using base::Code;
using base::Error;

constexpr std::string_view kPrefix = "lander1.";
constexpr std::size_t kSecretBytes = 32, kIdBytes = 32, kChecksumBytes = 4;
constexpr std::size_t kMaxTokenText = 1024, kMaxNames = 63, kMaxPem = 16 * 1024;
constexpr std::size_t kMaxTrustDocument = std::size_t{16} << 20;
constexpr std::uint64_t kEnrolVersion = 1;

base::Status valid_name(const char* what, std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool valid =
      !name.empty() && plain(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
        return plain(c) || c == '.' || c == '_' || c == '-';
      });
  if (valid) return {};
  return Error(Code::kInvalid, std::string("a ") + what +
                                   "'s name is made of a-z 0-9 . _ - and starts with a letter or "
                                   "digit, not \"" +
                                   std::string(name.substr(0, 80)) + "\"");
}

base::Bytes id_bytes(const std::string& key_id) {
  const auto bytes = base::from_hex(key_id);
  LANDER_CHECK(bytes.ok() && bytes->size() == kIdBytes);
  return *bytes;
}

std::array<std::uint8_t, kChecksumBytes> checksum(base::ByteView bytes) {
  const std::uint32_t crc = base::crc32c(bytes);
  std::array<std::uint8_t, kChecksumBytes> out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(crc >> (8 * i));
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t start = text.find_first_not_of(kBlank);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlank) - start + 1);
}

base::Result<Token> decode_token(base::CborReader& reader) {
  Token out;
  LANDER_TRY(reader.array_of(5, "a token"));
  LANDER_ASSIGN(out.secret, bytes_of(reader, kSecretBytes, kSecretBytes, "the token's secret"));
  LANDER_ASSIGN(const base::Bytes hub, bytes_of(reader, kIdBytes, kIdBytes, "the hub's key id"));
  LANDER_ASSIGN(const base::Bytes root, bytes_of(reader, kIdBytes, kIdBytes, "the root's key id"));
  out.hub_key_id = base::to_hex(hub);
  out.root_key_id = base::to_hex(root);
  LANDER_ASSIGN(out.tenant, reader.text_of(1, kMaxNames, "the tenant"));
  LANDER_ASSIGN(out.site, reader.text_of(1, kMaxNames, "the site"));
  return out;
}

Error damaged_token(const char* how) {
  return Error(Code::kInvalid, std::string("the token ") + how +
                                   "; copy all of it again, from \"lander1.\" to its end");
}

// Refuses what is not even a token's shape; returns the part behind the prefix.
base::Result<std::string_view> token_body(std::string_view text) {
  text = trimmed(text);
  if (text.size() > kMaxTokenText) {
    return Error(Code::kInvalid, "a token has at most 1024 characters, this text has " +
                                     std::to_string(text.size()));
  }
  if (text.substr(0, kPrefix.size()) == kPrefix) return text.substr(kPrefix.size());
  if (kPrefix.substr(0, text.size()) == text && !text.empty()) {
    return damaged_token("is cut short");
  }
  const std::size_t dot = text.find('.');
  if (text.substr(0, 6) == "lander" && dot != std::string_view::npos && dot > 6 &&
      text.substr(6, dot - 6).find_first_not_of("0123456789") == std::string_view::npos) {
    return Error(Code::kUnsupported, "the token has version " +
                                         std::string(text.substr(6, dot - 6)) +
                                         "; this program knows version 1: update it");
  }
  return Error(Code::kInvalid, "this is no enrolment token: one starts with \"lander1.\"");
}

}  // namespace

base::Status valid_names(std::string_view tenant, std::string_view site) {
  LANDER_TRY(valid_name("tenant", tenant));
  LANDER_TRY(valid_name("site", site));
  if (tenant.size() + site.size() <= kMaxNames) return {};
  return Error(Code::kInvalid, "tenant and site have together at most 63 characters, \"" +
                                   std::string(tenant.substr(0, 80)) + "/" +
                                   std::string(site.substr(0, 80)) + "\" has " +
                                   std::to_string(tenant.size() + site.size()));
}

std::string encode(const Token& token) {
  LANDER_CHECK(token.secret.size() == kSecretBytes);
  LANDER_CHECK(valid_names(token.tenant, token.site).ok());
  base::CborWriter writer;
  writer.array(5).bytes(token.secret).bytes(id_bytes(token.hub_key_id));
  writer.bytes(id_bytes(token.root_key_id)).text(token.tenant).text(token.site);
  base::Bytes body = writer.take();
  const auto crc = checksum(body);
  body.insert(body.end(), crc.begin(), crc.end());
  return std::string(kPrefix) + base::to_base64url(body);
}

base::Result<Token> parse_token(std::string_view text) {
  LANDER_ASSIGN(const std::string_view body, token_body(text));
  // A text that lost its end may also have lost part of a group of four characters.
  if (body.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") !=
      std::string_view::npos) {
    return damaged_token("holds a character that no token has");
  }
  const auto bytes = base::from_base64url(body);
  if (!bytes.ok() || bytes->size() <= kChecksumBytes) return damaged_token("is cut short");
  const base::ByteView all(*bytes);
  const base::ByteView cbor = all.first(all.size() - kChecksumBytes);
  const auto crc = checksum(cbor);
  if (!std::equal(crc.begin(), crc.end(), all.end() - kChecksumBytes)) {
    // Whole fields and a checksum behind them: altered. Otherwise the end is missing.
    base::CborReader reader(all);
    const bool whole = decode_token(reader).ok() && all.size() - reader.offset() >= kChecksumBytes;
    return damaged_token(whole ? "was altered: its checksum does not fit"
                               : "is cut short or was altered");
  }
  base::CborReader reader(cbor);
  auto token = decode_token(reader);
  if (!token.ok()) return token.error().context("reading the token");
  LANDER_TRY(reader.end());
  LANDER_TRY(valid_names(token->tenant, token->site));
  return token;
}

base::Status redeem(const TokenRecord& record, base::ByteView secret, base::TimeUs now) {
  const std::string given = crypto::sha256_hex(secret);
  if (!crypto::equal_in_constant_time(base::as_bytes(given),
                                      base::as_bytes(record.secret_sha256))) {
    return Error(Code::kUnauthenticated,
                 "this enrolment token is wrong: the hub did not make it "
                 "for this site; get one with `lander site add`");
  }
  if (record.used != 0) {
    return Error(Code::kConflict, "this enrolment token was used at " +
                                      base::to_rfc3339(record.used) +
                                      "; get another one with `lander site add`");
  }
  if (now >= record.expires) {
    return Error(Code::kDenied, "this enrolment token expired at " +
                                    base::to_rfc3339(record.expires) +
                                    "; get another one with `lander site add`");
  }
  return {};
}

base::Bytes encode(const EnrolRequest& request) {
  base::CborWriter writer;
  writer.array(6).unsigned_integer(kEnrolVersion).text(request.tenant).text(request.site);
  writer.bytes(request.secret).text(request.csr_pem).bytes(request.sealing_key_der);
  return writer.take();
}

base::Result<EnrolRequest> decode_enrol_request(base::ByteView bytes) {
  EnrolRequest out;
  base::CborReader reader(bytes);
  LANDER_TRY(reader.record(6, kEnrolVersion, "an enrolment request"));
  LANDER_ASSIGN(out.tenant, reader.text_of(1, kMaxNames, "the tenant"));
  LANDER_ASSIGN(out.site, reader.text_of(1, kMaxNames, "the site"));
  LANDER_ASSIGN(out.secret, bytes_of(reader, kSecretBytes, kSecretBytes, "the secret"));
  LANDER_ASSIGN(out.csr_pem, reader.text_of(1, kMaxPem, "the certificate request"));
  LANDER_ASSIGN(out.sealing_key_der,
                key_of(reader, crypto::KeyType::kX25519, "the site's sealing key"));
  LANDER_TRY(reader.end());
  LANDER_TRY(valid_names(out.tenant, out.site));
  return out;
}

base::Bytes encode(const EnrolReply& reply) {
  base::CborWriter writer;
  writer.array(7).unsigned_integer(kEnrolVersion);
  writer.text(reply.certificate_pem).text(reply.authority_pem);
  writer.bytes(reply.hub_signing_key_der).bytes(reply.hub_sealing_key_der);
  writer.bytes(reply.trust_document).bytes(reply.root_key_der);
  return writer.take();
}

base::Result<EnrolReply> decode_enrol_reply(base::ByteView bytes) {
  EnrolReply out;
  base::CborReader reader(bytes);
  LANDER_TRY(reader.record(7, kEnrolVersion, "an enrolment's reply"));
  LANDER_ASSIGN(out.certificate_pem, reader.text_of(1, kMaxPem, "the certificate"));
  LANDER_ASSIGN(out.authority_pem, reader.text_of(1, kMaxPem, "the authority's certificate"));
  LANDER_ASSIGN(out.hub_signing_key_der,
                key_of(reader, crypto::KeyType::kP256, "the hub's signing key"));
  LANDER_ASSIGN(out.hub_sealing_key_der,
                key_of(reader, crypto::KeyType::kX25519, "the hub's sealing key"));
  LANDER_ASSIGN(out.trust_document, bytes_of(reader, 1, kMaxTrustDocument, "the trust document"));
  LANDER_ASSIGN(out.root_key_der,
                key_of(reader, crypto::KeyType::kEd25519, "the tenant's root key"));
  LANDER_TRY(reader.end());
  return out;
}

}  // namespace lander::trust
