#include "model/frozen.h"

#include <algorithm>
#include <limits>

namespace lander::model {

void FrozenInputs::reset() {
  std::fill(last_.begin(), last_.end(), std::numeric_limits<double>::quiet_NaN());
  std::fill(run_.begin(), run_.end(), 0.0);
}

void FrozenInputs::judge(std::span<const double> frames, std::span<const std::uint8_t> missing,
                         Score& score) const {
  double worst = 0, frozen = 0;
  for (std::size_t i = 0; i < run_.size(); ++i) {
    if (missing[i] || frames[i] == 0) continue;
    const double ratio = run_[i] / frames[i];
    if (ratio >= 1) ++frozen;
    worst = std::max(worst, ratio);
  }
  worst = std::min(worst, kFrozenMost);
  if (frozen == 0 || worst <= score.score) return;
  score.score = worst;
  for (std::size_t i = 0; i < run_.size(); ++i) {
    score.shares[i] = !missing[i] && frames[i] > 0 && run_[i] >= frames[i] ? 1 / frozen : 0;
  }
}

}  // namespace lander::model
