// The built-in watch: docs/formats/pipeline.md, "The built-in watch".
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "model/judge.h"
#include "stream/message.h"
#include "stream/pipeline.h"
#include "stream/timeline.h"

namespace lander::stream {
namespace {

constexpr double kHigh = 2, kCritical = 4;
constexpr std::size_t kMostCauses = 5, kMostNamed = 3;
constexpr double kLeastShare = 0.05, kNamedShare = 0.8;

alert::Severity severity_of(double score) {
  if (score >= kCritical) return alert::Severity::kCritical;
  return score >= kHigh ? alert::Severity::kHigh : alert::Severity::kMedium;
}

class Watch final : public Pipeline {
 public:
  Watch(const model::Model& model, std::unique_ptr<model::Detector> detector,
        std::vector<Input> inputs, const WatchOptions& options)
      : names_(model.inputs),
        interval_(model.interval),
        options_(options),
        detector_(std::move(detector)),
        inputs_(std::move(inputs)),
        frame_(inputs_.size()),
        weights_(inputs_.size(), 0),
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
    last_ = {instant, score.score, score.valid};
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
    if (!stood) collect(score);
    if (judge_.step(score, instant) == stood) return;
    Signal signal;
    signal.raise = !stood;
    signal.rule = "watch";
    signal.time = instant;
    signal.info.asset = options_.asset;
    signal.info.model = options_.model_digest;
    if (signal.raise) explain(score, signal.info);
    ++health_.signals;
    sink(signal);
  }

  // Shares over all frames since the score rose: one frame alone is noisy.
  void collect(const model::Score& score) {
    if (!score.valid || score.score < 1) {
      std::fill(weights_.begin(), weights_.end(), 0.0);
      most_ = 0;
      return;
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] += score.score * score.shares[i];
    most_ = std::max(most_, score.score);
  }

  void explain(const model::Score& score, alert::Info& info) const {
    const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    std::vector<std::size_t> order(weights_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return weights_[a] > weights_[b]; });
    info.score = most_;
    info.severity = severity_of(most_);
    std::string named;
    std::size_t names = 0;
    double covered = 0;
    for (const std::size_t i : order) {
      const double share = total > 0 ? weights_[i] / total : 0;
      if (info.causes.size() == kMostCauses || (share < kLeastShare && !info.causes.empty())) break;
      const bool missing = std::isnan(frame_[i]);
      info.causes.push_back({names_[i].datastream, share, missing ? score.expected[i] : frame_[i],
                             score.expected[i], names_[i].unit});
      info.detail += info.detail.empty() ? "" : "; ";
      info.detail += names_[i].property + " " + (missing ? "missing" : quantity(frame_[i], i)) +
                     ", expected " + shown(score.expected[i]);
      if (names < kMostNamed && covered < kNamedShare) {
        named += (named.empty() ? "" : ", ") + names_[i].property;
        covered += share;
        ++names;
      }
    }
    const std::size_t slash = options_.asset.rfind('/');
    info.title = "Unusual behaviour of " +
                 (slash == std::string::npos ? options_.asset : options_.asset.substr(slash + 1)) +
                 ": " + named;
  }
  std::string quantity(double value, std::size_t i) const {
    return shown(value) + (names_[i].unit == "1" ? "" : " " + names_[i].unit);
  }

  std::vector<model::Input> names_;
  base::DurationUs interval_;
  WatchOptions options_;
  std::unique_ptr<model::Detector> detector_;
  std::vector<Input> inputs_;
  std::vector<double> frame_, weights_;
  double most_ = 0;
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
