// What is wrong with each value of a training set, and which inputs and rows can be learned from.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "learn/learn.h"

namespace lander::learn {

inline constexpr std::size_t kFrozenRun =
    60;  // rows: a moving input that stands still so long is frozen
inline constexpr std::size_t kLeastStretch = 20;  // rows in a row that training can use

// A missing value is the last one for so long, as in a watch: sensors that report every few
// seconds, or whose samples straddle a frame's edges, are not missing.
inline constexpr base::DurationUs kHold = 10 * base::kSecond;
base::DurationUs hold_of(const Frames& frames);

struct Column {
  std::vector<bool> fine;                   // one a row: present, plausible, alive
  bool constant = false;                    // never changes at all
  bool restless = false;                    // by nature: it changes nearly every row
  std::size_t longest_run = 0;              // rows of one value, frozen or not
  double missing = 0, frozen = 0, bad = 0;  // shares of rows
};
Column inspect(const Frames& frames, std::size_t input);

// Rows begin..end-1, all usable, of one run, without a gap of over three intervals.
struct Stretch {
  std::size_t begin, end;
  std::size_t rows() const { return end - begin; }
};

struct Survey {
  Readiness readiness;
  std::vector<std::size_t> used;          // inputs, ascending
  std::vector<Stretch> stretches;         // in which all the used inputs are fine
  std::vector<bool> constant;             // one a used input: never changes
  std::vector<std::size_t> longest_runs;  // one a used input; 0: it stands still by nature
};
Survey survey(const Frames& frames);

// Calls visit(row, values) for every row of the stretches, in order: `values` are those of the used
// inputs, held over short gaps, and last until the next call.
template <class Visit>
void each_row(const Frames& frames, const std::vector<std::size_t>& used,
              const std::vector<Stretch>& stretches, Visit visit);

// Of the values; 0 when there are none. `share` in 0..1. Reorders `values`.
double quantile(std::vector<double>& values, double share);

// ------------------------------------------------------------------------------------------------

// One input's values in turn, each held over short gaps. Reading begins anew at each run.
class Holder {
 public:
  explicit Holder(base::DurationUs hold) : hold_(hold) {}
  void begin() { known_ = false; }
  double next(float value, base::TimeUs time) {
    if (value == value) {
      last_ = value;
      time_ = time;
      known_ = true;
      return value;
    }
    return known_ && time - time_ <= hold_ ? last_ : static_cast<double>(value);
  }

 private:
  base::DurationUs hold_;
  base::TimeUs time_ = 0;
  double last_ = 0;
  bool known_ = false;
};

template <class Visit>
void each_row(const Frames& frames, const std::vector<std::size_t>& used,
              const std::vector<Stretch>& stretches, Visit visit) {
  const std::size_t n = frames.inputs.size();
  std::vector<Holder> holders(used.size(), Holder(hold_of(frames)));
  std::vector<double> values(used.size());
  auto run = frames.runs.begin();
  std::size_t row = 0;
  for (const Stretch& stretch : stretches) {
    for (; row < stretch.end; ++row) {
      if (run != frames.runs.end() && *run == row) {
        for (Holder& holder : holders) holder.begin();
        ++run;
      }
      for (std::size_t k = 0; k < used.size(); ++k) {
        values[k] = holders[k].next(frames.values[row * n + used[k]], frames.times[row]);
      }
      if (row >= stretch.begin) visit(row, values.data());
    }
  }
}

}  // namespace lander::learn
