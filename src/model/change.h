// Where a new regime begins: for both kinds of detector, and for drift of a model's inputs.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/time.h"

namespace lander::model {

struct ChangeOptions {
  std::size_t inputs = 1;
};
// Looks only at the past; bounded memory. Not thread-safe.
class ChangeDetector {
 public:
  explicit ChangeDetector(const ChangeOptions& options);
  ~ChangeDetector();
  // True at the frame at which a change is told; once a change. NaN = missing.
  bool step(std::span<const double> frame, base::TimeUs time);
  // Which inputs changed, strongest first, sum 1; of the change told last.
  std::span<const double> shares() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lander::model
