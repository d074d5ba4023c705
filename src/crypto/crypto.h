// Keys, hashes, COSE messages, certificates; everything over OpenSSL 3, whose headers stay inside.
// Private keys never leave the object except through to_pem(). Thread-safe after construction.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::crypto {

using Digest = std::array<std::uint8_t, 32>;
Digest sha256(base::ByteView data);
std::string sha256_hex(base::ByteView data);
class Sha256 {  // incremental
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(base::ByteView data);
  Digest finish();  // and starts afresh
 private:
  void* context_;
};
bool equal_in_constant_time(base::ByteView a, base::ByteView b);
// scrypt (RFC 7914), N=2^15 r=8 p=1 with a random salt: "scrypt$15$8$1$salt$hash" (base64url).
// Takes 32 MiB and some 80 ms; `password` has at most 1024 bytes.
std::string hash_password(std::string_view password, base::ByteView salt16);
bool verify_password(std::string_view password, std::string_view hashed);

// P-256 signs identities, bundles and TLS (secure elements and browsers have it); Ed25519 signs
// packages and trust documents (TUF's choice); X25519 receives sealed messages.
enum class KeyType : std::uint8_t { kP256, kEd25519, kX25519 };

class PublicKey {
 public:
  static base::Result<PublicKey> from_der(base::ByteView spki);
  static base::Result<PublicKey> from_pem(std::string_view pem);
  base::Bytes to_der() const;  // SubjectPublicKeyInfo
  std::string to_pem() const;
  KeyType type() const;
  std::string id() const;  // SHA-256 of the DER, hex: how keys are named everywhere
  struct Impl;
  std::shared_ptr<const Impl> impl;
};

class PrivateKey {
 public:
  static base::Result<PrivateKey> generate(KeyType type);
  static base::Result<PrivateKey> from_pem(std::string_view pem);
  std::string to_pem() const;  // PKCS#8
  PublicKey public_key() const;
  KeyType type() const;
  struct Impl;
  std::shared_ptr<const Impl> impl;
};

// COSE_Sign1 (RFC 9052), tagged, algorithm by key (ES256, EdDSA), `kid` = key id's first 8 bytes,
// payload attached. `context` is the external_aad: a message of one use never verifies for another.
base::Result<base::Bytes> sign1(const PrivateKey& key, base::ByteView payload,
                                std::string_view context);
// Returns the payload (a view into `message`), only after the signature verified.
base::Result<base::ByteView> verify1(const PublicKey& key, base::ByteView message,
                                     std::string_view context);
base::Result<base::Bytes> kid_of(base::ByteView message);  // unverified: to choose the key

// COSE_Encrypt, one recipient: ECDH-ES + HKDF-256 (X25519), A256GCM.
base::Result<base::Bytes> seal(const PublicKey& recipient, base::ByteView plain,
                               std::string_view context);
base::Result<base::Bytes> open(const PrivateKey& recipient, base::ByteView message,
                               std::string_view context);

// 256 bits; overwritten when it goes.
struct SymmetricKey {
  std::array<std::uint8_t, 32> bytes{};
  SymmetricKey() = default;
  SymmetricKey(const SymmetricKey&) = default;
  SymmetricKey& operator=(const SymmetricKey&) = default;
  ~SymmetricKey();
};
// What both ends derive from their own key and the other's, and nobody else can: HKDF-SHA-256
// (RFC 5869, no salt) over X25519 (RFC 7748 §6.1). `info` names the use: another one, another key.
// kInvalid: not two X25519 keys; kCorrupt: the peer's is a point that gives the same with any key.
base::Result<SymmetricKey> agree(const PrivateKey& own, const PublicKey& peer, base::ByteView info);

// AES-256-CCM (RFC 3610) with 13 bytes of nonce and 8 of tag: COSE's AES-CCM-16-64-256 (RFC 9053
// §4.2). For messages that count bytes; never two under one key with one nonce, or the difference
// of their plain texts is public.
inline constexpr std::size_t kCcm8TagBytes = 8, kMaxCcm8Bytes = 65'535;  // of plain text
using Ccm8Nonce = std::array<std::uint8_t, 13>;
base::Bytes ccm8_seal(const SymmetricKey& key, const Ccm8Nonce& nonce, base::ByteView aad,
                      base::ByteView plain);
// kUnauthenticated: altered, or of another key, nonce or `aad`.
base::Result<base::Bytes> ccm8_open(const SymmetricKey& key, const Ccm8Nonce& nonce,
                                    base::ByteView aad, base::ByteView sealed);

// X.509. A CA is a self-signed P-256 certificate with its key.
struct Subject {
  std::string common_name;                 // a site's "tenant/site", the hub's name
  std::vector<std::string> dns, ip;        // subject alternative names
  bool server = false, authority = false;  // key usage
};
base::Result<std::string> self_signed(const PrivateKey& key, const Subject& subject,
                                      base::TimeUs from, base::TimeUs to);
base::Result<std::string> make_csr(const PrivateKey& key, const Subject& subject);
struct Csr {
  PublicKey key;
  std::string common_name;
};
base::Result<Csr> verify_csr(std::string_view pem);  // the self-signature proves possession
base::Result<std::string> issue(const PrivateKey& authority_key, std::string_view authority_pem,
                                const PublicKey& key, const Subject& subject, base::TimeUs from,
                                base::TimeUs to, base::ByteView serial16);
struct Certificate {
  std::string common_name;
  std::string key_id;  // PublicKey::id
  base::TimeUs from = 0, to = 0;
};
base::Result<Certificate> read_certificate(std::string_view pem);

}  // namespace lander::crypto
