#include "base/bytes.h"

#include <array>
#include <cstring>

namespace lander::base {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr char kUrl[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char kStd[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string encode64(ByteView bytes, const char* alphabet, bool pad) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    std::uint32_t block = bytes[i] << 16;
    if (left > 1) block |= bytes[i + 1] << 8;
    if (left > 2) block |= bytes[i + 2];
    out += alphabet[block >> 18];
    out += alphabet[(block >> 12) & 63];
    if (left > 1)
      out += alphabet[(block >> 6) & 63];
    else if (pad)
      out += '=';
    if (left > 2)
      out += alphabet[block & 63];
    else if (pad)
      out += '=';
  }
  return out;
}

// [k][b]: what a byte b does to the sum when k bytes follow it. Eight at a time (Kounavis and
// Berry, "A Systematic Approach to Building High Performance Software-based CRC Generators", 2005).
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;
constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0u);
    tables[0][i] = crc;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t before = tables[k - 1][i];
      tables[k][i] = (before >> 8) ^ tables[0][before & 255];
    }
  }
  return tables;
}
constexpr CrcTables kCrc = make_crc_tables();

#if defined(__x86_64__)
// The processor's own instruction, where it has it: ten times the tables' speed.
__attribute__((target("sse4.2"))) std::uint32_t crc_by_instruction(ByteView bytes,
                                                                   std::uint32_t crc) {
  std::uint64_t wide = crc;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; i < bytes.size(); ++i) crc = __builtin_ia32_crc32qi(crc, bytes[i]);
  return crc;
}
#endif

std::uint32_t crc_by_tables(ByteView bytes, std::uint32_t crc) {
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const std::uint8_t* at = bytes.data() + i;
    crc ^= static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
           static_cast<std::uint32_t>(at[2]) << 16 | static_cast<std::uint32_t>(at[3]) << 24;
    crc = kCrc[7][crc & 255] ^ kCrc[6][crc >> 8 & 255] ^ kCrc[5][crc >> 16 & 255] ^
          kCrc[4][crc >> 24] ^ kCrc[3][at[4]] ^ kCrc[2][at[5]] ^ kCrc[1][at[6]] ^ kCrc[0][at[7]];
  }
  for (; i < bytes.size(); ++i) crc = kCrc[0][(crc ^ bytes[i]) & 255] ^ (crc >> 8);
  return crc;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t b : bytes) {
    out += kHex[b >> 4];
    out += kHex[b & 15];
  }
  return out;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return Error(Code::kInvalid, "hex text of odd length");
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) {
      return Error(Code::kInvalid, "not a hex digit at offset " + std::to_string(i));
    }
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return out;
}

std::string to_base64url(ByteView bytes) { return encode64(bytes, kUrl, false); }
std::string to_base64(ByteView bytes) { return encode64(bytes, kStd, true); }

Result<Bytes> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return Error(Code::kInvalid, "base64url text of impossible length");
  Bytes out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t block = 0;
  int bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    int value = -1;
    if (c >= 'A' && c <= 'Z')
      value = c - 'A';
    else if (c >= 'a' && c <= 'z')
      value = c - 'a' + 26;
    else if (c >= '0' && c <= '9')
      value = c - '0' + 52;
    else if (c == '-')
      value = 62;
    else if (c == '_')
      value = 63;
    if (value < 0) {
      return Error(Code::kInvalid, "not a base64url character at offset " + std::to_string(i));
    }
    block = block << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(block >> bits));
    }
  }
  if ((block & ((1u << bits) - 1)) != 0) {
    return Error(Code::kInvalid, "base64url text with stray trailing bits");
  }
  return out;
}

bool is_utf8(ByteView s) {
  for (std::size_t i = 0; i < s.size();) {
    const std::uint8_t c = s[i];
    std::size_t n = 0;
    std::uint32_t point = 0, least = 0;
    if (c < 0x80) {
      ++i;
      continue;
    }
    if ((c & 0xE0) == 0xC0) {
      n = 1;
      point = c & 0x1F;
      least = 0x80;
    } else if ((c & 0xF0) == 0xE0) {
      n = 2;
      point = c & 0x0F;
      least = 0x800;
    } else if ((c & 0xF8) == 0xF0) {
      n = 3;
      point = c & 0x07;
      least = 0x10000;
    } else
      return false;
    if (s.size() - i <= n) return false;
    for (std::size_t k = 1; k <= n; ++k) {
      if ((s[i + k] & 0xC0) != 0x80) return false;
      point = point << 6 | (s[i + k] & 0x3F);
    }
    if (point < least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    i += n + 1;
  }
  return true;
}

std::uint32_t crc32c(ByteView bytes, std::uint32_t seed) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~crc_by_instruction(bytes, ~seed);
#endif
  return ~crc_by_tables(bytes, ~seed);
}

}  // namespace lander::base
