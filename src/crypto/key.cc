#include <openssl/pem.h>

#include "crypto/openssl.h"

namespace lander::crypto {
namespace {

constexpr std::size_t kMaxPemBytes = 64 * 1024;
// The only SubjectPublicKeyInfo that RFC 5480 (uncompressed, named curve) and RFC 8410 allow for
// our types have these sizes; with it a key has one encoding and so one id.
constexpr std::size_t kP256DerBytes = 91, kCurve25519DerBytes = 44;

base::Result<KeyType> type_of(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519")) return KeyType::kEd25519;
  if (EVP_PKEY_is_a(key, "X25519")) return KeyType::kX25519;
  char group[64];
  std::size_t length = 0;
  if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1 &&
      std::string_view(group, length) == SN_X9_62_prime256v1) {
    return KeyType::kP256;
  }
  return base::Error(base::Code::kUnsupported,
                     "this kind of key is not used here: expected P-256, Ed25519 or X25519");
}

// Without it OpenSSL would ask for the password of an encrypted key on the terminal.
int refuse_password(char*, int, int, void*) { return 0; }

}  // namespace

base::Result<BioPtr> open_pem(std::string_view pem) {
  if (pem.size() > kMaxPemBytes) {
    return base::Error(base::Code::kExhausted,
                       "a PEM text has at most 65536 bytes, not " + std::to_string(pem.size()));
  }
  if (pem.empty())
    return base::Error(base::Code::kInvalid, "the PEM text is empty");  // nor by OpenSSL
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  LANDER_CHECK(bio != nullptr);
  return bio;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

base::Result<PublicKey> adopt_public(PkeyPtr key) {
  LANDER_ASSIGN(const KeyType type, type_of(key.get()));
  base::Bytes der;
  std::uint8_t* raw = nullptr;
  const int size = i2d_PUBKEY(key.get(), &raw);
  if (size <= 0) return openssl_error(base::Code::kInvalid, "encoding a public key");
  der.assign(raw, raw + size);
  OPENSSL_free(raw);
  if (der.size() != (type == KeyType::kP256 ? kP256DerBytes : kCurve25519DerBytes)) {
    return base::Error(base::Code::kUnsupported,
                       "a P-256 key must be given as an uncompressed point of the named curve");
  }
  const Digest digest = sha256(der);
  PublicKey out;
  out.impl = std::make_shared<const PublicKey::Impl>(
      PublicKey::Impl{std::move(key), type, std::move(der), digest});
  return out;
}

base::Result<PublicKey> PublicKey::from_der(base::ByteView spki) {
  if (spki.size() != kP256DerBytes && spki.size() != kCurve25519DerBytes) {
    return base::Error(base::Code::kInvalid, "a public key has 44 or 91 bytes of DER, not " +
                                                 std::to_string(spki.size()));
  }
  const std::uint8_t* at = spki.data();
  PkeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  if (!key) return openssl_error(base::Code::kInvalid, "reading a public key");
  LANDER_ASSIGN(PublicKey out, adopt_public(std::move(key)));
  if (!std::equal(spki.begin(), spki.end(), out.impl->der.begin(), out.impl->der.end())) {
    return base::Error(base::Code::kInvalid, "a public key is not in its one DER form");
  }
  return out;
}

base::Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  LANDER_ASSIGN(const BioPtr bio, open_pem(pem));
  PkeyPtr key(PEM_read_bio_PUBKEY(bio.get(), nullptr, refuse_password, nullptr));
  if (!key) return openssl_error(base::Code::kInvalid, "reading a public key (PEM)");
  return adopt_public(std::move(key));
}

base::Bytes PublicKey::to_der() const {
  LANDER_CHECK(impl != nullptr);
  return impl->der;
}

std::string PublicKey::to_pem() const {
  BioPtr bio(BIO_new(BIO_s_mem()));
  LANDER_CHECK(bio != nullptr && PEM_write_bio_PUBKEY(bio.get(), native(*this)) == 1);
  return text_of(bio.get());
}

KeyType PublicKey::type() const {
  LANDER_CHECK(impl != nullptr);
  return impl->type;
}

std::string PublicKey::id() const {
  LANDER_CHECK(impl != nullptr);
  return base::to_hex(impl->digest);
}

namespace {

base::Result<PrivateKey> adopt_private(PkeyPtr key) {
  // The public half goes through DER, so that it never carries the private one.
  std::uint8_t* raw = nullptr;
  const int size = i2d_PUBKEY(key.get(), &raw);
  if (size <= 0) return openssl_error(base::Code::kInvalid, "deriving a public key");
  const base::Bytes der(raw, raw + size);
  OPENSSL_free(raw);
  LANDER_ASSIGN(PublicKey public_key, PublicKey::from_der(der));
  PrivateKey out;
  out.impl = std::make_shared<const PrivateKey::Impl>(
      PrivateKey::Impl{std::move(key), std::move(public_key)});
  return out;
}

}  // namespace

base::Result<PrivateKey> PrivateKey::generate(KeyType type) {
  PkeyPtr key(
      type == KeyType::kP256
          ? EVP_EC_gen("P-256")
          : EVP_PKEY_Q_keygen(nullptr, nullptr, type == KeyType::kEd25519 ? "ED25519" : "X25519"));
  if (!key) return openssl_error(base::Code::kUnavailable, "making a key");
  return adopt_private(std::move(key));
}

base::Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  LANDER_ASSIGN(const BioPtr bio, open_pem(pem));
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_password, nullptr));
  if (!key) return openssl_error(base::Code::kInvalid, "reading a private key (PEM, unencrypted)");
  LANDER_ASSIGN(const KeyType type, type_of(key.get()));
  if (type == KeyType::kP256) {
    const PkeyContextPtr check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    if (!check || EVP_PKEY_check(check.get()) != 1) {
      return openssl_error(base::Code::kInvalid, "a private key does not fit its public key");
    }
  }
  return adopt_private(std::move(key));
}

std::string PrivateKey::to_pem() const {
  BioPtr bio(BIO_new(BIO_s_mem()));
  LANDER_CHECK(bio != nullptr);
  LANDER_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), native(*this), nullptr, nullptr, 0, nullptr,
                                             nullptr) == 1);
  return text_of(bio.get());
}

PublicKey PrivateKey::public_key() const {
  LANDER_CHECK(impl != nullptr);
  return impl->public_key;
}

KeyType PrivateKey::type() const { return public_key().type(); }

}  // namespace lander::crypto
