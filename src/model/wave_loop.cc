// Features of a closed curve: one wave over another that goes up and comes back.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "model/wave.h"
#include "model/wave_part.h"

namespace lander::model {
namespace {

constexpr std::size_t kDegree = 6, kDescriptors = 9, kLines = 16, kLag = 6;
constexpr double kLevels[] = {0.2, 0.35, 0.5, 0.65, 0.8};

// Legendre polynomials at the middles of kHalf parts of [-1, 1].
struct Legendre {
  std::array<std::array<double, kHalf>, kDegree + 1> value;
  Legendre() {
    for (std::size_t i = 0; i < kHalf; ++i) {
      const double x = (static_cast<double>(i) + 0.5) / kHalf * 2 - 1;
      value[0][i] = 1;
      value[1][i] = x;
      for (std::size_t d = 2; d <= kDegree; ++d) {
        const auto n = static_cast<double>(d);
        value[d][i] = ((2 * n - 1) * x * value[d - 1][i] - (n - 1) * value[d - 2][i]) / n;
      }
    }
  }
};

const Legendre& legendre() {
  static const Legendre table;
  return table;
}

// `out[i]`: the curve at the middle of part i of the axis' range, over its points `begin`, `begin +
// step` ..., whose x may step back a little: what was passed already stays passed.
void along(std::span<const double> x, std::span<const double> y, std::size_t begin, int step,
           std::size_t count, std::vector<double>& out) {
  const auto at = [&](std::size_t k) {
    return static_cast<std::size_t>(static_cast<std::ptrdiff_t>(begin) +
                                    step * static_cast<std::ptrdiff_t>(k));
  };
  std::size_t k = 0;
  double passed = x[at(0)], before = passed;
  for (std::size_t i = 0; i < kHalf; ++i) {
    const double goal = (static_cast<double>(i) + 0.5) / kHalf;
    while (k + 1 < count && passed < goal) {
      before = passed;
      passed = std::max(passed, x[at(++k)]);
    }
    if (k == 0 || passed <= before || passed < goal) {
      out[i] = y[at(k)];
    } else {
      const double share = std::clamp((goal - before) / (passed - before), 0.0, 1.0);
      out[i] = y[at(k - 1)] + share * (y[at(k)] - y[at(k - 1)]);
    }
  }
}

}  // namespace

void Features::describe_loop(std::size_t w, std::size_t points) {
  const std::span<const double> x = wave(layout_.axis).first(points), y = wave(w).first(points);
  const auto [x_low, x_high] = std::minmax_element(x.begin(), x.end());
  const auto [y_low, y_high] = std::minmax_element(y.begin(), y.end());
  const double x_range = std::max(*x_high - *x_low, 1e-9);
  const double y_range = std::max(*y_high - *y_low, 1e-9);
  for (std::size_t i = 0; i < points; ++i) {
    x_[i] = (x[i] - *x_low) / x_range;
    y_[i] = (y[i] - *y_low) / y_range;
  }
  double area = 0;
  for (std::size_t i = 0; i < points; ++i) {
    const std::size_t next = i + 1 == points ? 0 : i + 1;
    area += 0.5 * (x_[i] * y_[next] - x_[next] * y_[i]);
  }
  put(area);
  put(std::abs(area) * x_range * y_range);
  put(x_[static_cast<std::size_t>(y_high - y.begin())]);
  put(x_[static_cast<std::size_t>(y_low - y.begin())]);
  put(y_range / x_range);
  put(*y_low);
  put(*y_high);
  put(ratio(*y_low, *y_high));
  put(std::log(y_range + 0.1));
  fourier(points);
  split(points);
  levels(*y_low, y_range);
}

void Features::fourier(std::size_t points) {
  for (int k = -static_cast<int>(kDescriptors); k <= static_cast<int>(kDescriptors); ++k) {
    if (k == 0) continue;
    double real = 0, imaginary = 0;
    for (std::size_t i = 0; i < points; ++i) {
      const double angle = -2 * std::numbers::pi * k * static_cast<double>(i) / double(points);
      real += x_[i] * std::cos(angle) - y_[i] * std::sin(angle);
      imaginary += x_[i] * std::sin(angle) + y_[i] * std::cos(angle);
    }
    real /= static_cast<double>(points);
    imaginary /= static_cast<double>(points);
    put(std::sqrt(real * real + imaginary * imaginary));
    put(real);
    put(imaginary);
  }
}

void Features::split(std::size_t points) {
  const std::span<const double> x(x_.data(), points), y(y_.data(), points);
  const auto top = std::clamp<std::size_t>(
      static_cast<std::size_t>(std::max_element(x.begin(), x.end()) - x.begin()), 2, points - 3);
  along(x, y, 0, 1, top + 1, up_);
  along(x, y, points - 1, -1, points - top, down_);
}

// up_ and down_ are in shares of the curve's range; here in shares of their middle 96 %, so that
// one spike does not press the rest flat.
void Features::levels(double low_of_wave, double range_of_wave) {
  std::copy(up_.begin(), up_.end(), sorted_.begin());
  std::copy(down_.begin(), down_.end(), sorted_.begin() + kHalf);
  const std::span<double> both(sorted_.data(), 2 * kHalf);
  std::sort(both.begin(), both.end());
  const double low = at_share(both, 0.02);
  const double range = std::max(at_share(both, 0.98) - low, 1e-6);
  for (std::vector<double>* half : {&up_, &down_}) {
    for (double& value : *half) value = (value - low) / range;
  }
  const double up = median(up_, sorted_), down = median(down_, sorted_);
  const auto level = [&](double share) {
    return low_of_wave + range_of_wave * (low + range * share);
  };
  for (const double share : {0.0, 1.0, up, down}) put(level(share));
  scale(level(0), level(1), level(up), level(down));
  slope(up_, 1);
  slope(down_, 1);
  put(up);
  put(down);
  put(range * range_of_wave * (up - down));
  put(ratio(level(up) - level(down), level(down)));
  for (const auto* half : {&up_, &down_}) {
    shape(*half);
    crossings(*half);
  }
  double least = up_[0] - down_[0], most = least, crossed = 0, left = 0, right = 0;
  std::size_t where = 0;
  constexpr std::size_t kQuarter = kHalf / 2;
  for (std::size_t i = 0; i < kHalf; ++i) {
    const double width = up_[i] - down_[i];
    if (width < least) where = i;
    least = std::min(least, width);
    most = std::max(most, width);
    crossed += width < 0 ? 1 : 0;
    (i < kQuarter ? left : right) += width / kQuarter;
  }
  const auto end = [&](std::size_t begin) {
    return mean(std::span(up_).subspan(begin, 4)) - mean(std::span(down_).subspan(begin, 4));
  };
  for (const double number : {least, most, double(where), crossed, left, right, (left + right) / 2,
                              end(0), end(kHalf - 4)}) {
    put(number);
  }
}

// Level, slope and curvature by a Legendre fit; what it leaves is ripple.
void Features::shape(std::span<const double> half) {
  std::copy(half.begin(), half.end(), work_.begin());
  const std::span<double> rest(work_.data(), kHalf);
  for (std::size_t d = 0; d <= kDegree; ++d) {
    const auto& polynomial = legendre().value[d];
    double sum = 0, norm = 0;
    for (std::size_t i = 0; i < kHalf; ++i) {
      sum += rest[i] * polynomial[i];
      norm += polynomial[i] * polynomial[i];
    }
    put(sum / norm);
    for (std::size_t i = 0; i < kHalf; ++i) rest[i] -= sum / norm * polynomial[i];
  }
  put(deviation(rest));
  put(deviation(rest.first(kHalf / 2)));
  put(deviation(rest.subspan(kHalf / 2)));
  double weighted = 0, total = 1e-9, strongest = 0;
  std::size_t strongest_line = 2;
  for (std::size_t k = 2; k < kLines; ++k) {
    double real = 0, imaginary = 0;
    for (std::size_t i = 0; i < kHalf; ++i) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(i) / kHalf;
      const double value = rest[i] * 0.5 * (1 - std::cos(angle));
      real += value * std::cos(angle * double(k));
      imaginary += value * std::sin(angle * double(k));
    }
    const double amplitude = std::sqrt(real * real + imaginary * imaginary);
    weighted += amplitude * double(k);
    total += amplitude;
    if (amplitude > strongest) strongest_line = k;
    strongest = std::max(strongest, amplitude);
  }
  put(weighted / total);
  put(static_cast<double>(strongest_line));
  for (std::size_t i = 0; i < kHalf; i += 4) put(mean(half.subspan(i, 4)));
}

// Where it first and last passes a level and how long it stays above; its steepest places; its
// ends and its spikes.
void Features::crossings(std::span<const double> half) {
  for (const double level : kLevels) {
    std::size_t first = 0, last = 0, above = 0;
    for (std::size_t i = 0; i < kHalf; ++i) {
      if (half[i] <= level) continue;
      if (above++ == 0) first = i;
      last = i;
    }
    for (const std::size_t place : {first, last, above}) put(static_cast<double>(place));
  }
  for (const std::size_t lag : {std::size_t{1}, kLag}) {
    double rise = half[lag] - half[0], fall = rise;
    std::size_t rise_at = 0, fall_at = 0;
    for (std::size_t i = 0; i + lag < kHalf; ++i) {
      const double step = half[i + lag] - half[i];
      if (step > rise) rise_at = i;
      if (step < fall) fall_at = i;
      rise = std::max(rise, step);
      fall = std::min(fall, step);
    }
    for (const double number : {rise, double(rise_at), fall, double(fall_at)}) put(number);
  }
  double path = 0, turns = 0;
  for (std::size_t i = 1; i < kHalf; ++i) {
    path += std::abs(half[i] - half[i - 1]);
    if (i > 1) turns += (half[i] - half[i - 1]) * (half[i - 1] - half[i - 2]) < 0 ? 1 : 0;
  }
  const double middle = median(half, sorted_);
  const auto [low, high] = std::minmax_element(half.begin(), half.end());
  const auto end = half.last(3);
  for (const double number :
       {path, turns, mean(end), mean(half.first(3)),
        *std::max_element(end.begin(), end.end()) - middle, *high - middle, middle - *low}) {
    put(number);
  }
}

}  // namespace lander::model
