// Tokens, enrolment messages and trust documents from anywhere.
#include "trust/trust.h"

#include <algorithm>

namespace trust = lander::trust;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto root =
      lander::crypto::PrivateKey::generate(lander::crypto::KeyType::kEd25519).value();
  const lander::base::ByteView input(data, size);
  if (const auto token = trust::parse_token(lander::base::as_text(input)); token.ok()) {
    LANDER_CHECK(trust::parse_token(trust::encode(*token)).ok());
  }
  if (const auto request = trust::decode_enrol_request(input); request.ok()) {
    const auto again = trust::encode(*request);
    LANDER_CHECK(std::equal(input.begin(), input.end(), again.begin(), again.end()));
  }
  if (const auto reply = trust::decode_enrol_reply(input); reply.ok()) {
    const auto again = trust::encode(*reply);
    LANDER_CHECK(std::equal(input.begin(), input.end(), again.begin(), again.end()));
  }
  LANDER_CHECK(!trust::verify_document(input, root.public_key(), 0).ok());
  // Behind a good signature stands what the root made: also that must not crash a site.
  if (const auto forged = lander::crypto::sign1(root, input, "lander-trust-v1"); forged.ok()) {
    (void)trust::verify_document(*forged, root.public_key(), 0);
  }
  return 0;
}
