// How blocks, chunks, values and the store's frames write integers: varints, zigzags and
// little-endian words, into Bytes or a string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace lander::sensing {

// A difference modulo 2^64 with its sign in the lowest bit: small ones of either sign are small
// numbers.
inline std::uint64_t zigzag(std::uint64_t difference) {
  return difference << 1 ^ (difference >> 63 ? ~std::uint64_t{0} : 0);
}
inline std::uint64_t unzigzag(std::uint64_t coded) {
  return coded >> 1 ^ (coded & 1 ? ~std::uint64_t{0} : 0);
}

template <class Out>
void put_varint(Out& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<typename Out::value_type>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<typename Out::value_type>(value));
}
template <class Out>
void put_u32(Out& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) {
    out.push_back(static_cast<typename Out::value_type>(value >> (8 * i)));
  }
}
template <class Out>
void put_u64(Out& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) {
    out.push_back(static_cast<typename Out::value_type>(value >> (8 * i)));
  }
}
inline std::uint32_t get_u32(base::ByteView bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(bytes[i]) << (8 * i);
  return value;
}

// What is kept or sent ends in the CRC-32C of all before.
inline constexpr std::size_t kSumBytes = 4;
inline void put_sum(base::Bytes& out) { put_u32(out, base::crc32c(out)); }
// All before the sum; nothing when they do not match.
inline std::optional<base::ByteView> without_sum(base::ByteView bytes) {
  if (bytes.size() < kSumBytes) return std::nullopt;
  const base::ByteView body = bytes.first(bytes.size() - kSumBytes);
  if (get_u32(bytes.last(kSumBytes)) != base::crc32c(body)) return std::nullopt;
  return body;
}

// Reads what was put, front to back. Borrows the bytes. False: nothing (more) of that form stands
// here.
class WireReader {
 public:
  explicit WireReader(base::ByteView bytes, std::size_t at = 0) : bytes_(bytes), at_(at) {}

  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  base::ByteView rest() const { return bytes_.subspan(at_); }
  void skip(std::size_t bytes) { at_ += bytes; }  // at most left()
  bool byte(std::uint8_t& out) {
    if (left() == 0) return false;
    out = bytes_[at_++];
    return true;
  }
  bool word(std::uint64_t& out) {  // of 8 bytes
    if (left() < 8) return false;
    out = 0;
    for (int i = 0; i < 8; ++i) out |= static_cast<std::uint64_t>(bytes_[at_++]) << (8 * i);
    return true;
  }
  bool take(std::uint64_t size, base::ByteView& out) {
    if (size > left()) return false;
    out = bytes_.subspan(at_, size);
    at_ += size;
    return true;
  }
  bool varint(std::uint64_t& out) {
    out = 0;
    for (int shift = 0; shift < 64 && left() > 0; shift += 7) {
      const std::uint8_t part = bytes_[at_++];
      if (shift == 63 && part > 1) return false;
      out |= static_cast<std::uint64_t>(part & 0x7F) << shift;
      if (part < 0x80) return part != 0 || shift == 0;  // one value has one form
    }
    return false;
  }
  bool zigzagged(std::uint64_t& out) {
    if (!varint(out)) return false;
    out = unzigzag(out);
    return true;
  }
  base::Error corrupt(const char* what, const char* expected) const {
    return base::Error(base::Code::kCorrupt, std::string(what) + " at byte " + std::to_string(at_) +
                                                 ": expected " + expected);
  }

 private:
  base::ByteView bytes_;
  std::size_t at_ = 0;
};

}  // namespace lander::sensing
