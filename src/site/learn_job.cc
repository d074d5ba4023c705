#include "site/learn_job.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "learn/inspect.h"
#include "model/judge.h"

namespace lander::site {
namespace {

constexpr base::DurationUs kLeadIn = 5 * base::kMinute;  // averages settle before a fault
constexpr std::size_t kMostFaults = 16;                  // the newest

// Runs one model over frames that may hold more inputs than it has, or lack some.
class Rerun {
 public:
  static base::Result<Rerun> make(const model::Model& model, const learn::Frames& frames) {
    LANDER_ASSIGN(auto detector, model::make_detector(model));
    Rerun out(std::move(detector), model.interval);
    for (const auto& input : model.inputs) {
      const auto at = std::find_if(frames.inputs.begin(), frames.inputs.end(), [&](const auto& f) {
        return f.datastream == input.datastream && f.unit == input.unit;
      });
      out.columns_.push_back(
          at == frames.inputs.end() ? kNone : static_cast<std::size_t>(at - frames.inputs.begin()));
    }
    out.frame_.resize(out.columns_.size());
    out.holders_.assign(out.columns_.size(), learn::Holder(learn::hold_of(frames)));
    return out;
  }

  // Alarms raised over rows begin..end-1, from `counted` on.
  std::uint64_t alarms(const learn::Frames& frames, base::TimeUs counted) {
    std::uint64_t raised = 0;
    model::Judge judge(model::judge_options(interval_));
    base::TimeUs last = 0;
    for (std::size_t r = 0; r < frames.rows(); ++r) {
      if (r == 0 || frames.times[r] - last > kGap * interval_) {
        detector_->reset();
        judge.restart();
        for (learn::Holder& holder : holders_) holder.begin();
      }
      last = frames.times[r];
      for (std::size_t i = 0; i < frame_.size(); ++i) {
        frame_[i] =
            columns_[i] == kNone
                ? std::numeric_limits<double>::quiet_NaN()
                : holders_[i].next(frames.values[r * frames.inputs.size() + columns_[i]], last);
      }
      const bool stood = judge.alarm();
      const bool stands = judge.step(detector_->score(frame_, last), last);
      if (stands && !stood && last >= counted) ++raised;
    }
    return raised;
  }

 private:
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  static constexpr std::int64_t kGap = 10;
  Rerun(std::unique_ptr<model::Detector> detector, base::DurationUs interval)
      : detector_(std::move(detector)), interval_(interval) {}
  std::unique_ptr<model::Detector> detector_;
  base::DurationUs interval_;
  std::vector<std::size_t> columns_;
  std::vector<double> frame_;
  std::vector<learn::Holder> holders_;  // missing values, as a watch holds them
};

base::Result<Comparison> compare(const store::Store& store, const LearnJob& job,
                                 const Cancelled& cancelled) {
  Comparison out;
  {
    LANDER_ASSIGN(const learn::Frames frames,
                  read_frames(store, job.wanted, job.labels, cancelled));
    LANDER_ASSIGN(Rerun before, Rerun::make(*job.active, frames));
    LANDER_ASSIGN(Rerun after, Rerun::make(*job.candidate, frames));
    out.rows = static_cast<std::int64_t>(frames.rows());
    out.looked_at = out.rows * frames.interval;
    out.alarms_before = before.alarms(frames, 0);
    out.alarms = after.alarms(frames, 0);
  }
  const std::size_t faults = std::min(job.labels.faults.size(), kMostFaults);
  for (std::size_t i = 0; i < faults; ++i) {
    const Span& fault = job.labels.faults[i];
    FramesWanted wanted = job.wanted;
    wanted.span = {fault.from - kLeadIn, fault.to};
    LANDER_ASSIGN(const learn::Frames frames, read_frames(store, wanted, {}, cancelled));
    if (frames.rows() == 0) continue;  // thinned away since
    LANDER_ASSIGN(Rerun before, Rerun::make(*job.active, frames));
    LANDER_ASSIGN(Rerun after, Rerun::make(*job.candidate, frames));
    ++out.faults;
    if (before.alarms(frames, fault.from) > 0) ++out.found_before;
    if (after.alarms(frames, fault.from) > 0) ++out.found;
  }
  return out;
}

}  // namespace

LearnResult run(const store::Store& store, const LearnJob& job, const Cancelled& cancelled,
                const std::function<void(double)>& progress) {
  LearnResult out;
  if (job.compares()) {
    auto comparison = compare(store, job, cancelled);
    if (comparison.ok()) {
      out.comparison = *comparison;
    } else {
      out.error = comparison.error().message();
    }
    return out;
  }
  auto frames = read_frames(store, job.wanted, job.labels, cancelled);
  if (!frames.ok()) {
    out.error = frames.error().message();
    return out;
  }
  auto model = learn::train(*frames, job.request, progress);
  if (cancelled && cancelled()) {
    out.error = "the training was cancelled";
  } else if (model.ok()) {
    out.model = std::move(*model);
  } else {
    out.error = model.error().message();
  }
  return out;
}

}  // namespace lander::site
