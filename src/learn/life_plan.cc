#include "learn/life_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lander::learn {
namespace {

constexpr std::size_t kSampleRows = 20000;
constexpr double kGap = 0.04;           // of a column's range: wider gaps part clusters
constexpr double kClusterSpread = 0.1;  // of the range: all clusters together
constexpr std::size_t kMostClusters = 12, kMostCandidates = 16, kJudgedColumns = 64;
constexpr double kExplains = 0.5, kExplainsMore = 0.05;
constexpr std::size_t kLeastRegimeRows = 20;
constexpr double kTells = 0.15;      // least correlation with the life that remains
constexpr double kOutlier = 3;       // of the range that holds 98 % of a column
constexpr double kLeastScale = 0.2;  // of the scale over all regimes

struct Column {
  std::size_t input = 0;
  std::vector<double> cuts;        // between clusters
  std::vector<std::uint8_t> part;  // cluster of each row
};

double value(const Units& units, std::size_t row, std::size_t input) {
  return units.values[row * units.inputs.size() + input];
}

// Rows spread over all, in pairs with the row after them in the same unit.
std::vector<std::size_t> sample_pairs(const Units& units) {
  std::vector<std::size_t> rows;
  const std::size_t step = units.rows() / kSampleRows + 1;
  for (const UnitRange& unit : ranges(units)) {
    for (std::size_t r = unit.begin; r + 1 < unit.end; r += step) rows.push_back(r);
  }
  return rows;
}

std::vector<double> cuts_of(const Units& units, const std::vector<std::size_t>& rows,
                            std::size_t input) {
  std::vector<double> values;
  for (const std::size_t r : rows) {
    if (std::isfinite(value(units, r, input))) values.push_back(value(units, r, input));
  }
  if (values.size() < rows.size() / 2 || values.size() < 2) return {};
  std::sort(values.begin(), values.end());
  const double range = values.back() - values.front();
  if (!(range > 0) || !std::isfinite(range)) return {};
  std::vector<double> cuts;
  double between = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    const double gap = values[i] - values[i - 1];
    if (gap < kGap * range) continue;
    cuts.push_back(values[i - 1] + gap / 2);
    between += gap;
  }
  const bool few = cuts.size() < kMostClusters && range - between < kClusterSpread * range;
  return few ? cuts : std::vector<double>();
}

std::uint8_t cluster(const std::vector<double>& cuts, double value) {
  return static_cast<std::uint8_t>(std::upper_bound(cuts.begin(), cuts.end(), value) -
                                   cuts.begin());
}

// How much of each column's row-to-row variance goes when each regime's mean is taken out: the mean
// and the median over the columns that vary (of very many: some of them).
struct Explained {
  double mean = 0, median = 0;
};
Explained explained(const Units& units, const std::vector<std::size_t>& rows,
                    const std::vector<std::uint32_t>& regime, std::size_t regimes) {
  std::vector<double> shares;
  for (std::size_t c = 0; c < units.inputs.size(); c += units.inputs.size() / kJudgedColumns + 1) {
    std::vector<double> sum(regimes), count(regimes);
    for (const std::size_t r : rows) {
      const double x = value(units, r, c);
      if (std::isfinite(x)) sum[regime[r]] += x, count[regime[r]] += 1;
    }
    for (std::size_t i = 0; i < regimes; ++i) sum[i] /= std::max(count[i], 1.0);
    double before = 0, after = 0;
    for (const std::size_t r : rows) {
      const double step = value(units, r + 1, c) - value(units, r, c);
      const double rest = step - (sum[regime[r + 1]] - sum[regime[r]]);
      if (std::isfinite(step * step)) before += step * step, after += rest * rest;
    }
    if (before > 0) shares.push_back(1 - after / before);
  }
  if (shares.empty()) return {};
  std::sort(shares.begin(), shares.end());
  return {std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(shares.size()),
          shares[shares.size() / 2]};
}

std::vector<Column> candidates(const Units& units, const std::vector<std::size_t>& rows) {
  std::vector<Column> found;
  for (std::size_t c = 0; c < units.inputs.size() && found.size() < kMostCandidates; ++c) {
    Column column{c, cuts_of(units, rows, c), {}};
    if (column.cuts.empty()) continue;
    column.part.resize(units.rows());
    for (std::size_t r = 0; r < units.rows(); ++r) {
      column.part[r] = cluster(column.cuts, value(units, r, c));
    }
    found.push_back(std::move(column));
  }
  return found;
}

// Centres and reach of the regimes that `chosen` span, those with enough rows.
void set_regimes(const Units& units, const std::vector<const Column*>& chosen,
                 const std::vector<std::uint32_t>& regime, std::size_t regimes,
                 model::LifePlan& plan) {
  std::vector<std::size_t> count(regimes);
  for (const std::uint32_t r : regime) ++count[r];
  if (*std::max_element(count.begin(), count.end()) < kLeastRegimeRows) return;  // all is one
  for (const Column* column : chosen) {
    plan.settings.push_back(static_cast<std::uint32_t>(column->input));
    double least = INFINITY;
    for (std::size_t i = 1; i < column->cuts.size(); ++i) {
      least = std::min(least, column->cuts[i] - column->cuts[i - 1]);
    }
    plan.reach.push_back(std::isfinite(least) ? least : std::max(std::abs(column->cuts[0]), 1e-9));
  }
  for (std::size_t g = 0; g < regimes; ++g) {
    if (count[g] < kLeastRegimeRows) continue;
    for (const Column* column : chosen) {
      double sum = 0, n = 0;
      for (std::size_t r = 0; r < units.rows(); ++r) {
        const double x = value(units, r, column->input);
        if (regime[r] == g && std::isfinite(x)) sum += x, n += 1;
      }
      plan.centres.push_back(n > 0 ? sum / n : 0);
    }
  }
}

}  // namespace

std::vector<UnitRange> ranges(const Units& units) {
  std::vector<UnitRange> result;
  for (std::size_t i = 0; i < units.begins.size(); ++i) {
    const bool last = i + 1 == units.begins.size();
    result.push_back({units.begins[i], last ? units.rows() : units.begins[i + 1]});
  }
  return result;
}

double default_cap(const Units& units) {
  std::vector<double> lives;
  for (const UnitRange& unit : ranges(units)) {
    lives.push_back(units.times[unit.end - 1] - units.times[unit.begin]);
  }
  std::sort(lives.begin(), lives.end());
  const double median = (lives[(lives.size() - 1) / 2] + lives[lives.size() / 2]) / 2;
  const double cap = std::min((1 - std::exp(-1)) * median, lives[lives.size() / 10]);
  const double step = std::pow(10, std::floor(std::log10(cap))) / 4;
  return std::floor(cap / step * (1 + 1e-12)) * step;
}

void find_regimes(const Units& units, model::LifePlan& plan) {
  const std::vector<std::size_t> rows = sample_pairs(units);
  const std::vector<Column> columns = candidates(units, rows);
  std::vector<std::uint32_t> regime(units.rows());
  std::size_t regimes = 1;
  std::vector<const Column*> chosen;
  double reached = 0;
  for (;;) {
    const Column* best = nullptr;
    double best_mean = chosen.empty() ? 0 : reached + kExplainsMore;
    for (const Column& column : columns) {
      const std::size_t parts = column.cuts.size() + 1;
      if (regimes * parts > model::kMaxLifeRegimes) continue;
      std::vector<std::uint32_t> joint(regime);
      for (std::size_t r = 0; r < joint.size(); ++r) {
        joint[r] = static_cast<std::uint32_t>(joint[r] * parts + column.part[r]);
      }
      const Explained by = explained(units, rows, joint, regimes * parts);
      if (by.median > kExplains && by.mean > best_mean) best = &column, best_mean = by.mean;
    }
    if (best == nullptr) break;
    const std::size_t parts = best->cuts.size() + 1;
    for (std::size_t r = 0; r < regime.size(); ++r) {
      regime[r] = static_cast<std::uint32_t>(regime[r] * parts + best->part[r]);
    }
    regimes *= parts;
    reached = best_mean;
    chosen.push_back(best);
  }
  set_regimes(units, chosen, regime, regimes, plan);
}

namespace {

// Mean and deviation of one column in each regime and over all, without what is far outside of
// where nearly all values lie.
struct Spread {
  std::vector<double> mean, deviation;  // one a regime
  double pooled = 0, overall = 0;
};
Spread spread_of(const Units& units, const std::vector<std::uint32_t>& regime, std::size_t regimes,
                 std::size_t input) {
  std::vector<double> values;
  for (std::size_t r = 0; r < units.rows(); r += units.rows() / kSampleRows + 1) {
    if (std::isfinite(value(units, r, input))) values.push_back(value(units, r, input));
  }
  Spread spread{std::vector<double>(regimes), std::vector<double>(regimes), 0, 0};
  if (values.empty()) return spread;
  std::sort(values.begin(), values.end());
  const double low = values[values.size() / 100],
               high = values[values.size() - 1 - values.size() / 100];
  const double margin = kOutlier * (high - low);
  std::vector<double> count(regimes);
  double total = 0, n = 0;
  const auto usual = [&](double x) { return x >= low - margin && x <= high + margin; };
  for (std::size_t r = 0; r < units.rows(); ++r) {
    const double x = value(units, r, input);
    if (usual(x)) spread.mean[regime[r]] += x, count[regime[r]] += 1, total += x, n += 1;
  }
  for (std::size_t g = 0; g < regimes; ++g) {
    spread.mean[g] = count[g] > 0 ? spread.mean[g] / count[g] : total / n;
  }
  for (std::size_t r = 0; r < units.rows(); ++r) {
    const double x = value(units, r, input);
    if (!usual(x)) continue;
    const double within = x - spread.mean[regime[r]], about = x - total / n;
    spread.deviation[regime[r]] += within * within;
    spread.pooled += within * within, spread.overall += about * about;
  }
  for (std::size_t g = 0; g < regimes; ++g) {
    spread.deviation[g] = std::sqrt(spread.deviation[g] / std::max(count[g], 1.0));
  }
  spread.pooled = std::sqrt(spread.pooled / n), spread.overall = std::sqrt(spread.overall / n);
  return spread;
}

double scale_of(const Spread& spread, std::size_t regime) {
  return std::max(spread.deviation[regime], kLeastScale * spread.pooled);
}

struct Correlation {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
  void add(double a, double b) { n += 1, x += a, y += b, xx += a * a, xy += a * b, yy += b * b; }
  double size() const {
    const double over = (xx - x * x / n) * (yy - y * y / n);
    return over > 0 ? std::abs(xy - x * y / n) / std::sqrt(over) : 0;
  }
};

// How well a sensor's smoothed value tells the life that remains: the correlation of it, or of its
// distance from the mean (two kinds of fault may move it to two sides).
double tells(const Units& units, double cap, const model::LifePlan& plan,
             const std::vector<std::uint32_t>& regime, const Spread& spread, std::size_t input) {
  const double newest = 2.0 / (plan.window[1] + 1);
  Correlation signed_by, size_by;
  for (const UnitRange& unit : ranges(units)) {
    double smooth = NAN;
    for (std::size_t r = unit.begin; r < unit.end; ++r) {
      const double z =
          (value(units, r, input) - spread.mean[regime[r]]) / scale_of(spread, regime[r]);
      if (!std::isfinite(z)) continue;
      const double clipped = std::clamp(z, -model::kLifeClip, model::kLifeClip);
      smooth = std::isnan(smooth) ? clipped : smooth + newest * (clipped - smooth);
      const double life = std::min(units.times[unit.end - 1] - units.times[r], cap);
      signed_by.add(smooth, life);
      size_by.add(std::abs(smooth), life);
    }
  }
  return std::max(signed_by.size(), size_by.size());
}

}  // namespace

void find_sensors(const Units& units, double cap, model::LifePlan& plan) {
  const std::size_t columns = units.inputs.size(), regimes = plan.regimes();
  std::vector<std::uint32_t> regime(units.rows());
  for (std::size_t r = 0; r < units.rows(); ++r) {
    regime[r] = static_cast<std::uint32_t>(plan.regime_of({&units.values[r * columns], columns}));
  }
  std::vector<Spread> spreads(columns);
  std::vector<std::pair<double, std::uint32_t>> ranked;
  for (std::uint32_t c = 0; c < columns; ++c) {
    if (std::find(plan.settings.begin(), plan.settings.end(), c) != plan.settings.end()) continue;
    spreads[c] = spread_of(units, regime, regimes, c);
    const double size = std::abs(spreads[c].mean[0]);
    if (!(spreads[c].pooled > 1e-9 * size && spreads[c].pooled > 1e-6 * spreads[c].overall))
      continue;
    ranked.emplace_back(-tells(units, cap, plan, regime, spreads[c], c), c);
  }
  std::sort(ranked.begin(), ranked.end());
  for (const auto& [minus, c] : ranked) {
    if (plan.sensors.size() == model::kMaxLifeSensors) break;
    if (plan.sensors.empty() || -minus >= kTells) plan.sensors.push_back(c);
  }
  std::sort(plan.sensors.begin(), plan.sensors.end());
  for (std::size_t g = 0; g < regimes; ++g) {
    for (const std::uint32_t c : plan.sensors) {
      plan.mean.push_back(spreads[c].mean[g]);
      plan.scale.push_back(scale_of(spreads[c], g));
    }
  }
}

}  // namespace lander::learn
