// Who a site is, how it is admitted, and whose packages it runs. Pure deciders and documents; the
// hub and the site persist what these return. Formats: docs/formats/trust.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "crypto/crypto.h"

namespace lander::trust {

// --- Enrolment: one-time token -> CSR -> certificate

// "lander1.<base64url of CBOR {secret, hub TLS key id, tenant root key id, tenant, site}>". The
// secret is 32 random bytes; the hub keeps only its SHA-256. The token pins the hub's key, so no
// authority is needed, and the tenant's root, so that a hub cannot put in its own signers later.
struct Token {
  base::Bytes secret;
  std::string hub_key_id, root_key_id;
  std::string tenant, site;
};
std::string encode(const Token& token);
// White space around it is forgiven (it was pasted). Says what is wrong: not a token, of another
// version, cut short, or a character altered.
base::Result<Token> parse_token(std::string_view text);

// Names stand in certificates ("tenant/site", at most 64 bytes), paths and the console: each is
// [a-z0-9][a-z0-9._-]*, the two together have at most 63 characters. kInvalid says which and why.
base::Status valid_names(std::string_view tenant, std::string_view site);

// The hub's side of one token.
struct TokenRecord {
  std::string tenant, site;
  std::string secret_sha256;           // hex
  base::TimeUs expires = 0, used = 0;  // used: 0 = not yet
};
// kUnauthenticated: wrong; kConflict: "was used at ..."; kDenied: "expired at ...". Constant time
// in the secret; only who has the right secret learns of the other two.
base::Status redeem(const TokenRecord& record, base::ByteView secret, base::TimeUs now);

// What the site sends (over TLS to the pinned key) and what it gets. CBOR. Decoding checks names,
// sizes and the keys' types; the CSR and the certificates are the caller's to verify.
struct EnrolRequest {
  std::string tenant, site;
  base::Bytes secret;
  std::string csr_pem;          // the device's P-256 key
  base::Bytes sealing_key_der;  // the device's X25519 key, for bundles from the hub
};
struct EnrolReply {
  std::string certificate_pem, authority_pem;
  base::Bytes hub_signing_key_der;  // P-256: verifies the hub's bundles
  base::Bytes hub_sealing_key_der;  // X25519: bundles for the hub are sealed to it
  base::Bytes trust_document;       // see below
  base::Bytes root_key_der;         // Ed25519; its id must be the token's root_key_id
};
base::Bytes encode(const EnrolRequest& request);
base::Result<EnrolRequest> decode_enrol_request(base::ByteView bytes);
base::Bytes encode(const EnrolReply& reply);
base::Result<EnrolReply> decode_enrol_reply(base::ByteView bytes);

// --- Trust document: the tenant's offline root says which signers' packages may run

struct Signer {
  std::string vendor;                 // "acme"
  base::Bytes key_der;                // Ed25519
  std::vector<std::string> packages;  // names it may sign; "*" = any
};
// Whom a courier may bring raw observations to: another end of every site, with keys of its own.
struct Recipient {
  std::string name;         // [a-z0-9][a-z0-9._-]*, at most 63
  base::Bytes signing_der;  // P-256: signs its receipts
  base::Bytes sealing_der;  // X25519: what is for it is sealed to it
  friend bool operator==(const Recipient&, const Recipient&) = default;
};
struct Document {
  std::uint64_t version = 0;  // only ever rises; an older one is refused
  base::TimeUs issued = 0;
  std::vector<Signer> signers;
  std::vector<std::string> revoked_packages;  // digests
  // One that is called "hub" has no keys here: it is the hub that admitted the site. Once there is
  // any, the hub is a recipient only when it is among them.
  std::vector<Recipient> recipients;
};
// kInvalid: more than 1,000 signers, 1,000 packages of one signer, 100,000 revoked packages or 100
// recipients; a key of another type than it must be; a revoked package that is not 64 hex digits; a
// recipient's name that is none, or is there twice.
base::Result<base::Bytes> sign(const Document& document, const crypto::PrivateKey& root);
// Verifies before it parses; then refuses a version below `at_least` (rollback).
base::Result<Document> verify_document(base::ByteView signed_document,
                                       const crypto::PublicKey& root, std::uint64_t at_least);
// The signer with a key of this kid (crypto::kid_of) who may sign `package`; null when there is
// none. The kid is a hint: whoever relies on the signer verifies a signature with its key.
const Signer* find_signer(const Document& document, base::ByteView kid, std::string_view package);
// May raw observations go to the hub by a courier?
bool hub_is_recipient(const Document& document);
const Recipient* find_recipient(const Document& document, std::string_view name);  // null: none

}  // namespace lander::trust
