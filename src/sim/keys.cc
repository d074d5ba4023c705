#include "sim/keys.h"

namespace lander::sim {
namespace {

// PKCS#8 up to where the 32 secret bytes stand (RFC 8410; RFC 5915 without the public key).
constexpr const char* kEd25519Head = "302e020100300506032b657004220420";
constexpr const char* kX25519Head = "302e020100300506032b656e04220420";
constexpr const char* kP256Head =
    "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420";

}  // namespace

crypto::PrivateKey make_key(crypto::KeyType type, SimRandom& random) {
  const char* head = type == crypto::KeyType::kEd25519  ? kEd25519Head
                     : type == crypto::KeyType::kX25519 ? kX25519Head
                                                        : kP256Head;
  base::Bytes der = base::from_hex(head).value();
  base::Bytes secret = random.bytes(32);
  secret[0] &= 0x7F;  // below the order of P-256
  der.insert(der.end(), secret.begin(), secret.end());
  auto key = crypto::PrivateKey::from_pem("-----BEGIN PRIVATE KEY-----\n" + base::to_base64(der) +
                                          "\n-----END PRIVATE KEY-----\n");
  LANDER_CHECK(key.ok());
  return *key;
}

}  // namespace lander::sim
