#include <set>

#include "trust/codec.h"
#include "trust/trust.h"

// The bytes are described in docs/formats/trust.md.
namespace lander::trust {
namespace {

using base::Code;
using base::Error;

constexpr std::string_view kContext = "lander-trust-v1";
constexpr std::uint64_t kFormVersion = 1, kWithRecipients = 2;
constexpr std::size_t kMaxSigners = 1'000, kMaxPackages = 1'000, kMaxRevoked = 100'000;
constexpr std::size_t kMaxRecipients = 100;
constexpr std::string_view kHub = "hub";
constexpr std::size_t kMaxName = 63, kKidBytes = 8;

base::Status bounded(std::uint64_t count, std::size_t most, const char* what) {
  if (count <= most) return {};
  return Error(Code::kInvalid, "a trust document has at most " + std::to_string(most) + " " + what +
                                   ", not " + std::to_string(count));
}

base::Status valid(const Signer& signer) {
  LANDER_TRY(bounded(signer.packages.size(), kMaxPackages, "packages of one signer"));
  const auto key = crypto::PublicKey::from_der(signer.key_der);
  if (!key.ok()) return key.error().context("the key of signer \"" + signer.vendor + "\"");
  if (key->type() != crypto::KeyType::kEd25519) {
    return Error(Code::kInvalid,
                 "the key of signer \"" + signer.vendor + "\" must be an Ed25519 key");
  }
  const auto good = [](const std::string& name) {
    return !name.empty() && name.size() <= kMaxName;
  };
  if (good(signer.vendor) && std::all_of(signer.packages.begin(), signer.packages.end(), good)) {
    return {};
  }
  return Error(Code::kInvalid, "the names of a signer and of its packages have 1 to 63 bytes");
}

base::Status valid_key(const base::Bytes& der, crypto::KeyType type, const std::string& whose) {
  const auto key = crypto::PublicKey::from_der(der);
  if (!key.ok()) return key.error().context(whose);
  if (key->type() == type) return {};
  return Error(Code::kInvalid, whose + " is a key of another type");
}

base::Status valid(const Recipient& recipient) {
  LANDER_TRY(valid_names(recipient.name, "x"));
  if (recipient.name == kHub) {
    if (recipient.signing_der.empty() && recipient.sealing_der.empty()) return {};
    return Error(Code::kInvalid,
                 "the recipient \"hub\" is the hub that admitted the site: it has no keys here");
  }
  const std::string whose = " of recipient \"" + recipient.name + "\"";
  LANDER_TRY(valid_key(recipient.signing_der, crypto::KeyType::kP256, "the signing key" + whose));
  return valid_key(recipient.sealing_der, crypto::KeyType::kX25519, "the sealing key" + whose);
}

base::Status valid(const std::vector<Recipient>& recipients) {
  LANDER_TRY(bounded(recipients.size(), kMaxRecipients, "recipients"));
  std::set<std::string_view> names;
  for (const Recipient& recipient : recipients) {
    LANDER_TRY(valid(recipient));
    if (!names.insert(recipient.name).second)
      return Error(Code::kInvalid, "two recipients are called \"" + recipient.name + "\"");
  }
  return {};
}

base::Status valid(const Document& document) {
  LANDER_TRY(valid(document.recipients));
  LANDER_TRY(bounded(document.signers.size(), kMaxSigners, "signers"));
  LANDER_TRY(bounded(document.revoked_packages.size(), kMaxRevoked, "revoked packages"));
  for (const Signer& signer : document.signers) LANDER_TRY(valid(signer));
  for (const std::string& digest : document.revoked_packages) {
    const auto bytes = base::from_hex(digest);
    if (!bytes.ok() || bytes->size() != sizeof(crypto::Digest)) {
      return Error(Code::kInvalid, "a revoked package is named by 64 hex digits, not \"" +
                                       digest.substr(0, 80) + "\"");
    }
  }
  return {};
}

base::Result<Signer> read_signer(base::CborReader& reader) {
  Signer out;
  LANDER_TRY(reader.array_of(3, "a signer"));
  LANDER_ASSIGN(out.vendor, reader.text_of(1, kMaxName, "a vendor"));
  LANDER_ASSIGN(out.key_der, key_of(reader, crypto::KeyType::kEd25519, "a signer's key"));
  LANDER_ASSIGN(const std::uint64_t packages,
                reader.array_up_to(kMaxPackages, "packages of one signer"));
  for (std::uint64_t i = 0; i < packages; ++i) {
    LANDER_ASSIGN(std::string name, reader.text_of(1, kMaxName, "a package's name"));
    out.packages.push_back(std::move(name));
  }
  return out;
}

base::Status read_recipients(base::CborReader& reader, std::vector<Recipient>& out) {
  LANDER_ASSIGN(const std::uint64_t count, reader.array_up_to(kMaxRecipients, "recipients"));
  for (std::uint64_t i = 0; i < count; ++i) {
    Recipient recipient;
    LANDER_TRY(reader.array_of(3, "a recipient"));
    LANDER_ASSIGN(recipient.name, reader.text_of(1, kMaxName, "a recipient's name"));
    LANDER_ASSIGN(recipient.signing_der, bytes_of(reader, 0, 256, "a recipient's key"));
    LANDER_ASSIGN(recipient.sealing_der, bytes_of(reader, 0, 256, "a recipient's key"));
    out.push_back(std::move(recipient));
  }
  // One form for one value: without recipients it is of the first.
  if (out.empty()) return reader.corrupt("recipients in a document of this form");
  return valid(out);
}

base::Result<Document> decode(base::ByteView payload) {
  Document out;
  base::CborReader reader(payload);
  LANDER_ASSIGN(const std::uint64_t fields, base::CborReader(payload).array());
  const bool with_recipients = fields == 6;
  LANDER_TRY(reader.record(with_recipients ? 6 : 5,
                           with_recipients ? kWithRecipients : kFormVersion, "a trust document"));
  LANDER_ASSIGN(out.version, reader.unsigned_integer());
  LANDER_ASSIGN(out.issued, reader.integer());
  LANDER_ASSIGN(const std::uint64_t signers, reader.array_up_to(kMaxSigners, "signers"));
  for (std::uint64_t i = 0; i < signers; ++i) {
    LANDER_ASSIGN(Signer signer, read_signer(reader));
    out.signers.push_back(std::move(signer));
  }
  LANDER_ASSIGN(const std::uint64_t revoked, reader.array_up_to(kMaxRevoked, "revoked packages"));
  for (std::uint64_t i = 0; i < revoked; ++i) {
    LANDER_ASSIGN(const base::Bytes digest, bytes_of(reader, 32, 32, "a revoked package"));
    out.revoked_packages.push_back(base::to_hex(digest));
  }
  if (with_recipients) LANDER_TRY(read_recipients(reader, out.recipients));
  LANDER_TRY(reader.end());
  return out;
}

}  // namespace

base::Result<base::Bytes> sign(const Document& document, const crypto::PrivateKey& root) {
  if (root.type() != crypto::KeyType::kEd25519) {
    return Error(Code::kInvalid, "a tenant's root key must be an Ed25519 key");
  }
  LANDER_TRY(valid(document));
  base::CborWriter writer;
  // Sites of an earlier release read what has no recipients.
  const bool with_recipients = !document.recipients.empty();
  writer.array(with_recipients ? 6 : 5);
  writer.unsigned_integer(with_recipients ? kWithRecipients : kFormVersion);
  writer.unsigned_integer(document.version);
  writer.integer(document.issued).array(document.signers.size());
  for (const Signer& signer : document.signers) {
    writer.array(3).text(signer.vendor).bytes(signer.key_der).array(signer.packages.size());
    for (const std::string& name : signer.packages) writer.text(name);
  }
  writer.array(document.revoked_packages.size());
  for (const std::string& digest : document.revoked_packages) {
    LANDER_ASSIGN(const base::Bytes bytes, base::from_hex(digest));
    writer.bytes(bytes);
  }
  if (with_recipients) {
    writer.array(document.recipients.size());
    for (const Recipient& recipient : document.recipients)
      writer.array(3)
          .text(recipient.name)
          .bytes(recipient.signing_der)
          .bytes(recipient.sealing_der);
  }
  return crypto::sign1(root, writer.out(), kContext);
}

base::Result<Document> verify_document(base::ByteView signed_document,
                                       const crypto::PublicKey& root, std::uint64_t at_least) {
  const auto payload = crypto::verify1(root, signed_document, kContext);
  if (!payload.ok()) return payload.error().context("the tenant's trust document");
  auto document = decode(*payload);
  if (!document.ok()) return document.error().context("the tenant's trust document");
  if (document->version < at_least) {
    return Error(Code::kConflict, "a trust document of version " +
                                      std::to_string(document->version) + " is refused: version " +
                                      std::to_string(at_least) + " was in force already");
  }
  return document;
}

const Signer* find_signer(const Document& document, base::ByteView kid, std::string_view package) {
  if (kid.size() != kKidBytes) return nullptr;
  for (const Signer& signer : document.signers) {
    const crypto::Digest id = crypto::sha256(signer.key_der);
    if (!std::equal(kid.begin(), kid.end(), id.begin())) continue;
    for (const std::string& allowed : signer.packages) {
      if (allowed == "*" || allowed == package) return &signer;
    }
  }
  return nullptr;
}

const Recipient* find_recipient(const Document& document, std::string_view name) {
  const auto at = std::find_if(document.recipients.begin(), document.recipients.end(),
                               [&](const Recipient& r) { return r.name == name; });
  return at == document.recipients.end() ? nullptr : &*at;
}

bool hub_is_recipient(const Document& document) {
  return document.recipients.empty() || find_recipient(document, kHub) != nullptr;
}

}  // namespace lander::trust
