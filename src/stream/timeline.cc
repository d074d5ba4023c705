#include "stream/timeline.h"

#include <algorithm>
#include <cmath>

namespace lander::stream {
namespace {

// Beyond it the last data says nothing about what time it is there.
constexpr base::DurationUs kMostCarried = base::kHour;
// Data whose time runs ahead of the site's clock by more, and then stops, had a wrong time.
constexpr base::DurationUs kAhead = base::kMinute;

}  // namespace

double Input::at(base::TimeUs instant, base::TimeUs now) const {
  if (!seen() || instant - time > stale_after || now - arrived > stale_after) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return value;
}

double converted(const Input& input, const sensing::Observation& observation) {
  if (sensing::is_bad(observation.quality)) return std::numeric_limits<double>::quiet_NaN();
  const double value = input.conversion.apply(sensing::as_number(observation.value));
  return std::isfinite(value) ? value : std::numeric_limits<double>::quiet_NaN();
}

void Timeline::clock(base::TimeUs now) {
  if (started_ == kNoTime) started_ = now;
  started_ = std::min(started_, now);
  if (advanced_at_ != kNoTime) advanced_at_ = std::min(advanced_at_, now);
}

Timeline::Arrival Timeline::arrive(const Input& input, base::TimeUs time, base::TimeUs now) {
  if (instant_ == kNoTime) return Arrival::kLive;
  const bool late = (input.seen() && time < input.time) || time < instant_ - input.stale_after;
  if (!late) return Arrival::kLive;
  const bool was_wrong = instant_ > now + kAhead && now - advanced_at_ > kAhead;
  return was_wrong ? Arrival::kRestart : Arrival::kLate;
}

void Timeline::advance(base::TimeUs time, base::TimeUs now) {
  if (data_ == kNoTime || time > data_) {
    data_ = time;
    advanced_at_ = now;
  }
  instant_ = std::max(instant_, time);
}

base::TimeUs Timeline::instant(base::TimeUs now) {
  if (data_ == kNoTime) return now;
  const base::DurationUs carried =
      std::clamp<base::DurationUs>(now - advanced_at_, 0, kMostCarried);
  instant_ = std::max(instant_, data_ + carried);
  return instant_;
}

}  // namespace lander::stream
