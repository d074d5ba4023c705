#include "package/tar.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace lander::package {
namespace {

constexpr std::size_t kBlock = 512, kNameBytes = 100, kSizeAt = 124, kSizeDigits = 11;
constexpr std::size_t kChecksumAt = 148, kChecksumDigits = 6;
using Block = std::array<std::uint8_t, kBlock>;

void put_octal(Block& block, std::size_t at, std::size_t digits, std::uint64_t value) {
  for (std::size_t i = digits; i-- > 0; value /= 8) {
    block[at + i] = static_cast<std::uint8_t>('0' + value % 8);
  }
}

void put_text(Block& block, std::size_t at, std::string_view text) {
  std::memcpy(block.data() + at, text.data(), text.size());
}

// POSIX.1-2017, pax "ustar Interchange Format". Everything but name and size is the same for all.
Block header(std::string_view name, std::uint64_t size) {
  LANDER_CHECK(!name.empty() && name.size() <= kNameBytes);
  Block out{};
  put_text(out, 0, name);
  put_text(out, 100, "0000644");  // mode
  put_text(out, 108, "0000000");  // owner
  put_text(out, 116, "0000000");  // group
  put_octal(out, kSizeAt, kSizeDigits, size);
  put_text(out, 136, "00000000000");  // time
  put_text(out, kChecksumAt, "        ");
  out[156] = '0';  // a regular file
  put_text(out, 257, std::string_view("ustar\00000", 8));
  put_text(out, 329, "0000000");
  put_text(out, 337, "0000000");
  std::uint64_t sum = 0;
  for (const std::uint8_t byte : out) sum += byte;
  put_octal(out, kChecksumAt, kChecksumDigits, sum);
  out[kChecksumAt + kChecksumDigits] = 0;  // then the blank that stands there already
  return out;
}

std::size_t padding(std::size_t size) { return (kBlock - size % kBlock) % kBlock; }

bool all_zero(base::ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

base::Error corrupt(std::size_t at, const char* what) {
  return base::Error(base::Code::kCorrupt,
                     "the package's tar at byte " + std::to_string(at) + ": " + what);
}

base::Result<TarEntry> read_entry(base::ByteView tar, std::size_t& at) {
  const base::ByteView block = tar.subspan(at, kBlock);
  const std::string_view name_field = base::as_text(block.first(kNameBytes));
  const std::string_view name = name_field.substr(0, name_field.find('\0'));
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < kSizeDigits; ++i) {
    const std::uint8_t digit = block[kSizeAt + i];
    if (digit < '0' || digit > '7') return corrupt(at + kSizeAt, "expected a size in octal");
    size = size * 8 + (digit - '0');
  }
  if (name.empty()) return corrupt(at, "expected a name");
  const Block expected = header(name, size);
  if (!std::equal(block.begin(), block.end(), expected.begin())) {
    return corrupt(at, "expected a plain file's header as packages have it");
  }
  const std::size_t start = at + kBlock;
  if (size > tar.size() - start || padding(size) > tar.size() - start - size) {
    return corrupt(at, "the file goes beyond the end");
  }
  if (!all_zero(tar.subspan(start + size, padding(size)))) {
    return corrupt(start + size, "expected zeros up to the next 512 bytes");
  }
  at = start + size + padding(size);
  return TarEntry{std::string(name), tar.subspan(start, size)};
}

}  // namespace

base::Bytes write_tar(const std::vector<TarEntry>& entries) {
  std::size_t total = 2 * kBlock;
  for (const TarEntry& entry : entries) {
    total += kBlock + entry.bytes.size() + padding(entry.bytes.size());
  }
  base::Bytes out;
  out.reserve(total);
  for (const TarEntry& entry : entries) {
    const Block head = header(entry.name, entry.bytes.size());
    out.insert(out.end(), head.begin(), head.end());
    out.insert(out.end(), entry.bytes.begin(), entry.bytes.end());
    out.resize(out.size() + padding(entry.bytes.size()));
  }
  out.resize(total);
  return out;
}

base::Result<std::vector<TarEntry>> read_tar(base::ByteView tar, std::size_t most) {
  std::vector<TarEntry> out;
  std::size_t at = 0;
  for (;;) {
    if (tar.size() - at < 2 * kBlock) return corrupt(at, "expected another file or the end");
    if (all_zero(tar.subspan(at, kBlock))) break;
    if (out.size() == most) return corrupt(at, "more files than a package may have");
    LANDER_ASSIGN(TarEntry entry, read_entry(tar, at));
    out.push_back(std::move(entry));
  }
  if (tar.size() - at != 2 * kBlock || !all_zero(tar.subspan(at))) {
    return corrupt(at, "expected two blocks of zeros and nothing behind them");
  }
  return out;
}

}  // namespace lander::package
