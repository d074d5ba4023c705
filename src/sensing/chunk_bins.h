// Entropy coding of 64-bit numbers whose distribution is lumpy: a few bins (a lowest number and how
// many bits lie above it), which bin by a table of asymmetric numerals (tANS; Duda,
// arXiv:1311.2540, spread and tables as in FSE), the bits above it as they are. The bins are the
// best partition of the sorted numbers into at most kMaxBins, header included, found by dynamic
// programming over up to 128 quantiles (the idea is pcodec's). Format: docs/formats/chunk.md.
// Private to the module; thread-safe.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "sensing/wire.h"

namespace lander::sensing {

inline constexpr std::size_t kMaxBins = 128;
inline constexpr unsigned kMaxTableLog = 11;

// Ascending. By bytes (radix), where that is quicker: planning is mostly sorting.
void sort_numbers(std::vector<std::uint64_t>& numbers);

struct Bin {
  std::uint64_t lower = 0;
  unsigned offset_bits = 0;  // 0 to 64
  std::uint32_t count = 0;   // of those planned from
};

// `sorted` ascending, one or more. Plans for `scale` times as many; returns the bits that coding
// them takes, about. More `steps` (2 to 128) find better bins and take longer. Replaces `bins`.
double plan_bins(std::span<const std::uint64_t> sorted, double scale, std::size_t steps,
                 std::vector<Bin>& bins);

// Appends. `bins` hold all of `numbers`.
void put_bins(base::Bytes& out, std::span<const std::uint64_t> numbers,
              const std::vector<Bin>& bins);
// Fills `numbers`. kCorrupt.
base::Status get_bins(WireReader& in, std::span<std::uint64_t> numbers);

}  // namespace lander::sensing
