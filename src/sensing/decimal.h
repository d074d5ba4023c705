// Decimal numbers as integers: n / 10^decimals, and these with fewer steps where they are large, as
// what was printed with so many significant digits is. Thread-safe.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace lander::sensing {

inline constexpr unsigned kMaxDecimals = 17;
inline constexpr unsigned kMaxDigits = 15;
inline constexpr std::int64_t kExact = std::int64_t{1}
                                       << 53;  // integers below have one double each
// Exact in a double, as all up to 10^22 are.
inline constexpr std::array<double, kMaxDecimals + 1> kPowers = {
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17};
inline constexpr auto kWholePowers = [] {
  std::array<std::int64_t, kMaxDecimals + 1> all{1};
  for (std::size_t i = 1; i < all.size(); ++i) all[i] = all[i - 1] * 10;
  return all;
}();

// `narrow`: rounded to a float on the way, as what a 32-bit device gives.
template <bool narrow>
double from_decimal(std::int64_t n, unsigned decimals) {
  const double value = static_cast<double>(n) / kPowers[decimals];
  return narrow ? static_cast<double>(static_cast<float>(value)) : value;
}

// False: there is no n for the number's very bits.
template <bool narrow>
bool to_decimal(double number, unsigned decimals, std::int64_t& n) {
  const double product = number * kPowers[decimals];
  if (!(std::fabs(product) < static_cast<double>(kExact) - 1)) return false;
  // The nearest, by a truncation that needs no call; whether it is right, the bits tell.
  n = static_cast<std::int64_t>(product);
  const double rest = product - static_cast<double>(n);
  n += rest >= 0.5 ? 1 : rest <= -0.5 ? -1 : 0;
  return std::bit_cast<std::uint64_t>(from_decimal<narrow>(n, decimals)) ==
         std::bit_cast<std::uint64_t>(number);
}

// The decimals that hold most of the numbers in the fewest bits, or -1 where too many are not
// decimal.
int choose_decimals(std::span<const double> numbers, bool narrow);

// The significant digits that all of `integers` keep to, when some are longer than that; else 0.
unsigned significant_digits(std::span<const std::int64_t> integers);

// Monotone, so that neighbours stay neighbours: integers of up to `digits` digits are themselves;
// of longer ones only every 10^k-th exists, and they follow without gaps.
std::int64_t compressed(std::int64_t integer, unsigned digits);
// Of anything, without overflow; false: nothing below 2^53 gives `order`.
bool expanded(std::int64_t order, unsigned digits, std::int64_t& integer);

}  // namespace lander::sensing
