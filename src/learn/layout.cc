#include "learn/layout.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "learn/inspect.h"

namespace lander::learn {
namespace {

constexpr double kTogether = 0.6;  // mean correlation of neighbouring columns over rows
constexpr double kClose = 0.5;     // von Neumann ratio within a row; 2 for noise
constexpr double kRepeats = 0.4;   // autocorrelation at a lag up to kLags
constexpr std::size_t kLags = 8, kLeastToRepeat = 32;
constexpr std::size_t kMostRowsLookedAt = 500;
constexpr double kUpAndBack = 2.2;  // length of the way over the range; 2: once up and back

struct Numbered {
  std::string word;
  std::uint64_t number = 0;
};

bool numbered(const std::string& name, Numbered& found) {
  std::size_t digits = name.size();
  while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') --digits;
  if (digits == name.size() || digits == 0 || name.size() - digits > 6) return false;
  found.word = name.substr(0, digits);
  found.number = std::stoull(name.substr(digits));
  return true;
}

// Runs of at least kLeastWave columns with consecutive numbers.
std::vector<std::vector<std::uint32_t>> runs_of(std::span<const std::string> names) {
  std::map<std::string, std::vector<std::pair<std::uint64_t, std::uint32_t>>> words;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Numbered found;
    if (numbered(names[i], found)) {
      words[found.word].push_back({found.number, static_cast<std::uint32_t>(i)});
    }
  }
  std::vector<std::vector<std::uint32_t>> runs;
  for (auto& [word, columns] : words) {
    std::sort(columns.begin(), columns.end());
    if (columns.size() < model::kLeastWave ||
        columns.back().first - columns.front().first != columns.size() - 1) {
      continue;
    }
    runs.emplace_back();
    for (const auto& [number, column] : columns) runs.back().push_back(column);
  }
  return runs;
}

class Looker {
 public:
  Looker(std::span<const double> values, std::size_t columns)
      : values_(values), columns_(columns), rows_(values.size() / columns) {
    step_ = rows_ / kMostRowsLookedAt + 1;
  }

  bool is_curve(const std::vector<std::uint32_t>& run) const {
    return together(run) > kTogether || ratio(run) < kClose || repeats(run);
  }

  // Median over rows of the length of the way in shares of the range.
  double way(const std::vector<std::uint32_t>& run) const {
    return median([&](std::size_t row) {
      double low = 1e300, high = -1e300, length = 0, last = NAN;
      for (const std::uint32_t column : run) {
        const double value = at(row, column);
        if (std::isnan(value)) continue;
        low = std::min(low, value);
        high = std::max(high, value);
        if (!std::isnan(last)) length += std::abs(value - last);
        last = value;
      }
      return high > low ? length / (high - low) : 1e300;
    });
  }

 private:
  double at(std::size_t row, std::size_t column) const { return values_[row * columns_ + column]; }

  template <class Measure>
  double median(Measure measure) const {
    std::vector<double> found;
    for (std::size_t row = 0; row < rows_; row += step_) found.push_back(measure(row));
    return quantile(found, 0.5);
  }

  // Ranks would be slower and say the same: what is absurd is bounded.
  double together(const std::vector<std::uint32_t>& run) const {
    double sum = 0, pairs = 0;
    for (std::size_t i = 1; i < run.size(); ++i) {
      double n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
      for (std::size_t row = 0; row < rows_; row += step_) {
        const double x = at(row, run[i - 1]), y = at(row, run[i]);
        if (!(std::abs(x) < 1e30) || !(std::abs(y) < 1e30)) continue;
        n += 1;
        a += x;
        b += y;
        aa += x * x;
        bb += y * y;
        ab += x * y;
      }
      const double spread = (aa - a * a / n) * (bb - b * b / n);
      if (n < 5 || !(spread > 0)) continue;
      sum += (ab - a * b / n) / std::sqrt(spread);
      pairs += 1;
    }
    return pairs > 0 ? sum / pairs : 0;
  }

  double ratio(const std::vector<std::uint32_t>& run) const {
    return median([&](std::size_t row) { return 2 * (1 - correlation(row, run, 1)); });
  }

  bool repeats(const std::vector<std::uint32_t>& run) const {
    if (run.size() < kLeastToRepeat) return false;
    for (std::size_t lag = 1; lag <= kLags; ++lag) {
      const double found =
          median([&](std::size_t row) { return std::abs(correlation(row, run, lag)); });
      if (found > kRepeats) return true;
    }
    return false;
  }

  // Of a row with itself `lag` points later.
  double correlation(std::size_t row, const std::vector<std::uint32_t>& run,
                     std::size_t lag) const {
    double n = 0, sum = 0, squares = 0;
    for (const std::uint32_t column : run) {
      const double value = at(row, column);
      if (!(std::abs(value) < 1e30)) continue;
      n += 1;
      sum += value;
      squares += value * value;
    }
    const double centre = sum / n, variance = squares / n - centre * centre;
    if (n < double(model::kLeastWave) || !(variance > 0)) return 0;
    double products = 0, pairs = 0;
    for (std::size_t i = lag; i < run.size(); ++i) {
      const double x = at(row, run[i - lag]) - centre, y = at(row, run[i]) - centre;
      if (!(std::abs(x) < 1e30) || !(std::abs(y) < 1e30)) continue;
      products += x * y;
      pairs += 1;
    }
    return pairs > 0 ? products / pairs / variance : 0;
  }

  std::span<const double> values_;
  std::size_t columns_, rows_, step_ = 1;
};

}  // namespace

model::Layout find_layout(std::span<const std::string> names, std::span<const double> values) {
  model::Layout layout;
  const Looker looker(values, names.size());
  std::vector<bool> taken(names.size());
  for (auto& run : runs_of(names)) {
    if (layout.waves.size() == model::kMaxWaves || !looker.is_curve(run)) continue;
    for (const std::uint32_t column : run) taken[column] = true;
    layout.waves.push_back(std::move(run));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!taken[i]) layout.scalars.push_back(static_cast<std::uint32_t>(i));
  }
  layout.axis = layout.waves.size();
  double shortest = kUpAndBack;
  for (std::size_t w = 0; w < layout.waves.size() && layout.waves.size() > 1; ++w) {
    const double way = looker.way(layout.waves[w]);
    if (way < shortest) layout.axis = w;
    shortest = std::min(shortest, way);
  }
  // Curves of another length are not drawn over it.
  for (const auto& wave : layout.waves) {
    if (layout.has_axis() && wave.size() != layout.waves[layout.axis].size()) {
      layout.axis = layout.waves.size();
      break;
    }
  }
  return layout;
}

}  // namespace lander::learn
