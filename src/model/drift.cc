#include "model/drift.h"

#include <algorithm>
#include <cmath>

namespace lander::model {
namespace {

constexpr double kWidened = 0.1, kMostOutside = 0.05, kWayToLimit = 1.0 / 3;
constexpr base::DurationUs kRangeOver = 6 * base::kHour, kScoreOver = base::kDay;
constexpr double kLeastRoom = 0.1;  // a score that was near its limit from the first day

double frames_in(base::DurationUs span, base::DurationUs interval) {
  return std::max(1.0, static_cast<double>(span) /
                           static_cast<double>(std::max<base::DurationUs>(interval, 1)));
}

}  // namespace

DriftWatch::DriftWatch(const Model& model)
    : per_hours_(frames_in(kRangeOver, model.interval)),
      per_day_(frames_in(kScoreOver, model.interval)) {
  for (const Input& input : model.inputs) {
    const double margin = kWidened * (input.most - input.least);
    ranges_.push_back({input.least - margin, input.most + margin});
  }
}

void DriftWatch::add(std::span<const double> frame, const Score& score) {
  if (!score.valid || score.score >= 1) return;
  ++frames_;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    Range& range = ranges_[i];
    // One that never varied in training has no range to be outside of.
    if (std::isnan(frame[i]) || !(range.least < range.most)) continue;
    const bool outside = frame[i] < range.least || frame[i] > range.most;
    range.outside += ((outside ? 1 : 0) - range.outside) / per_hours_;
  }
  if (frames_ <= per_day_) {
    first_sum_ += score.score;
    usual_ = first_sum_ / frames_;
  } else {
    usual_ += (score.score - usual_) / per_day_;
  }
  judge_score();
}

void DriftWatch::judge_score() {
  drift_ = {};
  if (frames_ > per_day_) {
    drift_.was = first_sum_ / per_day_;
    drift_.usual = usual_;
    drift_.level = (usual_ - drift_.was) / (kWayToLimit * std::max(1 - drift_.was, kLeastRoom));
  }
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    const double level = ranges_[i].outside / kMostOutside;
    if (level <= drift_.level) continue;
    drift_.level = level;
    drift_.share = ranges_[i].outside;
    drift_.input = static_cast<std::int32_t>(i);
  }
}

}  // namespace lander::model
