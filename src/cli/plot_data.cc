#include "cli/plot_data.h"

#include <algorithm>
#include <cmath>

namespace lander::cli {
namespace {

constexpr std::size_t kMostPoints = 4096, kFewestPoints = 256;
constexpr std::size_t kMostNumbers = 1 << 21;

}  // namespace

PlotData::PlotData(std::size_t series)
    : series_(series),
      most_(std::clamp(kMostNumbers / std::max<std::size_t>(series, 1) & ~std::size_t{1},
                       kFewestPoints, kMostPoints)),
      weights_(series, 0.0) {}

void PlotData::add(base::TimeUs time, std::span<const double> values,
                   std::span<const double> weights) {
  if (rows_ > 0 && time < last_) ascending_ = false;
  last_ = time;
  if (rows_ % each_ == 0) {
    if (times_.size() == most_) merge();
  }
  if (rows_ % each_ == 0) {
    times_.push_back(time);
    low_.insert(low_.end(), series_, NAN);
    high_.insert(high_.end(), series_, NAN);
  }
  ++rows_;
  float* const low = &low_[low_.size() - series_];
  float* const high = &high_[high_.size() - series_];
  for (std::size_t i = 0; i < series_; ++i) {
    const auto value = static_cast<float>(values[i]);
    low[i] = std::fmin(low[i], value);
    high[i] = std::fmax(high[i], value);
  }
  for (std::size_t i = 0; i < weights.size(); ++i) weights_[i] += weights[i];
}

void PlotData::merge() {
  const std::size_t points = times_.size() / 2;
  for (std::size_t p = 0; p < points; ++p) {
    times_[p] = times_[2 * p];
    for (std::size_t i = 0; i < series_; ++i) {
      const std::size_t a = 2 * p * series_ + i, b = a + series_, to = p * series_ + i;
      low_[to] = std::fmin(low_[a], low_[b]);
      high_[to] = std::fmax(high_[a], high_[b]);
    }
  }
  times_.resize(points);
  low_.resize(points * series_);
  high_.resize(points * series_);
  each_ *= 2;
}

std::vector<double> PlotData::x(bool times) const {
  std::vector<double> x;
  x.reserve(times_.size());
  for (std::size_t p = 0; p < times_.size(); ++p) {
    x.push_back(times ? static_cast<double>(times_[p]) / 1000 : static_cast<double>(p * each_ + 1));
  }
  return x;
}

std::vector<float> PlotData::column(const std::vector<float>& table, std::size_t series) const {
  std::vector<float> out;
  out.reserve(times_.size());
  for (std::size_t at = series; at < table.size(); at += series_) out.push_back(table[at]);
  return out;
}

}  // namespace lander::cli
