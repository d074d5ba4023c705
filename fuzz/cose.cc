// Signed and sealed messages from anywhere: nothing of them is believed, nothing crashes.
#include "crypto/crypto.h"

namespace crypto = lander::crypto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto signer = crypto::PrivateKey::generate(crypto::KeyType::kP256).value();
  static const auto sealer = crypto::PrivateKey::generate(crypto::KeyType::kX25519).value();
  const lander::base::ByteView input(data, size);
  (void)crypto::kid_of(input);
  // The keys are new in every run: whatever verifies was forged.
  LANDER_CHECK(!crypto::verify1(signer.public_key(), input, "fuzz").ok());
  LANDER_CHECK(!crypto::open(sealer, input, "fuzz").ok());
  (void)crypto::PublicKey::from_der(input);
  const std::string_view text = lander::base::as_text(input);
  (void)crypto::PublicKey::from_pem(text);
  (void)crypto::verify_csr(text);
  (void)crypto::read_certificate(text);
  return 0;
}
