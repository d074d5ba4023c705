// The built-in watch: docs/formats/pipeline.md, "The built-in watch".
#include <algorithm>
#include <limits>

#include "model/judge.h"
#include "stream/explain.h"
#include "stream/pipeline.h"
#include "stream/timeline.h"

namespace lander::stream {
namespace {

class Watch final : public Pipeline {
 public:
  Watch(const model::Model& model, std::unique_ptr<model::Detector> detector,
        std::vector<Input> inputs, const WatchOptions& options)
      : interval_(model.interval),
        options_(options),
        detector_(std::move(detector)),
        inputs_(std::move(inputs)),
        frame_(inputs_.size()),
        explanation_(model.inputs, options.asset),
        drift_(model),
        judge_(model::judge_options(model.interval)) {}

  void step(const sensing::Observation& observation, base::TimeUs now, const Sink& sink) override {
    if (!plausible_time(observation.time)) return;
    begin(now);
    bool ours = false;
    for (Input& input : inputs_) {
      if (input.series == 0 || input.series != observation.series) continue;
      ours = true;
      const Timeline::Arrival arrival = timeline_.arrive(input, observation.time, now);
      if (arrival == Timeline::Arrival::kLate) continue;
      if (arrival == Timeline::Arrival::kRestart) restart();
      // A frame holds what was known at its instant: it is closed before newer data is let in.
      timeline_.advance(observation.time, now);
      close_frame(now, sink);
      input.value = converted(input, observation);
      input.time = observation.time;
      input.arrived = now;
    }
    if (ours) ++health_.observations;
  }

  void tick(base::TimeUs now, const Sink& sink) override {
    begin(now);
    close_frame(now, sink);
  }

  const Health& health() const override { return health_; }
  const WatchScore& last() const { return last_; }

 private:
  void begin(base::TimeUs now) {
    timeline_.clock(now);
    for (Input& input : inputs_) {
      if (input.arrived != kNoTime) input.arrived = std::min(input.arrived, now);
    }
  }

  void restart() {
    timeline_.restart();
    detector_->reset();
    judge_.restart();
    explanation_.restart();
    next_ = kNoTime;
    for (Input& input : inputs_) input.time = kNoTime;
  }

  void close_frame(base::TimeUs now, const Sink& sink) {
    if (!timeline_.has_data()) return;  // nobody knows yet when the frames are due
    const base::TimeUs instant = timeline_.instant(now);
    if (next_ != kNoTime && instant < next_) return;
    const bool first = next_ == kNoTime;
    next_ = instant - instant % interval_ + interval_;
    if (first) return;
    for (std::size_t i = 0; i < inputs_.size(); ++i) frame_[i] = inputs_[i].at(instant, now);
    const model::Score& score = detector_->score(frame_, instant);
    drift_.add(frame_, score);
    last_ = {instant, score.score, score.valid, drift_.drift()};
    if (score.valid) {
      ++health_.evaluations;
    } else if (health_.evaluations > 0 || now - timeline_.started() > stale_after()) {
      ++health_.invalid_evaluations;
    }
    judge(score, instant, sink);
  }

  base::DurationUs stale_after() const { return inputs_.front().stale_after; }

  void judge(const model::Score& score, base::TimeUs instant, const Sink& sink) {
    const bool stood = judge_.alarm();
    if (!stood) explanation_.add(frame_, score, instant);
    if (judge_.step(score, instant) == stood) return;
    Signal signal;
    signal.raise = !stood;
    signal.rule = "watch";
    signal.time = instant;
    signal.info.asset = options_.asset;
    signal.info.model = options_.model_digest;
    if (signal.raise) {
      explanation_.fill(signal.info);
    } else {
      explanation_.restart();
    }
    ++health_.signals;
    sink(signal);
  }

  base::DurationUs interval_;
  WatchOptions options_;
  std::unique_ptr<model::Detector> detector_;
  std::vector<Input> inputs_;
  std::vector<double> frame_;
  Explanation explanation_;
  model::DriftWatch drift_;
  base::TimeUs next_ = kNoTime;
  model::Judge judge_;
  Timeline timeline_;
  Health health_;
  WatchScore last_;
};

}  // namespace

base::Result<std::unique_ptr<Pipeline>> make_watch(
    const model::Model& model, const std::map<std::string, BoundPort>& by_datastream,
    const WatchOptions& options) {
  LANDER_ASSIGN(auto detector, model::make_detector(model));
  std::vector<Input> inputs;
  std::string unbound;
  std::size_t bound = 0;
  for (const model::Input& wanted : model.inputs) {
    Input input;
    input.stale_after = std::max(options.stale_after, 3 * model.interval);
    const auto found = by_datastream.find(wanted.datastream);
    if (found == by_datastream.end()) {
      unbound += (unbound.empty() ? "" : ", ") + wanted.datastream;
    } else {
      auto conversion = sensing::conversion(found->second.from_unit, wanted.unit);
      if (!conversion.ok()) return conversion.error().context("datastream " + wanted.datastream);
      input.conversion = *conversion;
      input.series = found->second.series;
      ++bound;
    }
    inputs.push_back(input);
  }
  if (2 * bound < inputs.size()) {
    return base::Error(base::Code::kNotFound,
                       "over half of the model's inputs are not there: " + unbound);
  }
  return std::unique_ptr<Pipeline>(
      std::make_unique<Watch>(model, std::move(detector), std::move(inputs), options));
}

const WatchScore* watch_score(const Pipeline& pipeline) {
  const auto* watch = dynamic_cast<const Watch*>(&pipeline);
  return watch ? &watch->last() : nullptr;
}

}  // namespace lander::stream
