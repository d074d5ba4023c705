#include "lake/parquet_encode.h"

#include <algorithm>
#include <bit>

#include "sensing/wire.h"

namespace lander::lake {
namespace {

using base::Bytes;
using sensing::put_varint;
using sensing::zigzag;

// Packs values of `width` bits, the lowest bit first, to whole bytes in the end.
class BitPacker {
 public:
  BitPacker(Bytes& out, unsigned width) : out_(out), width_(width) {}
  void put(std::uint64_t value) {
    held_ |= static_cast<unsigned __int128>(value) << bits_;
    for (bits_ += width_; bits_ >= 8; bits_ -= 8) {
      out_.push_back(static_cast<std::uint8_t>(held_));
      held_ >>= 8;
    }
  }

 private:
  Bytes& out_;
  unsigned width_, bits_ = 0;
  unsigned __int128 held_ = 0;
};

// The values that are to be bit-packed together: whole groups of eight, except at the very end.
void put_packed(Bytes& out, std::vector<std::uint32_t>& values, unsigned width) {
  if (values.empty()) return;
  const std::size_t groups = (values.size() + 7) / 8;
  values.resize(groups * 8);
  put_varint(out, groups << 1 | 1);
  BitPacker packer(out, width);
  for (const std::uint32_t value : values) packer.put(value);
  values.clear();
}

constexpr std::size_t kBlock = 128, kMiniblocks = 4, kMiniblock = kBlock / kMiniblocks;

void put_delta_block(Bytes& out, std::span<const std::uint64_t> deltas) {
  std::int64_t least = INT64_MAX;
  for (const std::uint64_t delta : deltas)
    least = std::min(least, static_cast<std::int64_t>(delta));
  put_varint(out, zigzag(static_cast<std::uint64_t>(least)));
  const std::size_t widths = out.size();
  out.resize(out.size() + kMiniblocks);
  for (std::size_t i = 0; i * kMiniblock < deltas.size(); ++i) {
    const auto part =
        deltas.subspan(i * kMiniblock).first(std::min(kMiniblock, deltas.size() - i * kMiniblock));
    std::uint64_t all = 0;
    for (const std::uint64_t delta : part) all |= delta - static_cast<std::uint64_t>(least);
    const auto width = static_cast<unsigned>(std::bit_width(all));
    out[widths + i] = static_cast<std::uint8_t>(width);
    if (width == 0) continue;
    BitPacker packer(out, width);
    for (std::size_t k = 0; k < kMiniblock; ++k)
      packer.put(k < part.size() ? part[k] - static_cast<std::uint64_t>(least) : 0);
  }
}

}  // namespace

void extend(std::vector<Run>& runs, std::uint32_t value, std::size_t count) {
  if (count == 0) return;
  if (!runs.empty() && runs.back().value == value)
    runs.back().count += static_cast<std::uint32_t>(count);
  else
    runs.push_back({value, static_cast<std::uint32_t>(count)});
}

void put_hybrid(Bytes& out, std::span<const Run> runs, unsigned width) {
  std::vector<std::uint32_t> loose;
  for (Run run : runs) {
    const std::size_t missing = (8 - loose.size() % 8) % 8;
    const std::size_t taken = run.count >= missing + 8 ? missing : run.count;
    loose.insert(loose.end(), taken, run.value);
    run.count -= static_cast<std::uint32_t>(taken);
    if (run.count == 0) continue;
    put_packed(out, loose, width);
    put_varint(out, std::uint64_t{run.count} << 1);
    for (unsigned bit = 0; bit < width; bit += 8)
      out.push_back(static_cast<std::uint8_t>(run.value >> bit));
  }
  put_packed(out, loose, width);
}

void put_deltas(Bytes& out, std::span<const std::int64_t> values) {
  put_varint(out, kBlock);
  put_varint(out, kMiniblocks);
  put_varint(out, values.size());
  put_varint(out, zigzag(static_cast<std::uint64_t>(values.empty() ? 0 : values[0])));
  std::uint64_t deltas[kBlock];
  for (std::size_t at = 1; at < values.size(); at += kBlock) {
    const std::size_t count = std::min(kBlock, values.size() - at);
    for (std::size_t i = 0; i < count; ++i)
      deltas[i] = static_cast<std::uint64_t>(values[at + i]) -
                  static_cast<std::uint64_t>(values[at + i - 1]);
    put_delta_block(out, {deltas, count});
  }
}

std::optional<DoubleDictionary> dictionary_of(std::span<const double> values, std::size_t most) {
  DoubleDictionary out;
  const unsigned order = static_cast<unsigned>(std::bit_width(most * 2 + 1));
  std::vector<std::uint32_t> slots(std::size_t{1} << order);  // index + 1; 0: empty
  for (const double value : values) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    std::size_t slot = bits * 0x9E3779B97F4A7C15u >> (64 - order);
    while (slots[slot] != 0 && std::bit_cast<std::uint64_t>(out.entries[slots[slot] - 1]) != bits)
      slot = (slot + 1) & (slots.size() - 1);
    if (slots[slot] == 0) {
      if (out.entries.size() == most) return std::nullopt;
      out.entries.push_back(value);
      slots[slot] = static_cast<std::uint32_t>(out.entries.size());
    }
    extend(out.indices, slots[slot] - 1, 1);
  }
  return out;
}

}  // namespace lander::lake
