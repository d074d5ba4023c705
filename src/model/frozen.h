// Which inputs stand still, and for how long: a part of every trained detector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/model.h"

namespace lander::model {

inline constexpr double kFrozenMost = 1.5;  // a frozen sensor alone is no emergency

// No allocation but when it is made. Not thread-safe.
class FrozenInputs {
 public:
  explicit FrozenInputs(std::size_t inputs) : last_(inputs), run_(inputs) { reset(); }
  void reset();
  // The value of an input that is present. One that is missing keeps its run: silence is not
  // change.
  void see(std::size_t input, double value) {
    run_[input] = value == last_[input] ? run_[input] + 1 : 1;
    last_[input] = value;
  }
  // A frozen sensor may stay within all that correlation allows; that it stands still is the sign:
  // raises the score to 1 .. kFrozenMost, and gives the frozen inputs all shares where that
  // decides. `frames`: equal values in a row that mean frozen; 0: never. `missing`: one flag an
  // input.
  void judge(std::span<const double> frames, std::span<const std::uint8_t> missing,
             Score& score) const;

 private:
  std::vector<double> last_, run_;  // raw value, and for how many frames it has been that
};

}  // namespace lander::model
