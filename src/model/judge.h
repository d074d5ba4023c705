// From scores to alarms, at the promised rate. The watch of a site and `lander detect` use the
// same.
//
// The terms are those of ISA-18.2-2016 (16.5, alarm attributes; annex on nuisance alarms) and
// EEMUA 191: an on-delay against fleeting alarms, hysteresis (deadband) and an off-delay against
// chattering ones, so that one incident is one alarm. docs/intelligence/false-alarms.md.
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
// What fits a trained detector of frames this far apart: four frames in a row raise, 31 clear.
JudgeOptions judge_options(base::DurationUs interval);

class Judge {
 public:
  explicit Judge(const JudgeOptions& options);
  // Whether the alarm stands after this frame. An invalid score proves nothing: delays begin anew,
  // the state stays. So they do where time steps back; then a rest ends, too.
  bool step(const Score& score, base::TimeUs time);
  bool alarm() const { return alarm_; }
  void restart();  // time began anew; the state stays

 private:
  JudgeOptions options_;
  bool alarm_ = false;
  base::TimeUs since_ = 0, cleared_ = 0;
};

}  // namespace lander::model
