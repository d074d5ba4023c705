#include "model/judge.h"

#include <limits>

namespace lander::model {
namespace {

constexpr base::TimeUs kNever = std::numeric_limits<base::TimeUs>::min();
constexpr base::DurationUs kOnFrames = 3, kOffFrames = 30;

}  // namespace

JudgeOptions judge_options(base::DurationUs interval) {
  JudgeOptions options;
  options.on_delay = kOnFrames * interval;
  options.off_delay = kOffFrames * interval;
  return options;
}

Judge::Judge(const JudgeOptions& options) : options_(options), since_(kNever), cleared_(kNever) {}

bool Judge::step(const Score& score, base::TimeUs time) {
  const bool wanted =
      score.valid && (alarm_ ? score.score < options_.clear_below : score.score >= 1);
  if (!wanted) {
    since_ = kNever;
    return alarm_;
  }
  if (time < cleared_) cleared_ = kNever;
  if (since_ == kNever || time < since_) since_ = time;
  const bool rests = !alarm_ && cleared_ != kNever && time - cleared_ < options_.rest;
  if (rests || time - since_ < (alarm_ ? options_.off_delay : options_.on_delay)) return alarm_;
  since_ = kNever;
  alarm_ = !alarm_;
  if (!alarm_) cleared_ = time;
  return alarm_;
}

void Judge::restart() { since_ = cleared_ = kNever; }

}  // namespace lander::model
