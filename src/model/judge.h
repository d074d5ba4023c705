// From scores to alarms, at the promised rate: on-delay, hysteresis, off-delay and rest, counted in
// frames and time. One incident is one alarm. The watch of a site and `lander detect` use the same.
#pragma once

#include "base/time.h"
#include "model/model.h"

namespace lander::model {

struct JudgeOptions {
  base::DurationUs on_delay = 0;   // the score must stay at 1 or above for so long
  base::DurationUs off_delay = 0;  // and below `clear_below` for so long
  double clear_below = 0.8;
  base::DurationUs rest = 0;  // after an alarm cleared, none is raised for so long
};
// What fits a detector of frames this far apart.
JudgeOptions judge_options(base::DurationUs interval);

class Judge {
 public:
  explicit Judge(const JudgeOptions& options);
  // Whether the alarm stands after this frame. An invalid score proves nothing: delays begin anew,
  // the state stays.
  bool step(const Score& score, base::TimeUs time);
  bool alarm() const { return alarm_; }
  void restart();  // time began anew; the state stays

 private:
  JudgeOptions options_;
  bool alarm_ = false;
  base::TimeUs since_ = 0, cleared_ = 0;
};

}  // namespace lander::model
