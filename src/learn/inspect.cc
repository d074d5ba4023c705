#include "learn/inspect.h"

#include <algorithm>
#include <cmath>

namespace lander::learn {
namespace {

// No sensor of ours measures beyond this, in any unit; and a value a thousand spreads away is none.
constexpr double kAbsurd = 1e15;
constexpr double kAbsurdSpreads = 1000;
// Inputs that change less often than this from row to row (setpoints, coarse steps) stand still by
// nature.
constexpr double kMovesByNature = 0.3, kRestless = 0.9;
constexpr std::size_t kSampled = 20'000;  // values that are enough for a quantile

enum class Finding : std::uint8_t { kFine, kMissing, kFrozen, kBad };

struct Run {
  std::size_t begin, end;
};

std::vector<float> held(const Frames& frames, std::size_t input) {
  const std::size_t n = frames.inputs.size();
  std::vector<float> values(frames.rows());
  Holder holder(hold_of(frames));
  auto run = frames.runs.begin();
  for (std::size_t r = 0; r < values.size(); ++r) {
    if (run != frames.runs.end() && *run == r) holder.begin(), ++run;
    values[r] = static_cast<float>(holder.next(frames.values[r * n + input], frames.times[r]));
  }
  return values;
}

void find_absurd(const std::vector<float>& values, std::vector<Finding>& findings) {
  std::vector<double> sample;
  const std::size_t stride = values.size() / kSampled + 1;
  for (std::size_t r = 0; r < values.size(); r += stride) {
    if (findings[r] == Finding::kFine) sample.push_back(values[r]);
  }
  const double centre = quantile(sample, 0.5);
  const double spread = (quantile(sample, 0.95) - quantile(sample, 0.05)) / 3.29;  // a Gaussian's σ
  if (!(spread > 0)) return;
  for (std::size_t r = 0; r < values.size(); ++r) {
    if (findings[r] == Finding::kFine && std::abs(values[r] - centre) > kAbsurdSpreads * spread) {
      findings[r] = Finding::kBad;
    }
  }
}

// Runs of one value, seen through missing rows: silence is not change.
void find_frozen(const std::vector<float>& values, std::vector<Finding>& findings, Column& column) {
  std::vector<Run> frozen;
  std::size_t moving_pairs = 0, changes = 0, begin = 0, length = 0, last = 0;
  const auto close = [&](std::size_t end) {
    column.longest_run = std::max(column.longest_run, length);
    if (length >= kFrozenRun) {
      frozen.push_back({begin, end});
    } else if (length > 0) {
      moving_pairs += length;
      ++changes;
    }
  };
  for (std::size_t r = 0; r < values.size(); ++r) {
    if (findings[r] != Finding::kFine) continue;
    if (length > 0 && values[r] == values[last]) {
      ++length;
    } else {
      close(r);
      begin = r;
      length = 1;
    }
    last = r;
  }
  column.constant = changes == 0 && frozen.empty() && length > 0;
  close(last + 1);
  const double changing = static_cast<double>(changes), pairs = static_cast<double>(moving_pairs);
  if (column.constant || changes == 0 || !(changing > kMovesByNature * pairs)) return;
  column.restless = changing > kRestless * pairs;
  for (const Run& run : frozen) {
    for (std::size_t r = run.begin; r < run.end; ++r) {
      if (findings[r] == Finding::kFine) findings[r] = Finding::kFrozen;
    }
  }
}

}  // namespace

double quantile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto at = values.begin() + std::lround(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

base::DurationUs hold_of(const Frames& frames) { return std::max(kHold, 3 * frames.interval); }

Column inspect(const Frames& frames, std::size_t input) {
  const std::vector<float> values = held(frames, input);
  std::vector<Finding> findings(values.size(), Finding::kFine);
  for (std::size_t r = 0; r < values.size(); ++r) {
    if (std::isnan(values[r])) {
      findings[r] = Finding::kMissing;
    } else if (!(std::abs(values[r]) <= kAbsurd)) {
      findings[r] = Finding::kBad;
    }
  }
  Column column;
  find_absurd(values, findings);
  find_frozen(values, findings, column);
  const auto share = [&](Finding finding) {
    if (findings.empty()) return 0.0;
    return static_cast<double>(std::count(findings.begin(), findings.end(), finding)) /
           static_cast<double>(findings.size());
  };
  column.missing = share(Finding::kMissing);
  column.frozen = share(Finding::kFrozen);
  column.bad = share(Finding::kBad);
  column.fine.resize(findings.size());
  for (std::size_t r = 0; r < findings.size(); ++r) column.fine[r] = findings[r] == Finding::kFine;
  return column;
}

}  // namespace lander::learn
