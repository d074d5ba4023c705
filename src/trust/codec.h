// Private to src/trust: reading fields that have bounds.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/cbor.h"
#include "crypto/crypto.h"

namespace lander::trust {

inline base::Result<base::Bytes> bytes_of(base::CborReader& reader, std::size_t least,
                                          std::size_t most, const char* what) {
  LANDER_ASSIGN(const base::ByteView found, reader.bytes_of(least, most, what));
  return base::Bytes(found.begin(), found.end());
}

inline base::Result<base::Bytes> key_of(base::CborReader& reader, crypto::KeyType type,
                                        const char* what) {
  LANDER_ASSIGN(base::Bytes der, bytes_of(reader, 1, 256, what));
  auto key = crypto::PublicKey::from_der(der);
  if (!key.ok()) return key.error().context(what);
  if (key->type() != type)
    return base::Error(base::Code::kCorrupt, std::string(what) + " is a key of another type");
  return der;
}

}  // namespace lander::trust
