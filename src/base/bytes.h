// Bytes and their texts: hex, base64, little-endian integers, CRC-32C.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lander::base {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string to_hex(ByteView bytes);             // lower case
Result<Bytes> from_hex(std::string_view text);  // either case, even length
std::string to_base64url(ByteView bytes);       // RFC 4648 §5, without padding
Result<Bytes> from_base64url(
    std::string_view text);             // the same alphabet, no padding, no white space
std::string to_base64(ByteView bytes);  // RFC 4648 §4, padded

// RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
bool is_utf8(ByteView bytes);

// CRC-32C (Castagnoli, RFC 3720 §12.1), continued from `seed`.
std::uint32_t crc32c(ByteView bytes, std::uint32_t seed = 0);

}  // namespace lander::base
