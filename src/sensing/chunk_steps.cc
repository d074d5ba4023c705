#include "sensing/chunk_steps.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lander::sensing {
namespace {

// Euclid's algorithm on distances known to within `error`; what is left over by a step known no
// better than that by many is no step.
double common_step(double a, double b, double error) {
  constexpr double kRest = 1.0 / 256;
  for (;;) {
    const double rest = std::fabs(a - b * std::nearbyint(a / b));
    if (!(rest > std::max(error, b * kRest))) return b;  // NaN, too: a step among denormals
    a = b;
    b = rest;
  }
}

}  // namespace

double Steps::at(std::int64_t n) const {
  const double product = static_cast<double>(n) * step;
  return product + origin;
}

bool Steps::nearest(double number, std::int64_t& n) const {
  const double quotient = (number - origin) / step;
  if (!(std::fabs(quotient) < 9e15)) return false;
  n = static_cast<std::int64_t>(quotient + (quotient < 0 ? -0.5 : 0.5));
  return true;
}

std::optional<Steps> find_steps(std::span<const double> sorted) {
  constexpr std::size_t kFewest = 4, kTrimmed = 64;  // a 64th of each end may be odd
  // Ulps of the largest that distances may be wrong by, and how far a step must be clear of that.
  constexpr double kErrors = 64, kClear = 1024;
  const std::size_t trim = sorted.size() / kTrimmed;
  sorted = sorted.subspan(trim, sorted.size() - 2 * trim);
  if (sorted.size() < kFewest) return std::nullopt;
  const double first = sorted.front(), last = sorted.back();
  const double ulp =
      std::max(std::fabs(first), std::fabs(last)) * std::numeric_limits<double>::epsilon();
  const double error = kErrors * ulp;
  if (!std::isfinite(last - first)) return std::nullopt;
  double step = sorted[1] - first;
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    const double distance = sorted[i] - sorted[i - 1];
    step = common_step(distance, step, error);
    if (!(step > kClear * error)) return std::nullopt;
    const double n = std::nearbyint(distance / step);
    if (n > 0) step = distance / n;
  }
  // The farther from the first, the better a number tells the step.
  for (const double number : sorted) {
    const double n = std::nearbyint((number - first) / step);
    if (n > 0) step = (number - first) / n;
  }
  const double offset = first - std::nearbyint(first / step) * step;
  // What lies at multiples of the step does not need an origin.
  const bool multiples = std::fabs(offset) <= error;
  const double far = std::fabs(first) > std::fabs(last) ? first : last;
  if (multiples) step = far / std::nearbyint(far / step);
  return Steps{step, multiples ? 0 : first};
}

}  // namespace lander::sensing
