#include "cli/plot.h"

#include <algorithm>
#include <cmath>

namespace lander::cli {
namespace {

constexpr double kWantedTicks = 3;
constexpr double kRareShare = 0.002;  // of the points at either end: they do not set the scale

}  // namespace

base::Status is_plot_name(const std::string& path) {
  if (path.ends_with(".html") || path.ends_with(".png")) return {};
  return base::Error(base::Code::kInvalid, "--plot " + path + ": expected a name in .html or .png");
}

Scale scale_of(const Panel& panel) {
  Scale scale;
  if (!panel.names.empty()) {
    scale = {-0.5, static_cast<double>(panel.names.size()) - 0.5, {}};
    for (std::size_t i = 0; i < panel.names.size(); ++i)
      scale.ticks.push_back(static_cast<double>(i));
    return scale;
  }
  std::vector<double> lows, highs;
  for (const float value : panel.low)
    if (std::isfinite(value)) lows.push_back(static_cast<double>(value));
  for (const float value : panel.high)
    if (std::isfinite(value)) highs.push_back(static_cast<double>(value));
  if (lows.empty() || highs.empty()) return scale;
  std::sort(lows.begin(), lows.end());
  std::sort(highs.begin(), highs.end());
  const auto rare = static_cast<std::size_t>(kRareShare * static_cast<double>(lows.size()));
  double low = lows[rare], high = highs[highs.size() - 1 - rare];
  // A few absurd values must not flatten all others; a peak within reason is what one looks for.
  if (highs.back() - low <= 4 * (high - low)) high = highs.back();
  if (high - lows.front() <= 4 * (high - low)) low = lows.front();
  if (panel.score) low = 0;
  if (panel.limit) high = std::max(high, 1.25 * *panel.limit);
  if (!(high > low)) {
    const double room = std::max(1e-9, 0.05 * std::fabs(high));
    low -= room;
    high += room;
  }
  const double raw = (high - low) / kWantedTicks;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double step = power * (raw / power < 1.5   ? 1
                               : raw / power < 3.5 ? 2
                               : raw / power < 7.5 ? 5
                                                   : 10);
  const double room = panel.score ? 0 : 0.04 * (high - low);
  scale.low = low - room;
  scale.high = high + 0.04 * (high - low);
  for (double tick = std::ceil(scale.low / step) * step;
       tick <= scale.high && scale.ticks.size() < 12; tick += step) {
    scale.ticks.push_back(std::fabs(tick) < step / 1e6 ? 0 : tick);
  }
  return scale;
}

}  // namespace lander::cli
