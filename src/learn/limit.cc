#include "learn/limit.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lander::learn {
namespace {

constexpr std::size_t kLeastFrames = 10, kMostFrames = 600, kBlocksWanted = 20, kBlocksLeast = 10;

// Zero at the likelihood's maximum, and rising: scale - mean + sum(x e^{-x/scale}) /
// sum(e^{-x/scale}).
double likelihood_slope(const std::vector<double>& values, double mean, double least,
                        double scale) {
  double weights = 0, weighted = 0;
  for (const double x : values) {
    const double w = std::exp(-(x - least) / scale);
    weights += w;
    weighted += w * x;
  }
  return scale - mean + weighted / weights;
}

}  // namespace

Gumbel fit_gumbel(const std::vector<double>& maxima) {
  Gumbel fit;
  fit.blocks = maxima.size();
  if (maxima.empty()) return fit;
  const auto [least, most] = std::minmax_element(maxima.begin(), maxima.end());
  const double count = static_cast<double>(maxima.size());
  const double mean = std::accumulate(maxima.begin(), maxima.end(), 0.0) / count;
  fit.location = mean;
  if (!(*most > *least)) return fit;
  double low = (*most - *least) * 1e-6, high = *most - *least;
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (likelihood_slope(maxima, mean, *least, middle) < 0 ? low : high) = middle;
  }
  fit.scale = (low + high) / 2;
  double weights = 0;
  for (const double x : maxima) weights += std::exp(-(x - *least) / fit.scale);
  fit.location = *least - fit.scale * std::log(weights / count);
  return fit;
}

double Gumbel::upper_quantile(double probability) const {
  const double y = -std::log(-std::log1p(-std::clamp(probability, 1e-15, 0.5)));
  const double m = static_cast<double>(std::max<std::size_t>(blocks, 1));
  // How far below the truth the fitted rise over the location may lie, as a share of the truth:
  // divided by 1 - share it covers the truth where adding the deviation would not (small m).
  const double share =
      1.645 * std::sqrt((1.109 + 0.514 * y + 0.608 * y * y) / m) / std::max(y, 1.0) + 0.8 / m;
  return location + scale * y / (1 - std::min(share, 0.8));
}

BlockMaxima block_maxima(const std::vector<std::vector<double>>& series) {
  std::size_t total = 0;
  for (const auto& one : series) total += one.size();
  BlockMaxima result;
  for (std::size_t frames = std::clamp(total / kBlocksWanted, kLeastFrames, kMostFrames);;
       frames = std::max(kLeastFrames, frames / 2)) {
    result.frames = frames;
    result.maxima.clear();
    for (const auto& one : series) {
      for (std::size_t at = 0; at + frames <= one.size(); at += frames) {
        const auto first = one.begin() + static_cast<std::ptrdiff_t>(at);
        result.maxima.push_back(
            *std::max_element(first, first + static_cast<std::ptrdiff_t>(frames)));
      }
    }
    if (result.maxima.size() >= kBlocksLeast || frames == kLeastFrames) return result;
  }
}

}  // namespace lander::learn
