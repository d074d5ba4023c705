// Private to src/trust: reading fields that have bounds.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/cbor.h"
#include "crypto/crypto.h"

namespace lander::trust {

inline base::Error corrupt(std::string message) {
  return base::Error(base::Code::kCorrupt, std::move(message));
}

// The head of a versioned array: [version, ...].
inline base::Status expect_form(base::CborReader& reader, std::uint64_t items,
                                std::uint64_t version, const char* what) {
  LANDER_ASSIGN(const std::uint64_t found_items, reader.array());
  LANDER_ASSIGN(const std::uint64_t found_version, reader.unsigned_integer());
  if (found_version != version) {
    return base::Error(base::Code::kUnsupported,
                       std::string(what) + " has version " + std::to_string(found_version) +
                           "; this program knows version " + std::to_string(version));
  }
  if (found_items == items) return {};
  return corrupt(std::string(what) + " has " + std::to_string(found_items) + " fields, expected " +
                 std::to_string(items));
}

inline base::Result<base::Bytes> bytes_of(base::CborReader& reader, std::size_t least,
                                          std::size_t most, const char* what) {
  LANDER_ASSIGN(const base::ByteView found, reader.bytes());
  if (found.size() >= least && found.size() <= most) {
    return base::Bytes(found.begin(), found.end());
  }
  return corrupt(std::string(what) + " has " + std::to_string(found.size()) + " bytes, expected " +
                 std::to_string(least) + " to " + std::to_string(most));
}

inline base::Result<std::string> text_of(base::CborReader& reader, std::size_t most,
                                         const char* what) {
  LANDER_ASSIGN(const std::string_view found, reader.text());
  if (!found.empty() && found.size() <= most) return std::string(found);
  return corrupt(std::string(what) + " has " + std::to_string(found.size()) +
                 " bytes, expected 1 to " + std::to_string(most));
}

inline base::Result<base::Bytes> key_of(base::CborReader& reader, crypto::KeyType type,
                                        const char* what) {
  LANDER_ASSIGN(base::Bytes der, bytes_of(reader, 1, 256, what));
  auto key = crypto::PublicKey::from_der(der);
  if (!key.ok()) return key.error().context(what);
  if (key->type() != type) return corrupt(std::string(what) + " is a key of another type");
  return der;
}

}  // namespace lander::trust
