// What is wrong with each value of a training set, and which rows can be learned from.
#pragma once

#include <cstdint>
#include <vector>

#include "learn/learn.h"

namespace lander::learn {

inline constexpr std::size_t kFrozenRun =
    60;  // rows: a moving input that stands still so long is frozen
inline constexpr std::size_t kLeastStretch = 20;  // rows in a row that training can use

// A missing value is the last one for so long, as in a watch: sensors that report every few
// seconds, or whose samples straddle a frame's edges, are not missing.
inline constexpr base::DurationUs kHold = 10 * base::kSecond;
Frames held(const Frames& frames);

enum class Finding : std::uint8_t { kFine, kMissing, kFrozen, kBad };

struct Column {
  std::vector<Finding> rows;
  bool constant = false;                    // never changes at all
  double missing = 0, frozen = 0, bad = 0;  // shares of rows
};
Column inspect(const Frames& frames, std::size_t input);

// Rows begin..end-1, all usable, without a gap of over three intervals.
struct Stretch {
  std::size_t begin, end;
  std::size_t rows() const { return end - begin; }
};
std::vector<Stretch> usable_stretches(const Frames& frames, const std::vector<Column>& columns);

// Of the finite values; 0 when there are none. `share` in 0..1. Reorders `values`.
double quantile(std::vector<double>& values, double share);

}  // namespace lander::learn
