// Has what a model sees moved away from what it was trained on, without an alarm?
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/model.h"

namespace lander::model {

// How far the move is: at 1 the model is to be trained anew.
struct Drift {
  double level = 0;
  double share = 0;           // of an input: of quiet frames outside the range of training
  double usual = 0, was = 0;  // of the score: its average over a day, and over the first day
  std::int32_t input = -1;    // that is outside; -1: it is the score that rose
};

// Two signs, over frames whose score is below 1 (what is above is an alarm, and people judge that):
// - an input is outside the range of training, widened by a tenth, in 5 % of the frames of about
//   six hours;
// - the score's average over about a day has come a third of the way from what it was on the first
//   day to the limit.
// Not thread-safe; add() does not allocate.
class DriftWatch {
 public:
  explicit DriftWatch(const Model& model);
  void add(std::span<const double> frame, const Score& score);
  const Drift& drift() const { return drift_; }

 private:
  struct Range {
    double least, most, outside = 0;
  };
  void judge_score();
  std::vector<Range> ranges_;
  double frames_ = 0, per_hours_, per_day_;
  double first_sum_ = 0, usual_ = 0;
  Drift drift_;
};

}  // namespace lander::model
