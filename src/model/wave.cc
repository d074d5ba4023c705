#include "model/wave.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/check.h"
#include "model/wave_part.h"

namespace lander::model {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr double kLargest = 1e30;  // of a feature; a sensor's 1e42 is as far from all as this
constexpr std::size_t kSegments = 16, kLines = 20;
constexpr std::size_t kStill = 6;   // points at which nothing moves: a tail that is left out
constexpr double kSpikes = 0.02;    // of the points at each end that do not count for the range
constexpr double kMostShare = 1.5;  // of the range, of a point: a spike is no more
constexpr std::size_t kTraceStep = 2;
constexpr double kSmooth = 4;  // points, the standard deviation of the slope's Gaussian

double bounded(double value) { return std::clamp(value, -kLargest, kLargest); }

}  // namespace

std::size_t Layout::inputs() const {
  std::size_t count = scalars.size();
  for (const auto& wave : waves) count += wave.size();
  return count;
}

base::Status validate(const Layout& layout) {
  const auto invalid = [](const char* what) {
    return base::Error(base::Code::kInvalid, std::string("layout of a row: ") + what);
  };
  if (layout.waves.size() > kMaxWaves) return invalid("too many waves");
  if (layout.axis > layout.waves.size()) return invalid("an axis that is no wave");
  if (layout.has_axis() && layout.waves.size() < 2) return invalid("an axis of nothing");
  std::vector<bool> seen(layout.inputs());
  const auto place = [&](std::uint32_t input) {
    if (input >= seen.size() || seen[input]) return false;
    seen[input] = true;
    return true;
  };
  for (const auto& wave : layout.waves) {
    if (wave.size() < kLeastWave) return invalid("a wave of too few points");
    for (const std::uint32_t input : wave) {
      if (!place(input)) return invalid("an input twice or out of range");
    }
  }
  for (const std::uint32_t input : layout.scalars) {
    if (!place(input)) return invalid("an input twice or out of range");
  }
  return {};
}

Features::Features(Layout layout)
    : layout_(std::move(layout)),
      points_(layout_.waves.size() * kWavePoints),
      known_(layout_.waves.size()),
      sorted_(kWavePoints),
      x_(kWavePoints),
      y_(kWavePoints),
      up_(kHalf),
      down_(kHalf),
      work_(kWavePoints) {
  std::size_t longest = kWavePoints;
  for (const auto& wave : layout_.waves) longest = std::max(longest, wave.size());
  work_.resize(longest);
  // What an arbitrary row yields says how many features of which input there are.
  std::vector<double> row(layout_.inputs());
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<double>(i % 7);
  std::vector<float> scratch(layout_.scalars.size() + 1024 * (layout_.waves.size() + 1));
  for (const std::uint32_t input : layout_.scalars) inputs_of_.push_back(input);
  if (!layout_.waves.empty()) scales_.resize(layout_.scalars.size());
  out_ = scratch;
  for (std::size_t w = 0; w < layout_.waves.size(); ++w) resample(row, w);
  for (std::size_t w = 0; w < layout_.waves.size(); ++w) {
    at_ = 0;
    describe_wave(w);
    inputs_of_.insert(inputs_of_.end(), at_, layout_.waves[w].front());
  }
}

void Features::put(double value) { out_[at_++] = static_cast<float>(bounded(value)); }

void Features::describe(std::span<const double> row, std::span<float> out) {
  LANDER_CHECK(row.size() == layout_.inputs() && out.size() == size());
  out_ = out;
  at_ = 0;
  for (const std::uint32_t input : layout_.scalars) put(row[input]);
  for (std::size_t w = 0; w < layout_.waves.size(); ++w) known_[w] = resample(row, w);
  for (auto* part : {&scales_, &course_, &slopes_}) part->clear();
  if (!layout_.waves.empty()) scales_.assign(out.begin(), out.begin() + std::ptrdiff_t(at_));
  for (std::size_t w = 0; w < layout_.waves.size(); ++w) {
    const std::size_t begin = at_;
    const std::size_t scales = scales_.size(), course = course_.size(), slopes = slopes_.size();
    describe_wave(w);
    if (known_[w] && (!layout_.has_axis() || known_[layout_.axis])) continue;
    const auto forget = [](auto from, auto to) {
      std::fill(from, to, static_cast<float>(kMissing));
    };
    forget(out.begin() + std::ptrdiff_t(begin), out.begin() + std::ptrdiff_t(at_));
    forget(scales_.begin() + std::ptrdiff_t(scales), scales_.end());
    forget(course_.begin() + std::ptrdiff_t(course), course_.end());
    forget(slopes_.begin() + std::ptrdiff_t(slopes), slopes_.end());
  }
}

// False, and a wave of zeros: too few points.
bool Features::resample(std::span<const double> row, std::size_t wave) {
  const auto& inputs = layout_.waves[wave];
  const std::span<double> out(&points_[wave * kWavePoints], kWavePoints);
  std::size_t end = inputs.size(), present = 0;
  while (end > 0 && std::isnan(row[inputs[end - 1]])) --end;
  double last = kMissing;
  for (std::size_t i = 0; i < end; ++i) {
    const double value = row[inputs[i]];
    present += std::isnan(value) ? 0 : 1;
    work_[i] = std::isnan(value) ? kMissing : bounded(value);
  }
  if (present < kLeastWave) {
    std::fill(out.begin(), out.end(), 0.0);
    return false;
  }
  for (std::size_t i = 0; i < end; ++i) {
    if (!std::isnan(work_[i])) {
      last = work_[i];
      continue;
    }
    std::size_t next = i;
    while (std::isnan(work_[next])) ++next;  // the last point is present
    const double step = std::isnan(last) ? 0 : (work_[next] - last) / double(next - i + 1);
    if (std::isnan(last)) last = work_[next];
    for (; i < next; ++i) work_[i] = last += step;
    last = work_[next];
  }
  for (std::size_t i = 0; i < kWavePoints; ++i) {
    const double place = static_cast<double>(i * (end - 1)) / (kWavePoints - 1);
    const auto low = static_cast<std::size_t>(place);
    const std::size_t high = std::min(low + 1, end - 1);
    out[i] = work_[low] + (place - static_cast<double>(low)) * (work_[high] - work_[low]);
  }
  return true;
}

// Without a tail at which no wave moves: a recorder that went on after the stroke.
std::size_t Features::moving_points() const {
  std::size_t points = kWavePoints;
  const auto still = [&](std::size_t i) {
    for (std::size_t w = 0; w < layout_.waves.size(); ++w) {
      if (wave(w)[i - 1] != wave(w)[i - 2]) return false;
    }
    return true;
  };
  while (points > 2 && still(points)) --points;
  const bool tail = kWavePoints - points >= kStill && points >= kWavePoints / 4;
  return tail ? points - 2 : kWavePoints;  // the last before it may lie between both
}

void Features::describe_wave(std::size_t w) {
  const std::span<const double> values = wave(w);
  std::copy(values.begin(), values.end(), sorted_.begin());
  std::sort(sorted_.begin(), sorted_.end());
  const double low = sorted_.front(), high = sorted_.back();
  const double range = std::max(high - low, 1e-9), centre = mean(values);
  for (const double number : {low, high, centre, range, deviation(values), values.front(),
                              values.back(), ratio(low, high)}) {
    put(number);
  }
  put((centre - low) / range);
  put(deviation(values) / range);
  for (const double share : {0.1, 0.25, 0.5, 0.75, 0.9}) {
    put(at_share(sorted_, share));
    put((at_share(sorted_, share) - low) / range);
  }
  double total = 0, squares = 0, rise = 0, fall = 0, bends = 0;
  for (std::size_t i = 1; i < kWavePoints; ++i) {
    const double step = (values[i] - values[i - 1]) / range;
    total += std::abs(step);
    squares += step * step;
    rise = std::max(rise, step);
    fall = std::min(fall, step);
    if (i > 1) bends += std::abs(step - (values[i - 1] - values[i - 2]) / range);
  }
  for (const double number : {total, std::sqrt(squares / kWavePoints), rise, fall, bends}) {
    put(number);
  }
  put(static_cast<double>(std::max_element(values.begin(), values.end()) - values.begin()));
  put(static_cast<double>(std::min_element(values.begin(), values.end()) - values.begin()));
  if (!layout_.has_axis()) {
    segments(w);
    const double least = at_share(sorted_, kSpikes), most = at_share(sorted_, 1 - kSpikes);
    scale(least, most, at_share(sorted_, 0.5), centre);
    trace(values);
    slope(values, std::max(most - least, 1e-9));
  } else if (w != layout_.axis) {
    const std::size_t points = moving_points();
    describe_loop(w, points);
    trace(values.first(points));
  } else {
    scales_.push_back(static_cast<float>(bounded(high - low)));
  }
}

void Features::scale(double low, double high, double up, double down) {
  const double range = high - low;
  for (const double number :
       {low, high, up, down, range, std::log(std::max(range, 1e-9)), ratio(range, high)}) {
    scales_.push_back(static_cast<float>(bounded(number)));
  }
}

// Stretched to kWavePoints, of which every kTraceStep-th.
void Features::trace(std::span<const double> values) {
  std::copy(values.begin(), values.end(), work_.begin());
  const std::span<double> sorted(work_.data(), values.size());
  std::sort(sorted.begin(), sorted.end());
  const double low = at_share(sorted, kSpikes);
  const double range = std::max(at_share(sorted, 1 - kSpikes) - low, 1e-9);
  for (std::size_t i = 0; i < kWavePoints; i += kTraceStep) {
    const double share = static_cast<double>(i) / (kWavePoints - 1);
    const double value = (at_share(values, share) - low) / range;
    course_.push_back(static_cast<float>(std::clamp(value, 1 - kMostShare, kMostShare)));
  }
}

// The derivative of what a Gaussian smoothed; beyond its ends a curve stays as it is.
void Features::slope(std::span<const double> values, double range) {
  const auto reach = static_cast<std::ptrdiff_t>(3 * kSmooth);
  const auto last = static_cast<std::ptrdiff_t>(values.size()) - 1;
  for (std::ptrdiff_t i = 0; i <= last; i += kTraceStep) {
    double sum = 0;
    for (std::ptrdiff_t k = -reach; k <= reach; ++k) {
      const double weight = double(k) * std::exp(-0.5 * double(k * k) / (kSmooth * kSmooth));
      sum += weight * values[static_cast<std::size_t>(std::clamp(i + k, std::ptrdiff_t{0}, last))];
    }
    slopes_.push_back(static_cast<float>(bounded(sum / range)));
  }
}

void Features::segments(std::size_t w) {
  const std::span<const double> values = wave(w);
  const double low = sorted_.front(), range = std::max(sorted_.back() - low, 1e-9);
  for (std::size_t s = 0; s < kSegments; ++s) {
    const std::size_t begin = s * kWavePoints / kSegments;
    const std::size_t end = (s + 1) * kWavePoints / kSegments;
    put((mean(values.subspan(begin, end - begin)) - low) / range);
    put(deviation(values.subspan(begin, end - begin)) / range);
  }
  for (std::size_t k = 1; k <= kLines; ++k) {
    double real = 0, imaginary = 0;
    for (std::size_t i = 0; i < kWavePoints; ++i) {
      const double angle =
          2 * std::numbers::pi * static_cast<double>(k * i % kWavePoints) / kWavePoints;
      real += values[i] / range * std::cos(angle);
      imaginary += values[i] / range * std::sin(angle);
    }
    put(std::sqrt(real * real + imaginary * imaginary) / kWavePoints);
  }
}

}  // namespace lander::model
