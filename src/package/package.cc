#include "package/package.h"

#include <algorithm>

#include "base/cbor.h"
#include "package/layout.h"

// The bytes are described in docs/formats/package.md.
namespace lander::package {
namespace {

using base::ByteView;
using base::Code;
using base::Error;

constexpr std::string_view kMagic = "LANDPKG1", kContext = "lander-package-v1", kType = "app";
constexpr std::size_t kLengthBytes = 4, kHeadBytes = 12, kMaxSignature = 4096;
constexpr std::uint64_t kStatementVersion = 1;

struct Envelope {
  ByteView signature, body;
};

// What the vendor signs.
struct Statement {
  std::string_view name, version;
  std::uint64_t size = 0;
  ByteView sha256;
};

base::Result<Envelope> parse_envelope(ByteView package) {
  if (package.size() > kMaxPackageBytes) {
    return Error(Code::kInvalid,
                 "a package has at most 64 MiB, not " + std::to_string(package.size()) + " bytes");
  }
  const std::string_view magic =
      base::as_text(package.first(std::min(package.size(), kMagic.size())));
  if (magic != kMagic) {
    if (magic.size() == kMagic.size() && magic.substr(0, 7) == kMagic.substr(0, 7) &&
        magic[7] >= '0' && magic[7] <= '9') {
      return Error(Code::kUnsupported,
                   std::string("a package of form ") + magic[7] + "; this program knows form 1");
    }
    return Error(Code::kInvalid, "this is no package: one starts with LANDPKG1");
  }
  if (package.size() < kHeadBytes) return Error(Code::kCorrupt, "a package is cut short");
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= std::size_t{package[kMagic.size() + i]} << (8 * i);
  }
  if (length > kMaxSignature || length > package.size() - kHeadBytes) {
    return Error(Code::kCorrupt, "a package's signature goes beyond its bounds");
  }
  return Envelope{package.subspan(kHeadBytes, length), package.subspan(kHeadBytes + length)};
}

base::Bytes join(ByteView signature, ByteView body) {
  base::Bytes out(kMagic.begin(), kMagic.end());
  out.reserve(kHeadBytes + signature.size() + body.size());
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    out.push_back(static_cast<std::uint8_t>(signature.size() >> (8 * i)));
  }
  out.insert(out.end(), signature.begin(), signature.end());
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

base::Result<Statement> parse_statement(ByteView payload) {
  Statement out;
  base::CborReader reader(payload);
  LANDER_ASSIGN(const std::uint64_t items, reader.array());
  LANDER_ASSIGN(const std::uint64_t version, reader.unsigned_integer());
  LANDER_ASSIGN(const std::string_view type, reader.text());
  if (items != 6 || version != kStatementVersion || type != kType) {
    return Error(Code::kUnsupported, "a package of type \"" + std::string(type.substr(0, 40)) +
                                         "\" (statement " + std::to_string(version) +
                                         "); this program knows type \"app\" (statement 1)");
  }
  LANDER_ASSIGN(out.name, reader.text());
  LANDER_ASSIGN(out.version, reader.text());
  LANDER_ASSIGN(out.size, reader.unsigned_integer());
  LANDER_ASSIGN(out.sha256, reader.bytes());
  LANDER_TRY(reader.end());
  return out;
}

// The statement, once a key of the document verified it; `payload` borrows the package.
base::Result<ByteView> verified_payload(ByteView signature, ByteView kid,
                                        const trust::Document& trust, crypto::PublicKey& key) {
  Error refusal(Code::kDenied, "signer " + base::to_hex(kid) + "... is not trusted");
  for (const trust::Signer& signer : trust.signers) {
    const crypto::Digest id = crypto::sha256(signer.key_der);
    if (!std::equal(kid.begin(), kid.end(), id.begin())) continue;
    LANDER_ASSIGN(key, crypto::PublicKey::from_der(signer.key_der));
    auto payload = crypto::verify1(key, signature, kContext);
    if (payload.ok()) return payload;
    refusal = payload.error().context("a package");
  }
  return refusal;
}

base::Status check_body(const Statement& statement, ByteView body) {
  const crypto::Digest digest = crypto::sha256(body);
  if (statement.size == body.size() &&
      std::equal(digest.begin(), digest.end(), statement.sha256.begin(), statement.sha256.end())) {
    return {};
  }
  return Error(Code::kCorrupt, "the package's body is not what its vendor signed: altered or cut");
}

base::Status check_names(const Statement& statement, const Manifest& manifest,
                         const trust::Signer& signer) {
  if (manifest.name != statement.name || manifest.version != statement.version) {
    return Error(Code::kCorrupt, "a package signed as " + std::string(statement.name) + " " +
                                     std::string(statement.version) + " holds " + manifest.name +
                                     " " + manifest.version);
  }
  if (manifest.vendor == signer.vendor) return {};
  return Error(Code::kDenied, "a package signed by \"" + signer.vendor +
                                  "\" claims to be of vendor \"" + manifest.vendor + "\"");
}

}  // namespace

base::Result<base::Bytes> pack(const Manifest& manifest, const std::vector<File>& files) {
  // The text is what will be read on the site; the fields must be its own.
  LANDER_ASSIGN(const Manifest read, parse_manifest(manifest.yaml, "app.yaml"));
  LANDER_ASSIGN(const base::Bytes body, write_body(read, files));
  base::Bytes out = join({}, body);
  if (out.size() + kMaxSignature > kMaxPackageBytes) {
    return Error(Code::kInvalid, "a package has at most 64 MiB, with its signature; this one has " +
                                     std::to_string(out.size()) + " bytes");
  }
  return out;
}

base::Result<base::Bytes> sign(ByteView package, const crypto::PrivateKey& vendor) {
  if (vendor.type() != crypto::KeyType::kEd25519) {
    return Error(Code::kInvalid, "packages are signed with an Ed25519 key");
  }
  LANDER_ASSIGN(const Envelope envelope, parse_envelope(package));
  LANDER_ASSIGN(const Body body, read_body(envelope.body));
  base::CborWriter writer;
  writer.array(6).unsigned_integer(kStatementVersion).text(kType).text(body.manifest.name);
  writer.text(body.manifest.version).unsigned_integer(envelope.body.size());
  writer.bytes(crypto::sha256(envelope.body));
  LANDER_ASSIGN(const base::Bytes signature, crypto::sign1(vendor, writer.out(), kContext));
  LANDER_CHECK(signature.size() <= kMaxSignature);
  return join(signature, envelope.body);
}

std::string digest(ByteView package) { return crypto::sha256_hex(package); }

base::Result<Package> verify_and_open(ByteView package, const trust::Document& trust) {
  LANDER_ASSIGN(const Envelope envelope, parse_envelope(package));
  if (envelope.signature.empty()) {
    return Error(Code::kDenied, "the package is not signed: sign it with `lander app sign`");
  }
  const auto kid = crypto::kid_of(envelope.signature);
  if (!kid.ok()) return kid.error().context("the package's signature");
  crypto::PublicKey key;
  LANDER_ASSIGN(const ByteView payload, verified_payload(envelope.signature, *kid, trust, key));
  LANDER_ASSIGN(const Statement statement, parse_statement(payload));
  const trust::Signer* signer = trust::find_signer(trust, *kid, statement.name);
  if (signer == nullptr) {
    return Error(Code::kDenied, "signer " + base::to_hex(*kid) +
                                    "... may not sign packages named \"" +
                                    std::string(statement.name) + "\"");
  }
  Package out;
  out.digest = digest(package);
  const auto& revoked = trust.revoked_packages;
  if (std::find(revoked.begin(), revoked.end(), out.digest) != revoked.end()) {
    return Error(Code::kDenied, "the package " + std::string(statement.name) + " " +
                                    std::string(statement.version) + " (" + out.digest +
                                    ") was revoked by the tenant");
  }
  LANDER_TRY(check_body(statement, envelope.body));
  LANDER_ASSIGN(Body body, read_body(envelope.body));
  LANDER_TRY(check_names(statement, body.manifest, *signer));
  out.manifest = std::move(body.manifest);
  out.files = std::move(body.files);
  out.vendor = signer->vendor;
  out.signer_key_id = key.id();
  return out;
}

base::Result<Package> open_unverified(ByteView package) {
  LANDER_ASSIGN(const Envelope envelope, parse_envelope(package));
  Package out;
  if (!envelope.signature.empty()) {
    LANDER_ASSIGN(const base::Bytes kid, crypto::kid_of(envelope.signature));
    out.signer_key_id = base::to_hex(kid);
  }
  LANDER_ASSIGN(Body body, read_body(envelope.body));
  out.manifest = std::move(body.manifest);
  out.files = std::move(body.files);
  out.vendor = out.manifest.vendor;
  out.digest = digest(package);
  return out;
}

}  // namespace lander::package
