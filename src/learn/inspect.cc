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
constexpr double kMovesByNature = 0.3;

struct Run {
  std::size_t begin, end;
};

std::vector<double> fine_values(const Frames& frames, std::size_t input, const Column& column) {
  std::vector<double> values;
  for (std::size_t r = 0; r < frames.rows(); ++r) {
    if (column.rows[r] == Finding::kFine) {
      values.push_back(frames.values[r * frames.inputs.size() + input]);
    }
  }
  return values;
}

void find_absurd(const Frames& frames, std::size_t input, Column& column) {
  std::vector<double> values = fine_values(frames, input, column);
  const double centre = quantile(values, 0.5);
  const double spread = (quantile(values, 0.95) - quantile(values, 0.05)) / 3.29;  // a Gaussian's σ
  if (!(spread > 0)) return;
  for (std::size_t r = 0; r < frames.rows(); ++r) {
    const double x = frames.values[r * frames.inputs.size() + input];
    if (column.rows[r] == Finding::kFine && std::abs(x - centre) > kAbsurdSpreads * spread) {
      column.rows[r] = Finding::kBad;
    }
  }
}

// Runs of one value, seen through missing rows: silence is not change.
void find_frozen(const Frames& frames, std::size_t input, Column& column) {
  const std::size_t n = frames.inputs.size();
  std::vector<Run> frozen;
  std::size_t moving_pairs = 0, changes = 0, begin = 0, length = 0, last = 0;
  const auto close = [&](std::size_t end) {
    if (length >= kFrozenRun) {
      frozen.push_back({begin, end});
    } else if (length > 0) {
      moving_pairs += length;
      ++changes;
    }
  };
  for (std::size_t r = 0; r < frames.rows(); ++r) {
    if (column.rows[r] != Finding::kFine) continue;
    if (length > 0 && frames.values[r * n + input] == frames.values[last * n + input]) {
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
  const bool moves =
      static_cast<double>(changes) > kMovesByNature * static_cast<double>(moving_pairs);
  if (column.constant || changes == 0 || !moves) return;
  for (const Run& run : frozen) {
    for (std::size_t r = run.begin; r < run.end; ++r) {
      if (column.rows[r] == Finding::kFine) column.rows[r] = Finding::kFrozen;
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

Frames held(const Frames& frames) {
  const std::size_t n = frames.inputs.size();
  const base::DurationUs most = std::max(kHold, 3 * frames.interval);
  Frames result = frames;
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t last = frames.rows();  // none
    for (std::size_t r = 0; r < frames.rows(); ++r) {
      double& value = result.values[r * n + i];
      if (!std::isnan(value)) {
        last = r;
      } else if (last < r && frames.times[r] - frames.times[last] <= most) {
        value = frames.values[last * n + i];
      }
    }
  }
  return result;
}

Column inspect(const Frames& frames, std::size_t input) {
  const std::size_t n = frames.inputs.size();
  Column column;
  column.rows.resize(frames.rows(), Finding::kFine);
  for (std::size_t r = 0; r < frames.rows(); ++r) {
    const double x = frames.values[r * n + input];
    if (std::isnan(x)) {
      column.rows[r] = Finding::kMissing;
    } else if (!(std::abs(x) <= kAbsurd)) {
      column.rows[r] = Finding::kBad;
    }
  }
  find_absurd(frames, input, column);
  find_frozen(frames, input, column);
  const auto share = [&](Finding finding) {
    if (frames.rows() == 0) return 0.0;
    return static_cast<double>(std::count(column.rows.begin(), column.rows.end(), finding)) /
           static_cast<double>(frames.rows());
  };
  column.missing = share(Finding::kMissing);
  column.frozen = share(Finding::kFrozen);
  column.bad = share(Finding::kBad);
  return column;
}

std::vector<Stretch> usable_stretches(const Frames& frames, const std::vector<Column>& columns) {
  std::vector<Stretch> stretches;
  const auto keep = [&](std::size_t begin, std::size_t end) {
    if (end - begin >= kLeastStretch) stretches.push_back({begin, end});
  };
  std::size_t begin = 0;
  for (std::size_t r = 0; r < frames.rows(); ++r) {
    const bool usable = std::all_of(columns.begin(), columns.end(), [&](const Column& column) {
      return column.rows[r] == Finding::kFine;
    });
    if (!usable) {
      keep(begin, r);
      begin = r + 1;
    } else if (r > begin && frames.times[r] - frames.times[r - 1] > 3 * frames.interval) {
      keep(begin, r);
      begin = r;
    }
  }
  if (begin < frames.rows()) keep(begin, frames.rows());
  return stretches;
}

}  // namespace lander::learn
