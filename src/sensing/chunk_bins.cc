#include "sensing/chunk_bins.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace lander::sensing {
namespace {

using base::ByteView;
using base::Status;

constexpr unsigned kOffsetWidth = 7, kGapWidth = 6;
constexpr std::uint64_t kMiddle = std::uint64_t{1} << 63;

std::uint64_t low_bits(std::uint64_t value, unsigned bits) {
  return bits >= 64 ? value : value & ((std::uint64_t{1} << bits) - 1);
}
unsigned width(std::uint64_t value) { return static_cast<unsigned>(std::bit_width(value)); }

// log2 of a whole number, by a table: the planner asks for thousands.
float log2_of(std::size_t n) {
  constexpr std::size_t kSize = 2048;
  static const auto table = [] {
    std::array<float, kSize> all{};
    for (std::size_t i = 1; i < kSize; ++i) all[i] = std::log2(static_cast<float>(i));
    return all;
  }();
  float more = 0;
  for (; n >= kSize; n >>= 1) more += 1;
  return table[n] + more;
}

class BitWriter {
 public:
  explicit BitWriter(base::Bytes& out) : out_(out) {}
  void put(std::uint64_t value, unsigned bits) {
    if (bits > 32) {
      put(value, 32);
      value >>= 32;
      bits -= 32;
    }
    held_ |= low_bits(value, bits) << filled_;
    for (filled_ += bits; filled_ >= 8; filled_ -= 8, held_ >>= 8) {
      out_.push_back(static_cast<std::uint8_t>(held_));
    }
  }
  void finish() {
    if (filled_ > 0) out_.push_back(static_cast<std::uint8_t>(held_));
    filled_ = 0;
    held_ = 0;
  }

 private:
  base::Bytes& out_;
  std::uint64_t held_ = 0;
  unsigned filled_ = 0;
};

// Past the end there are zeros: ask over() once at the end.
class BitReader {
 public:
  explicit BitReader(ByteView bytes) : bytes_(bytes) {}
  std::uint64_t get(unsigned bits) {  // at most 64
    if (bits > 56) {
      const std::uint64_t low = get(32);
      return low | get(bits - 32) << 32;
    }
    const std::uint64_t value = low_bits(peek(), bits);
    at_ += bits;
    return value;
  }
  bool over() const { return at_ > 8 * bytes_.size(); }
  std::size_t bytes() const { return (at_ + 7) / 8; }

 private:
  std::uint64_t peek() const {  // 57 bits or more
    const std::size_t byte = at_ >> 3;
    std::uint64_t word = 0;
    if constexpr (std::endian::native == std::endian::little) {
      if (byte + 8 <= bytes_.size()) {
        std::memcpy(&word, bytes_.data() + byte, 8);
        return word >> (at_ & 7);
      }
    }
    for (std::size_t i = 0; i < 8 && byte + i < bytes_.size(); ++i) {
      word |= static_cast<std::uint64_t>(bytes_[byte + i]) << (8 * i);
    }
    return word >> (at_ & 7);
  }

  ByteView bytes_;
  std::size_t at_ = 0;
};

// What the header says of a bin besides its share: its offset bits and its distance to the last.
unsigned bin_bits(std::uint64_t gap) { return kOffsetWidth + kGapWidth + width(gap); }

// How the table's states go to the bins: an odd step visits all of a power of two.
void spread(std::span<const std::uint32_t> weights, unsigned log,
            std::vector<std::uint8_t>& symbols) {
  const std::size_t size = std::size_t{1} << log, step = size * 5 / 8 | 1;
  symbols.resize(size);
  std::size_t at = 0;
  for (std::size_t bin = 0; bin < weights.size(); ++bin) {
    for (std::uint32_t i = 0; i < weights[bin]; ++i, at = (at + step) & (size - 1)) {
      symbols[at] = static_cast<std::uint8_t>(bin);
    }
  }
}

// Shares of 2^log, in proportion to the counts, at least 1 each.
std::vector<std::uint32_t> weights_of(const std::vector<Bin>& bins, std::size_t total,
                                      unsigned log) {
  const std::size_t size = std::size_t{1} << log;
  std::vector<std::uint32_t> weights(bins.size());
  std::int64_t missing = static_cast<std::int64_t>(size);
  for (std::size_t i = 0; i < bins.size(); ++i) {
    weights[i] = std::max<std::uint32_t>(
        1, static_cast<std::uint32_t>((bins[i].count * size + total / 2) / total));
    missing -= weights[i];
  }
  // What rounding left over or took too much goes where it changes the least.
  while (missing != 0) {
    const int sign = missing > 0 ? 1 : -1;
    std::size_t best = 0;
    double least = 0;
    for (std::size_t i = 0; i < bins.size(); ++i) {
      if (sign < 0 && weights[i] == 1) continue;
      const double loss = bins[i].count * std::log2(weights[i] / (weights[i] + double(sign)));
      if (least == 0 || loss < least) least = loss, best = i;
    }
    weights[best] = static_cast<std::uint32_t>(static_cast<std::int64_t>(weights[best]) + sign);
    missing -= sign;
  }
  return weights;
}

unsigned table_log(std::size_t bins, std::size_t numbers) {
  if (bins == 1) return 0;
  const unsigned least = width(bins - 1) + 1;
  return std::clamp(width(numbers) - 2, least, kMaxTableLog);
}

struct Quantiles {
  std::array<std::size_t, kMaxBins + 1> ends{};  // positions in the sorted numbers
  std::size_t count = 0;
};

// Cuts into at most `steps` parts, equal numbers never apart.
Quantiles quantiles(std::span<const std::uint64_t> sorted, std::size_t steps) {
  Quantiles cut;
  std::size_t at = 0;
  while (at < sorted.size()) {
    const std::size_t parts = steps - cut.count;
    std::size_t end =
        parts <= 1 ? sorted.size() : at + std::max<std::size_t>(1, (sorted.size() - at) / parts);
    if (end < sorted.size() && sorted[end] == sorted[end - 1]) {
      end = static_cast<std::size_t>(
          std::upper_bound(sorted.begin() + static_cast<std::ptrdiff_t>(end), sorted.end(),
                           sorted[end - 1]) -
          sorted.begin());
    }
    cut.ends[++cut.count] = end;
    at = end;
  }
  return cut;
}

}  // namespace

void sort_numbers(std::vector<std::uint64_t>& numbers) {
  constexpr std::size_t kFew = 48;
  constexpr unsigned kWide = 40;
  thread_local std::vector<std::uint64_t> other;
  if (numbers.size() < 2) return;
  const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
  const std::uint64_t lowest = *low;
  const unsigned bits = width(*high - lowest);
  if (numbers.size() < kFew || bits > kWide) return std::sort(numbers.begin(), numbers.end());
  other.resize(numbers.size());
  for (unsigned shift = 0; shift < bits; shift += 8) {
    std::array<std::uint32_t, 257> start{};
    for (const std::uint64_t number : numbers) ++start[((number - lowest) >> shift & 255) + 1];
    for (std::size_t i = 1; i < 256; ++i) start[i] += start[i - 1];
    for (const std::uint64_t number : numbers)
      other[start[(number - lowest) >> shift & 255]++] = number;
    numbers.swap(other);
  }
}

double plan_bins(std::span<const std::uint64_t> sorted, double scale, std::size_t steps,
                 std::vector<Bin>& bins) {
  const Quantiles cut = quantiles(sorted, std::min(steps, kMaxBins));
  const float all = log2_of(sorted.size());
  const float table =
      std::max(0.0F, std::log2(static_cast<float>(scale)) + all - 2);  // a share's bits
  std::array<float, kMaxBins + 1> least{};
  std::array<std::uint8_t, kMaxBins + 1> from{};
  for (std::size_t j = 1; j <= cut.count; ++j) {
    least[j] = -1;
    const std::uint64_t last = sorted[cut.ends[j] - 1];
    for (std::size_t i = j; i-- > 0;) {
      const std::size_t count = cut.ends[j] - cut.ends[i];
      const std::uint64_t lower = sorted[cut.ends[i]];
      const unsigned offset = width(last - lower);
      const std::uint64_t gap = i == 0 ? 0 : lower - sorted[cut.ends[i - 1]];
      const float cost = least[i] + static_cast<float>(bin_bits(gap)) + table +
                         static_cast<float>(scale) * static_cast<float>(count) *
                             (all - log2_of(count) + static_cast<float>(offset));
      if (least[j] < 0 || cost < least[j]) {
        least[j] = cost;
        from[j] = static_cast<std::uint8_t>(i);
      }
    }
  }
  bins.clear();
  for (std::size_t j = cut.count; j > 0; j = from[j]) {
    const std::size_t i = from[j];
    const std::uint64_t lower = sorted[cut.ends[i]];
    bins.push_back({lower, width(sorted[cut.ends[j] - 1] - lower),
                    static_cast<std::uint32_t>(cut.ends[j] - cut.ends[i])});
  }
  std::reverse(bins.begin(), bins.end());
  return least[cut.count];
}

void put_bins(base::Bytes& out, std::span<const std::uint64_t> numbers,
              const std::vector<Bin>& bins) {
  const unsigned log = table_log(bins.size(), numbers.size());
  const std::size_t size = std::size_t{1} << log;
  const auto weights = weights_of(bins, numbers.size(), log);
  put_varint(out, bins.size());
  if (bins.size() > 1) out.push_back(static_cast<std::uint8_t>(log));
  put_varint(out, zigzag(bins[0].lower - kMiddle));
  BitWriter bits(out);
  for (std::size_t i = 0; i < bins.size(); ++i) {
    bits.put(bins[i].offset_bits, kOffsetWidth);
    if (i > 0) {
      const std::uint64_t gap = bins[i].lower - bins[i - 1].lower;
      bits.put(width(gap) - 1, kGapWidth);
      bits.put(gap, width(gap) - 1);  // its top bit is 1
    }
    bits.put(weights[i] - 1, log);
  }

  thread_local std::vector<std::uint8_t> symbols, chosen;
  thread_local std::vector<std::uint16_t> states, said, said_bits;
  spread(weights, log, symbols);
  std::array<std::uint32_t, kMaxBins> start{}, seen{};  // where a bin's states stand in `states`
  for (std::size_t i = 1; i < bins.size(); ++i) start[i] = start[i - 1] + weights[i - 1];
  states.resize(size);
  for (std::size_t i = 0; i < size; ++i) {
    states[start[symbols[i]] + seen[symbols[i]]++] = static_cast<std::uint16_t>(i);
  }
  chosen.resize(numbers.size());
  said.resize(numbers.size());
  said_bits.resize(numbers.size());
  std::uint32_t state = static_cast<std::uint32_t>(size);
  for (std::size_t i = numbers.size(); i-- > 0;) {
    std::size_t bin = 0;
    for (std::size_t half = std::bit_floor(bins.size()); half > 0; half /= 2) {
      if (bin + half < bins.size() && bins[bin + half].lower <= numbers[i]) bin += half;
    }
    const std::uint32_t weight = weights[bin];
    unsigned shift = log + 1 - width(weight);
    if (state >> shift < weight) --shift;
    chosen[i] = static_cast<std::uint8_t>(bin);
    said[i] = static_cast<std::uint16_t>(low_bits(state, shift));
    said_bits[i] = static_cast<std::uint16_t>(shift);
    state = static_cast<std::uint32_t>(size) + states[start[bin] + (state >> shift) - weight];
  }
  bits.put(state - size, log);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    bits.put(said[i], said_bits[i]);
    bits.put(numbers[i] - bins[chosen[i]].lower, bins[chosen[i]].offset_bits);
  }
  bits.finish();
}

namespace {

struct State {
  std::uint64_t lower = 0;
  std::uint16_t next = 0;
  std::uint8_t bits = 0, offset_bits = 0;
};

Status read_header(WireReader& in, std::vector<Bin>& bins, unsigned& log, std::uint64_t& lower) {
  std::uint64_t count = 0;
  if (!in.varint(count) || count == 0 || count > kMaxBins)
    return in.corrupt("chunk", "1 to 128 bins");
  std::uint8_t stated = 0;
  if (count > 1 && (!in.byte(stated) || stated == 0 || stated > kMaxTableLog)) {
    return in.corrupt("chunk", "a table of 2^1 to 2^11 states");
  }
  log = stated;
  if (!in.zigzagged(lower)) return in.corrupt("chunk", "the lowest bin");
  lower += kMiddle;
  bins.resize(count);
  return {};
}

// The shares of all bins make up the table.
Status read_bins(WireReader& in, BitReader& bits, std::vector<Bin>& bins, unsigned log,
                 std::uint64_t lower, std::vector<std::uint32_t>& weights) {
  weights.resize(bins.size());
  std::size_t sum = 0;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    bins[i].offset_bits = static_cast<unsigned>(bits.get(kOffsetWidth));
    if (bins[i].offset_bits > 64) return in.corrupt("chunk", "at most 64 bits above a bin");
    if (i > 0) {
      const auto gap = static_cast<unsigned>(bits.get(kGapWidth));
      lower += std::uint64_t{1} << gap | bits.get(gap);
    }
    bins[i].lower = lower;
    weights[i] = static_cast<std::uint32_t>(bits.get(log)) + 1;
    sum += weights[i];
  }
  if (bits.over() || sum != std::size_t{1} << log)
    return in.corrupt("chunk", "bins that fill the table");
  return {};
}

}  // namespace

Status get_bins(WireReader& in, std::span<std::uint64_t> numbers) {
  thread_local std::vector<Bin> bins;
  thread_local std::vector<std::uint32_t> weights;
  thread_local std::vector<std::uint8_t> symbols;
  thread_local std::vector<State> table;
  unsigned log = 0;
  std::uint64_t lower = 0;
  LANDER_TRY(read_header(in, bins, log, lower));
  BitReader bits(in.rest());
  LANDER_TRY(read_bins(in, bits, bins, log, lower, weights));
  spread(weights, log, symbols);
  const std::size_t size = symbols.size();
  table.resize(size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint8_t bin = symbols[i];
    const std::uint32_t x = weights[bin]++;
    const unsigned shift = log + 1 - width(x);
    table[i] = {bins[bin].lower, static_cast<std::uint16_t>((x << shift) - size),
                static_cast<std::uint8_t>(shift), static_cast<std::uint8_t>(bins[bin].offset_bits)};
  }
  std::size_t state = bits.get(log);
  for (std::uint64_t& number : numbers) {
    const State& entry = table[state];
    state = entry.next + bits.get(entry.bits);
    number = entry.lower + bits.get(entry.offset_bits);
  }
  if (bits.over() || state != 0) return in.corrupt("chunk", "a number for each sample");
  in.skip(bits.bytes());
  return {};
}

}  // namespace lander::sensing
