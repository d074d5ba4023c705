#include "sensing/chunk_column.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "base/check.h"
#include "sensing/chunk_bins.h"
#include "sensing/chunk_zstd.h"

namespace lander::sensing {
namespace {

using base::Bytes;
using base::ByteView;
using base::Status;
using Span = std::span<const std::int64_t>;

// The first byte of a column: coding, predictor, and whether a divisor follows.
enum Coding : std::uint8_t { kConstant = 0, kBins = 1, kWords = 2, kPlanes = 3, kRuns = 4 };
enum Predictor : std::uint8_t { kNone = 0, kLast = 1, kLine = 2, kMean2 = 3, kMean4 = 4 };
constexpr std::uint8_t kCodingBits = 7, kPredictorShift = 3, kPredictors = 5, kScaled = 0x40;
constexpr std::uint64_t kMiddle = std::uint64_t{1} << 63;
constexpr std::size_t kSampled = 512;                  // of a column when forms are compared
constexpr std::size_t kFewSteps = 8, kSomeSteps = 24;  // of the planner then

std::uint64_t unsign(std::int64_t integer) { return static_cast<std::uint64_t>(integer); }
std::int64_t sign(std::uint64_t integer) { return static_cast<std::int64_t>(integer); }

// How many integers stand at the front as they are.
constexpr std::size_t seeds(Predictor predictor) {
  switch (predictor) {
    case kNone:
      return 0;
    case kLast:
      return 1;
    case kLine:
    case kMean2:
      return 2;
    case kMean4:
      return 4;
  }
  return 0;
}

// The mean of two without overflow, rounded down.
std::int64_t mean(std::int64_t a, std::int64_t b) { return (a & b) + ((a ^ b) >> 1); }

// What the predictor expects at `at`, which points behind at least seeds(predictor) integers.
template <Predictor predictor>
std::uint64_t expected(const std::int64_t* at) {
  if constexpr (predictor == kNone) return 0;
  if constexpr (predictor == kLast) return unsign(at[-1]);
  if constexpr (predictor == kLine) return 2 * unsign(at[-1]) - unsign(at[-2]);
  if constexpr (predictor == kMean2) return unsign(mean(at[-1], at[-2]));
  if constexpr (predictor == kMean4)
    return unsign(mean(mean(at[-1], at[-2]), mean(at[-3], at[-4])));
}

// Calls action.operator()<predictor>().
template <class Action>
void with(Predictor predictor, Action action) {
  switch (predictor) {
    case kNone:
      return action.template operator()<kNone>();
    case kLast:
      return action.template operator()<kLast>();
    case kLine:
      return action.template operator()<kLine>();
    case kMean2:
      return action.template operator()<kMean2>();
    case kMean4:
      return action.template operator()<kMean4>();
  }
}

// What is left of every step-th integer after prediction, in an order that has small ones of either
// sign in the middle.
void residuals(Span integers, Predictor predictor, std::size_t step,
               std::vector<std::uint64_t>& out) {
  out.clear();
  with(predictor, [&]<Predictor p>() {
    for (std::size_t i = seeds(p); i < integers.size(); i += step) {
      out.push_back(unsign(integers[i]) - expected<p>(integers.data() + i) + kMiddle);
    }
  });
}

struct Choice {
  Predictor predictor = kNone;
  double bits = 0;  // of the bins
};

Choice choose(Span integers) {
  thread_local std::vector<std::uint64_t> some;
  thread_local std::vector<Bin> bins;
  const std::size_t step = (integers.size() + kSampled - 1) / kSampled;
  Choice best;
  for (std::uint8_t i = 0; i < kPredictors; ++i) {
    const auto predictor = static_cast<Predictor>(i);
    if (seeds(predictor) >= integers.size()) break;
    residuals(integers, predictor, step, some);
    sort_numbers(some);
    const double scale =
        static_cast<double>(integers.size() - seeds(predictor)) / static_cast<double>(some.size());
    double bits = plan_bins(some, scale, std::clamp(some.size() / 8, kFewSteps, kSomeSteps), bins);
    for (std::size_t k = 0; k < seeds(predictor); ++k) {
      const std::int64_t before = k == 0 ? 0 : integers[k - 1];
      bits += 8 + static_cast<double>(std::bit_width(zigzag(unsign(integers[k]) - unsign(before))));
    }
    if (i == 0 || bits < best.bits) best = {predictor, bits};
  }
  return best;
}

// The greatest divisor of all distances from the first, 1 if the distances overflow.
std::uint64_t common_divisor(Span integers) {
  std::uint64_t divisor = 0;
  for (const std::int64_t integer : integers) {
    std::int64_t distance = 0;
    if (__builtin_sub_overflow(integer, integers[0], &distance)) return 1;
    const std::uint64_t size = distance < 0 ? 0 - unsign(distance) : unsign(distance);
    if (divisor == 0 || size % divisor != 0) divisor = std::gcd(divisor, size);
    if (divisor == 1) return 1;
  }
  return std::max<std::uint64_t>(divisor, 1);
}

std::size_t byte_width(std::span<const std::uint64_t> numbers, std::uint64_t& lowest) {
  const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
  lowest = *low;
  return std::max<std::size_t>(1, (static_cast<std::size_t>(std::bit_width(*high - *low)) + 7) / 8);
}

// The numbers above the lowest in as few bytes each as the highest needs, one after the other or by
// byte.
void put_squeezed(Bytes& out, std::span<const std::uint64_t> numbers, Coding coding) {
  thread_local Bytes plain, packed;
  std::uint64_t lowest = 0;
  const std::size_t wide = byte_width(numbers, lowest), count = numbers.size();
  plain.resize(wide * count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t number = numbers[i] - lowest;
    for (std::size_t k = 0; k < wide; ++k) {
      plain[coding == kWords ? i * wide + k : k * count + i] =
          static_cast<std::uint8_t>(number >> (8 * k));
    }
  }
  squeeze(plain, packed);
  out.push_back(static_cast<std::uint8_t>(wide));
  put_varint(out, zigzag(lowest - kMiddle));
  put_varint(out, packed.size());
  out.insert(out.end(), packed.begin(), packed.end());
}

Status get_squeezed(WireReader& in, Coding coding, std::span<std::uint64_t> numbers) {
  thread_local Bytes plain;
  std::uint8_t wide = 0;
  std::uint64_t lowest = 0, size = 0;
  if (!in.byte(wide) || wide < 1 || wide > 8) return in.corrupt("chunk", "a width of 1 to 8 bytes");
  if (!in.zigzagged(lowest) || !in.varint(size) || size > in.left()) {
    return in.corrupt("chunk", "zstd's bytes");
  }
  const std::size_t count = numbers.size();
  plain.resize(wide * count);
  if (!unsqueeze(in.rest().first(size), plain))
    return in.corrupt("chunk", "zstd of the stated length");
  in.skip(size);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t number = lowest + kMiddle;
    for (std::size_t k = 0; k < wide; ++k) {
      number += static_cast<std::uint64_t>(plain[coding == kWords ? i * wide + k : k * count + i])
                << (8 * k);
    }
    numbers[i] = number;
  }
  return {};
}

void put_head(Bytes& out, Coding coding, Predictor predictor, Span integers) {
  out.push_back(static_cast<std::uint8_t>(coding | predictor << kPredictorShift));
  std::int64_t before = 0;
  for (std::size_t i = 0; i < seeds(predictor); ++i) {
    put_varint(out, zigzag(unsign(integers[i]) - unsign(before)));
    before = integers[i];
  }
}

bool all_same(std::span<const std::uint64_t> numbers) {
  return std::all_of(numbers.begin(), numbers.end(),
                     [&](auto number) { return number == numbers[0]; });
}

// Lines need neither bins nor a divisor.
bool put_constant(Bytes& out, Span integers, std::vector<std::uint64_t>& left) {
  for (const Predictor predictor : {kNone, kLast}) {
    if (seeds(predictor) >= integers.size()) break;
    residuals(integers, predictor, 1, left);
    if (!all_same(left)) continue;
    put_head(out, kConstant, predictor, integers);
    put_varint(out, zigzag(left[0] - kMiddle));
    return true;
  }
  return false;
}

// Keeps the shorter of what was appended to `out` from `start` on and `other`.
void keep_shorter(Bytes& out, std::size_t start, const Bytes& other) {
  if (other.size() >= out.size() - start) return;
  out.resize(start);
  out.insert(out.end(), other.begin(), other.end());
}

// Each run's value and how many more than one it has.
bool find_runs(Span integers, Integers& values, Integers& more) {
  const std::size_t most = integers.size() / 4;
  values.clear();
  more.clear();
  for (std::size_t i = 0; i < integers.size();) {
    if (values.size() == most) return false;
    std::size_t end = i + 1;
    while (end < integers.size() && integers[end] == integers[i]) ++end;
    values.push_back(integers[i]);
    more.push_back(static_cast<std::int64_t>(end - i - 1));
    i = end;
  }
  return true;
}

// Bins or zstd, without looking for runs.
void put_plain(Bytes& out, Span integers) {
  std::vector<std::uint64_t> left;
  if (put_constant(out, integers, left)) return;
  const Choice choice = choose(integers);
  residuals(integers, choice.predictor, 1, left);
  const std::size_t start = out.size();
  put_head(out, kBins, choice.predictor, integers);
  std::vector<std::uint64_t> sorted = left;
  std::vector<Bin> bins;
  sort_numbers(sorted);
  plan_bins(sorted, 1, std::clamp(sorted.size() / 2, kSomeSteps, kMaxBins), bins);
  put_bins(out, left, bins);
  // zstd finds what repeats, which bins do not; in short columns hardly anything does.
  constexpr std::size_t kWorth = 128, kWorthPlanes = 256;
  const std::size_t binned = out.size() - start;
  if (binned < kWorth) return;
  Bytes other;
  const auto offer = [&](Coding coding, Predictor predictor) {
    other.clear();
    put_head(other, coding, predictor, integers);
    put_squeezed(other, left, coding);
    keep_shorter(out, start, other);
  };
  offer(kWords, choice.predictor);
  if (binned >= kWorthPlanes) offer(kPlanes, choice.predictor);
  if (choice.predictor == kNone) return;
  residuals(integers, kNone, 1, left);
  offer(kWords, kNone);
}

void put_unscaled(Bytes& out, Span integers) {
  const std::size_t start = out.size();
  put_plain(out, integers);
  Integers values, more;
  if (!find_runs(integers, values, more) || values.size() < 2) return;
  Bytes runs;
  runs.push_back(kRuns);
  put_varint(runs, values.size());
  put_plain(runs, values);
  put_plain(runs, more);
  keep_shorter(out, start, runs);
}

template <Predictor p>
void restore(std::span<const std::uint64_t> left, std::span<std::int64_t> integers) {
  std::int64_t* at = integers.data() + seeds(p);
  for (const std::uint64_t number : left) {
    *at = sign(number - kMiddle + expected<p>(at));
    ++at;
  }
}

Status get_runs(WireReader& in, std::span<std::int64_t> integers);

// A column whose first byte was read.
Status get_body(WireReader& in, std::uint8_t form, bool runs_allowed,
                std::span<std::int64_t> integers) {
  thread_local std::vector<std::uint64_t> left;
  const auto coding = static_cast<Coding>(form & kCodingBits);
  if (coding == kRuns && form == kRuns && runs_allowed) return get_runs(in, integers);
  if (coding > kPlanes || form >> kPredictorShift >= kPredictors)
    return in.corrupt("chunk", "a column's form");
  const auto predictor = static_cast<Predictor>(form >> kPredictorShift);
  if (seeds(predictor) >= integers.size())
    return in.corrupt("chunk", "a column with more than its seeds");
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < seeds(predictor); ++i) {
    std::uint64_t difference = 0;
    if (!in.zigzagged(difference)) return in.corrupt("chunk", "a column's first integers");
    before += difference;
    integers[i] = sign(before);
  }
  left.resize(integers.size() - seeds(predictor));
  if (coding == kConstant) {
    std::uint64_t same = 0;
    if (!in.zigzagged(same)) return in.corrupt("chunk", "a column's constant");
    std::fill(left.begin(), left.end(), same + kMiddle);
  } else if (coding == kBins) {
    LANDER_TRY(get_bins(in, left));
  } else {
    LANDER_TRY(get_squeezed(in, coding, left));
  }
  with(predictor, [&]<Predictor p>() { restore<p>(left, integers); });
  return {};
}

Status get_runs(WireReader& in, std::span<std::int64_t> integers) {
  std::uint64_t count = 0;
  if (!in.varint(count) || count == 0 || count > integers.size()) {
    return in.corrupt("chunk", "as many runs as integers at most");
  }
  Integers values(count), more(count);
  for (Integers* part : {&values, &more}) {
    std::uint8_t form = 0;
    if (!in.byte(form)) return in.corrupt("chunk", "a column's form");
    LANDER_TRY(get_body(in, form, false, *part));
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (unsign(more[i]) >= integers.size() - at)
      return in.corrupt("chunk", "runs within the column");
    const std::size_t end = at + unsign(more[i]) + 1;
    std::fill(integers.begin() + static_cast<std::ptrdiff_t>(at),
              integers.begin() + static_cast<std::ptrdiff_t>(end), values[i]);
    at = end;
  }
  if (at != integers.size()) return in.corrupt("chunk", "runs that fill the column");
  return {};
}

}  // namespace

double column_bytes(Span integers) { return choose(integers).bits / 8; }

void put_column(Bytes& out, Span integers) {
  LANDER_CHECK(!integers.empty());
  std::vector<std::uint64_t> left;
  if (put_constant(out, integers, left)) return;
  const std::uint64_t divisor = common_divisor(integers);
  if (divisor == 1) return put_unscaled(out, integers);
  Integers quotients(integers.size());
  for (std::size_t i = 0; i < integers.size(); ++i) {
    quotients[i] = (integers[i] - integers[0]) / sign(divisor);
  }
  out.push_back(kScaled);
  put_varint(out, divisor);
  put_varint(out, zigzag(unsign(integers[0])));
  put_unscaled(out, quotients);
}

Status get_column(WireReader& in, std::span<std::int64_t> integers) {
  std::uint8_t form = 0;
  if (!in.byte(form)) return in.corrupt("chunk", "a column's form");
  if (form != kScaled) return get_body(in, form, true, integers);
  std::uint64_t divisor = 0, first = 0;
  if (!in.varint(divisor) || !in.zigzagged(first) || !in.byte(form)) {
    return in.corrupt("chunk", "a column's divisor and first integer");
  }
  LANDER_TRY(get_body(in, form, true, integers));
  for (std::int64_t& integer : integers) integer = sign(first + divisor * unsign(integer));
  return {};
}

}  // namespace lander::sensing
