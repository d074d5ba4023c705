// A window that slides by time over the samples of one port or node. docs/formats/pipeline.md,
// "window".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace lander::stream {

enum class Stat : std::uint8_t { kMean, kMin, kMax, kStd, kRms, kCount, kSlope, kLast, kP95 };
inline constexpr std::string_view kStatNames[] = {"mean",  "min",   "max",  "std", "rms",
                                                  "count", "slope", "last", "p95"};
inline constexpr std::size_t kMaxWindowSamples = 16384;

// The samples in (now - over, now], in order of time. Its memory grows to what the data needs, at
// most kMaxWindowSamples; then add() and value() do not allocate.
class Window {
 public:
  Window(base::DurationUs over, Stat stat) : over_(over), stat_(stat) {}

  // A late sample goes to its place. False: the window was full and its oldest sample had to go.
  bool add(base::TimeUs time, double value);
  // `now` is never before an earlier call's. NaN: too few samples (slope and std want two).
  double value(base::TimeUs now);
  void clear() { head_ = count_ = 0, dirty_ = true; }

 private:
  struct Sample {
    base::TimeUs time;
    double value;
  };
  Sample& at(std::size_t i) { return ring_[(head_ + i) & (ring_.size() - 1)]; }
  void grow();
  double compute();
  double central(double mean, bool slope);

  base::DurationUs over_;
  Stat stat_;
  std::vector<Sample> ring_;  // a power of two
  std::vector<double> sorted_;
  std::size_t head_ = 0, count_ = 0;
  bool dirty_ = true;
  double cached_ = 0;
};

}  // namespace lander::stream
