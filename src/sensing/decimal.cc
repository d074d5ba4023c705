#include "sensing/decimal.h"

#include <algorithm>

namespace lander::sensing {
namespace {

constexpr std::size_t kSampled = 192;
constexpr double kBitsADigit = 3.33, kBitsAnException = 76;
constexpr unsigned kNone = kMaxDecimals + 1;

template <bool narrow>
unsigned fewest_decimals(double number) {
  std::int64_t n = 0;
  for (unsigned decimals = 0; decimals <= kMaxDecimals; ++decimals) {
    if (to_decimal<narrow>(number, decimals, n)) return decimals;
    // A float has 24 bits: what is longer is a float, not a decimal.
    if (std::fabs(number) * kPowers[decimals] > (narrow ? 1e8 : static_cast<double>(kExact))) break;
  }
  return kNone;
}

// 10^digits(integer) > integer: how many decimal digits it has; 0 has none.
unsigned digits_of(std::int64_t integer) {
  unsigned digits = 0;
  while (digits <= kMaxDecimals && integer >= kWholePowers[digits]) ++digits;
  return digits;
}
std::int64_t magnitude(std::int64_t integer) { return integer < 0 ? -integer : integer; }

}  // namespace

int choose_decimals(std::span<const double> numbers, bool narrow) {
  std::array<std::size_t, kNone + 1> needed{};
  const std::size_t step = std::max<std::size_t>(1, numbers.size() / kSampled);
  std::size_t count = 0;
  for (std::size_t i = 0; i < numbers.size(); i += step, ++count) {
    ++needed[narrow ? fewest_decimals<true>(numbers[i]) : fewest_decimals<false>(numbers[i])];
  }
  std::size_t within = 0;
  int best = -1;
  double least = 0;
  for (unsigned decimals = 0; decimals <= kMaxDecimals; ++decimals) {
    within += needed[decimals];
    const double bits = static_cast<double>(count) * decimals * kBitsADigit +
                        static_cast<double>(count - within) * kBitsAnException;
    if ((count - within) * 4 <= count && (best < 0 || bits < least)) {
      best = static_cast<int>(decimals);
      least = bits;
    }
  }
  return best;
}

unsigned significant_digits(std::span<const std::int64_t> integers) {
  unsigned most = 0, digits = 1;
  for (const std::int64_t integer : integers) {
    std::int64_t rest = magnitude(integer);
    unsigned own = digits_of(rest);
    most = std::max(most, own);
    if (own <= digits || rest % kWholePowers[own - digits] == 0) continue;
    for (; rest % 10 == 0; rest /= 10) --own;
    digits = own;
    if (digits > kMaxDigits) return 0;
  }
  return most > digits ? digits : 0;
}

std::int64_t compressed(std::int64_t integer, unsigned digits) {
  const std::int64_t size = magnitude(integer);
  const unsigned own = digits_of(size);
  if (own <= digits) return integer;
  const unsigned more = own - digits;
  const std::int64_t order =
      size / kWholePowers[more] + static_cast<std::int64_t>(more) * 9 * kWholePowers[digits - 1];
  return integer < 0 ? -order : order;
}

bool expanded(std::int64_t order, unsigned digits, std::int64_t& integer) {
  constexpr std::int64_t kMost = std::int64_t{1} << 61;
  if (order <= -kMost || order >= kMost) return false;
  const std::int64_t size = magnitude(order), decade = 9 * kWholePowers[digits - 1];
  integer = order;
  if (size < kWholePowers[digits]) return size < kExact;
  const std::int64_t more = (size - kWholePowers[digits]) / decade + 1;
  if (more > static_cast<std::int64_t>(kMaxDecimals)) return false;
  const std::int64_t kept = size - more * decade,
                     power = kWholePowers[static_cast<std::size_t>(more)];
  if (kept > kExact / power) return false;
  integer = order < 0 ? -kept * power : kept * power;
  return true;
}

}  // namespace lander::sensing
