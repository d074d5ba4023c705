// Where a new regime begins: for both kinds of detector, and for drift of a model's inputs.
//
// MOSUM (Eichinger & Kirch 2018, "A MOSUM procedure for the estimation of multiple random change
// points"): d = |mean of the last kWindow values - mean of the kWindow before|, for each input. Its
// spread is not derived from the noise but learned from d itself, in a short and a long memory, of
// which the larger counts: an input that wanders is judged by how far it usually wanders in that
// time. A change is told where the largest d of all inputs passes sqrt(2 ln(kFrames * inputs))
// spreads: Bonferroni over inputs and frames. Single outliers are replaced by a median before
// (Hampel 1974). docs/intelligence/changes.md has the parameters, and how they were chosen.
#pragma once

#include <memory>
#include <span>

#include "base/time.h"

namespace lander::model {

struct ChangeOptions {
  std::size_t inputs = 1;
};
// Counts in frames, whatever lies between them. Looks only at the past; memory bounded, about 400
// bytes an input; no allocation after it is made. Not thread-safe.
class ChangeDetector {
 public:
  explicit ChangeDetector(const ChangeOptions& options);
  ~ChangeDetector();
  // True at the frame at which a change is told; once a change, and none in the first 140 frames of
  // an input. NaN, and what no sensor measures (beyond 1e30) = missing: an input's windows hold its
  // last values, however old.
  // Where `time` steps back (another recording, another clock) nothing is compared across.
  bool step(std::span<const double> frame, base::TimeUs time);
  // How much each input had to do with the change told last, sum 1; empty before the first.
  std::span<const double> shares() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lander::model
