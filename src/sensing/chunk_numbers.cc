#include "sensing/chunk_numbers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/check.h"
#include "sensing/chunk_column.h"
#include "sensing/chunk_steps.h"
#include "sensing/decimal.h"

namespace lander::sensing {
namespace {

using base::Bytes;
using base::Status;

// The first byte: how a number becomes an integer, and flags.
enum Form : std::uint8_t {
  kDoubles = 0,
  kFloats = 1,
  kDecimals = 2,
  kNarrowDecimals = 3,
  kLevels = 4,
  kSteps = 5
};
constexpr std::uint8_t kDigits = 0x40, kExceptions = 0x80;

// The bits as integers in the order of the numbers (NaNs outermost), -0 below 0; its own inverse.
std::int64_t ordered64(std::uint64_t bits) {
  return static_cast<std::int64_t>(bits >> 63 ? bits ^ (~std::uint64_t{0} >> 1) : bits);
}
double from_ordered64(std::int64_t order) {
  return std::bit_cast<double>(
      static_cast<std::uint64_t>(ordered64(static_cast<std::uint64_t>(order))));
}
std::int32_t ordered32(std::uint32_t bits) {
  return static_cast<std::int32_t>(bits >> 31 ? bits ^ (~std::uint32_t{0} >> 1) : bits);
}

bool to_float(double number, std::int64_t& order) {
  const auto narrow = static_cast<float>(number);
  order = ordered32(std::bit_cast<std::uint32_t>(narrow));
  return std::bit_cast<std::uint64_t>(static_cast<double>(narrow)) ==
         std::bit_cast<std::uint64_t>(number);
}
double from_float(std::int64_t order) {
  const auto bits = static_cast<std::uint32_t>(ordered32(static_cast<std::uint32_t>(order)));
  return static_cast<double>(std::bit_cast<float>(bits));
}

// One way to write the numbers.
struct Way {
  Form form = kDoubles;
  unsigned decimals = 0, digits = 0;
  Integers integers;
  Integers exceptions, exception_bits;  // where, what; the integers repeat the one before there
  Integers levels;                      // of kLevels, ascending
  Steps steps;                          // of kSteps
  Integers beside;                      // of kSteps: how many doubles farther the number is
  double bytes = 0;                     // about
};

template <class Convert>
bool convert(std::span<const double> numbers, Way& way, Convert exactly) {
  const std::size_t most = numbers.size() / 4;
  way.integers.resize(numbers.size());
  std::int64_t before = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    std::int64_t integer = 0;
    if (exactly(numbers[i], integer)) {
      before = integer;
    } else {
      if (way.exceptions.size() >= most) return false;
      way.exceptions.push_back(static_cast<std::int64_t>(i));
      way.exception_bits.push_back(ordered64(std::bit_cast<std::uint64_t>(numbers[i])));
    }
    way.integers[i] = before;
  }
  // Leading exceptions repeat the first that is none.
  std::size_t first = 0;
  while (first < way.exceptions.size() && way.exceptions[first] == static_cast<std::int64_t>(first))
    ++first;
  if (first == numbers.size()) return false;
  std::fill_n(way.integers.begin(), first, way.integers[first]);
  return true;
}

void weigh(Way& way) {
  constexpr double kBytesAnException = 9;
  way.bytes =
      column_bytes(way.integers) + static_cast<double>(way.exceptions.size()) * kBytesAnException;
}

template <bool narrow>
std::optional<Way> as_decimals(std::span<const double> numbers) {
  const int decimals = choose_decimals(numbers, narrow);
  if (decimals < 0) return std::nullopt;
  Way way;
  way.form = narrow ? kNarrowDecimals : kDecimals;
  way.decimals = static_cast<unsigned>(decimals);
  if (!convert(numbers, way, [&](double number, std::int64_t& n) {
        return to_decimal<narrow>(number, way.decimals, n);
      })) {
    return std::nullopt;
  }
  weigh(way);
  return way;
}

std::optional<Way> as_floats(std::span<const double> numbers) {
  Way way;
  way.form = kFloats;
  if (!convert(numbers, way, to_float)) return std::nullopt;
  weigh(way);
  return way;
}

Way as_doubles(std::span<const double> numbers) {
  Way way;
  for (const double number : numbers) {
    way.integers.push_back(ordered64(std::bit_cast<std::uint64_t>(number)));
  }
  weigh(way);
  return way;
}

// Numbered levels, where there are few.
std::optional<Way> as_levels(const Way& doubles) {
  Way way;
  way.form = kLevels;
  way.levels = doubles.integers;
  std::sort(way.levels.begin(), way.levels.end());
  way.levels.erase(std::unique(way.levels.begin(), way.levels.end()), way.levels.end());
  if (way.levels.size() < 2 || way.levels.size() > doubles.integers.size() / 2) return std::nullopt;
  for (const std::int64_t integer : doubles.integers) {
    way.integers.push_back(std::lower_bound(way.levels.begin(), way.levels.end(), integer) -
                           way.levels.begin());
  }
  weigh(way);
  way.bytes += column_bytes(way.levels);
  return way;
}

// How far the number is from its step, in doubles.
std::int64_t beside_step(const Steps& steps, std::int64_t n, double number) {
  const auto bits = [](double value) { return ordered64(std::bit_cast<std::uint64_t>(value)); };
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(bits(number)) -
                                   static_cast<std::uint64_t>(bits(steps.at(n))));
}

std::optional<Way> as_steps(std::span<const double> numbers) {
  constexpr std::int64_t kMostBeside = 1024;
  const auto beside_enough = [](std::int64_t beside) {
    return beside >= -kMostBeside && beside <= kMostBeside;
  };
  std::vector<double> sorted;
  std::copy_if(numbers.begin(), numbers.end(), std::back_inserter(sorted),
               [](double number) { return std::isfinite(number); });
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  const auto steps = find_steps(sorted);
  if (!steps) return std::nullopt;
  Way way;
  way.form = kSteps;
  way.steps = *steps;
  if (!convert(numbers, way, [&](double number, std::int64_t& n) {
        return steps->nearest(number, n) && beside_enough(beside_step(*steps, n, number));
      })) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::int64_t beside = beside_step(*steps, way.integers[i], numbers[i]);
    way.beside.push_back(beside_enough(beside) ? beside : 0);  // an exception
  }
  weigh(way);
  way.bytes += 16 + column_bytes(way.beside);
  return way;
}

void with_digits(Way& way) {
  const unsigned digits = significant_digits(way.integers);
  if (digits == 0) return;
  Way shorter = way;
  shorter.digits = digits;
  for (std::int64_t& integer : shorter.integers) integer = compressed(integer, digits);
  weigh(shorter);
  if (shorter.bytes < way.bytes) way = std::move(shorter);
}

Way best_way(std::span<const double> numbers) {
  if (auto way = as_decimals<false>(numbers)) {
    with_digits(*way);
    return std::move(*way);
  }
  Way best = as_doubles(numbers);
  const auto consider = [&](std::optional<Way> way) {
    if (way && way->bytes < best.bytes) best = std::move(*way);
  };
  auto levels = as_levels(best);
  consider(as_floats(numbers));
  if (best.form == kFloats) consider(as_decimals<true>(numbers));
  consider(std::move(levels));
  consider(as_steps(numbers));
  return best;
}

}  // namespace

void put_numbers(Bytes& out, std::span<const double> numbers) {
  const Way way = best_way(numbers);
  out.push_back(static_cast<std::uint8_t>(way.form | (way.digits > 0 ? kDigits : 0) |
                                          (way.exceptions.empty() ? 0 : kExceptions)));
  if (way.form == kDecimals || way.form == kNarrowDecimals) {
    out.push_back(static_cast<std::uint8_t>(way.decimals));
    if (way.digits > 0) out.push_back(static_cast<std::uint8_t>(way.digits));
  }
  if (way.form == kLevels) {
    put_varint(out, way.levels.size());
    put_column(out, way.levels);
  }
  if (way.form == kSteps) {
    put_u64(out, std::bit_cast<std::uint64_t>(way.steps.step));
    put_u64(out, std::bit_cast<std::uint64_t>(way.steps.origin));
  }
  put_column(out, way.integers);
  if (way.form == kSteps) put_column(out, way.beside);
  if (way.exceptions.empty()) return;
  put_varint(out, way.exceptions.size());
  put_column(out, way.exceptions);
  put_column(out, way.exception_bits);
}

namespace {

template <bool narrow>
Status get_decimals(WireReader& in, bool with_digits, std::span<double> numbers) {
  thread_local Integers integers;
  std::uint8_t decimals = 0, digits = 0;
  if (!in.byte(decimals) || decimals > kMaxDecimals)
    return in.corrupt("chunk", "at most 17 decimals");
  if (with_digits && (!in.byte(digits) || digits < 1 || digits > kMaxDigits)) {
    return in.corrupt("chunk", "1 to 15 significant digits");
  }
  integers.resize(numbers.size());
  LANDER_TRY(get_column(in, integers));
  if (with_digits) {
    for (std::int64_t& integer : integers) {
      if (!expanded(integer, digits, integer))
        return in.corrupt("chunk", "significant digits below 2^53");
    }
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = from_decimal<narrow>(integers[i], decimals);
  }
  return {};
}

Status get_levels(WireReader& in, Integers& integers, std::span<double> numbers) {
  thread_local Integers levels;
  std::uint64_t count = 0;
  if (!in.varint(count) || count == 0 || count > numbers.size()) {
    return in.corrupt("chunk", "as many levels as numbers at most");
  }
  levels.resize(count);
  LANDER_TRY(get_column(in, levels));
  LANDER_TRY(get_column(in, integers));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto level = static_cast<std::uint64_t>(integers[i]);
    if (level >= count) return in.corrupt("chunk", "a level that exists");
    numbers[i] = from_ordered64(levels[level]);
  }
  return {};
}

Status get_steps(WireReader& in, Integers& integers, std::span<double> numbers) {
  thread_local Integers beside;
  std::uint64_t step = 0, origin = 0;
  if (!in.word(step) || !in.word(origin)) return in.corrupt("chunk", "a step and an origin");
  const Steps steps{std::bit_cast<double>(step), std::bit_cast<double>(origin)};
  beside.resize(numbers.size());
  LANDER_TRY(get_column(in, integers));
  LANDER_TRY(get_column(in, beside));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::int64_t order = ordered64(std::bit_cast<std::uint64_t>(steps.at(integers[i])));
    numbers[i] = from_ordered64(static_cast<std::int64_t>(static_cast<std::uint64_t>(order) +
                                                          static_cast<std::uint64_t>(beside[i])));
  }
  return {};
}

Status get_exceptions(WireReader& in, std::span<double> numbers) {
  std::uint64_t count = 0;
  if (!in.varint(count) || count == 0 || count > numbers.size()) {
    return in.corrupt("chunk", "as many exceptions as numbers at most");
  }
  Integers where(count), bits(count);
  LANDER_TRY(get_column(in, where));
  LANDER_TRY(get_column(in, bits));
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::uint64_t>(where[i]);
    if (at >= numbers.size()) return in.corrupt("chunk", "an exception within the chunk");
    numbers[at] = from_ordered64(bits[i]);
  }
  return {};
}

Status get_form(WireReader& in, std::uint8_t form, std::span<double> numbers) {
  thread_local Integers integers;
  const bool with_digits = (form & kDigits) != 0;
  if (form == kDecimals || form == (kDecimals | kDigits))
    return get_decimals<false>(in, with_digits, numbers);
  if (form == kNarrowDecimals || form == (kNarrowDecimals | kDigits)) {
    return get_decimals<true>(in, with_digits, numbers);
  }
  if (form > kSteps) return in.corrupt("chunk", "a form of numbers");
  integers.resize(numbers.size());
  if (form == kLevels) return get_levels(in, integers, numbers);
  if (form == kSteps) return get_steps(in, integers, numbers);
  LANDER_TRY(get_column(in, integers));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = form == kFloats ? from_float(integers[i]) : from_ordered64(integers[i]);
  }
  return {};
}

}  // namespace

Status get_numbers(WireReader& in, std::span<double> numbers) {
  std::uint8_t form = 0;
  if (!in.byte(form)) return in.corrupt("chunk", "a form of numbers");
  LANDER_TRY(get_form(in, static_cast<std::uint8_t>(form & ~kExceptions), numbers));
  return form & kExceptions ? get_exceptions(in, numbers) : Status();
}

}  // namespace lander::sensing
