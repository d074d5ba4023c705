// Small statistics that wave.cc and wave_loop.cc share.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace lander::model {

inline constexpr std::size_t kHalf = 64;  // points of the way up, and of the way down

inline double at_share(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (place - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

inline double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

inline double deviation(std::span<const double> values) {
  const double centre = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

// `sorted`: scratch, at least as long.
inline double median(std::span<const double> values, std::vector<double>& sorted) {
  std::copy(values.begin(), values.end(), sorted.begin());
  const std::span<double> part(sorted.data(), values.size());
  std::sort(part.begin(), part.end());
  return at_share(part, 0.5);
}

inline double ratio(double value, double by) { return value / std::max(std::abs(by), 1e-6); }

}  // namespace lander::model
