#include "stream/window.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lander::stream {
namespace {
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kFirstSize = 64;
}  // namespace

void Window::grow() {
  std::vector<Sample> larger(std::max(kFirstSize, 2 * ring_.size()));
  for (std::size_t i = 0; i < count_; ++i) larger[i] = at(i);
  ring_ = std::move(larger);
  head_ = 0;
  if (stat_ == Stat::kP95) sorted_.resize(ring_.size());
}

bool Window::add(base::TimeUs time, double value) {
  bool all_kept = true;
  if (count_ == ring_.size()) {
    if (count_ < kMaxWindowSamples) {
      grow();
    } else {
      all_kept = false;
      head_ = (head_ + 1) & (ring_.size() - 1);
      --count_;
    }
  }
  std::size_t place = count_++;
  for (; place > 0 && at(place - 1).time > time; --place) at(place) = at(place - 1);
  at(place) = {time, value};
  dirty_ = true;
  return all_kept;
}

double Window::value(base::TimeUs now) {
  while (count_ > 0 && at(0).time <= now - over_) {
    head_ = (head_ + 1) & (ring_.size() - 1);
    --count_;
    dirty_ = true;
  }
  if (dirty_) {
    cached_ = compute();
    if (!std::isfinite(cached_)) cached_ = kMissing;
    dirty_ = false;
  }
  return cached_;
}

// Two passes: squares of deviations, not the difference of large sums. Slope: least squares, a
// second.
double Window::central(double mean, bool slope) {
  if (count_ < 2) return kMissing;
  const base::TimeUs origin = at(0).time;
  const auto seconds = [&](std::size_t i) {
    return static_cast<double>(at(i).time - origin) / base::kSecond;
  };
  double mean_time = 0;
  for (std::size_t i = 0; slope && i < count_; ++i) mean_time += seconds(i);
  mean_time /= static_cast<double>(count_);
  double squares = 0, products = 0, times = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const double d = at(i).value - mean;
    const double t = slope ? seconds(i) - mean_time : 0;
    squares += d * d;
    products += d * t;
    times += t * t;
  }
  if (slope) return times > 0 ? products / times : kMissing;
  return std::sqrt(squares / static_cast<double>(count_ - 1));
}

double Window::compute() {
  if (stat_ == Stat::kCount) return static_cast<double>(count_);
  if (count_ == 0) return kMissing;
  double least = at(0).value, most = least, sum = 0, squares = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const double x = at(i).value;
    least = std::min(least, x);
    most = std::max(most, x);
    sum += x;
    squares += x * x;
  }
  const double count = static_cast<double>(count_);
  switch (stat_) {
    case Stat::kMean:
      return sum / count;
    case Stat::kMin:
      return least;
    case Stat::kMax:
      return most;
    case Stat::kRms:
      return std::sqrt(squares / count);
    case Stat::kStd:
      return central(sum / count, false);
    case Stat::kSlope:
      return central(sum / count, true);
    case Stat::kLast:
      return at(count_ - 1).value;
    default:
      break;
  }
  for (std::size_t i = 0; i < count_; ++i) sorted_[i] = at(i).value;  // p95, nearest rank
  const auto rank = static_cast<std::ptrdiff_t>((95 * count_ + 99) / 100 - 1);
  const auto end = sorted_.begin() + static_cast<std::ptrdiff_t>(count_);
  std::nth_element(sorted_.begin(), sorted_.begin() + rank, end);
  return sorted_[static_cast<std::size_t>(rank)];
}

}  // namespace lander::stream
