// On-delay, hysteresis and off-delay of one condition (ISA-18.2, 16.5: alarm design).
#pragma once

#include <limits>

#include "base/time.h"

namespace lander::stream {

enum class Edge { kNone, kRaise, kClear };
enum class Truth { kFalse, kTrue, kUnknown };

// An unknown condition proves nothing: it starts both delays anew and leaves the state as it is.
class Debounce {
 public:
  Debounce(base::DurationUs on_delay, base::DurationUs off_delay)
      : on_delay_(on_delay), off_delay_(off_delay) {}

  // `bad`: the condition to raise; `good`: that to clear, which may be stricter than "not bad".
  Edge step(base::TimeUs now, Truth bad, Truth good) {
    const Truth wanted = active_ ? good : bad;
    if (wanted != Truth::kTrue) {
      since_ = kNever;
      return Edge::kNone;
    }
    if (since_ == kNever || now < since_) since_ = now;
    if (now - since_ < (active_ ? off_delay_ : on_delay_)) return Edge::kNone;
    since_ = kNever;
    active_ = !active_;
    return active_ ? Edge::kRaise : Edge::kClear;
  }
  bool active() const { return active_; }
  bool pending() const { return !active_ && since_ != kNever; }  // on its way to a raise
  void restart() { since_ = kNever; }                            // time began anew; the state stays

 private:
  static constexpr base::TimeUs kNever = std::numeric_limits<base::TimeUs>::min();
  base::DurationUs on_delay_, off_delay_;
  base::TimeUs since_ = kNever;
  bool active_ = false;
};

}  // namespace lander::stream
