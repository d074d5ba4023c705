#include "model/change.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/check.h"

namespace lander::model {
namespace {

constexpr std::size_t kWindow = 40, kRing = 2 * kWindow;  // frames
constexpr double kFrames = 2000;          // noise alone tells one change in so many frames at most
constexpr std::size_t kLeastWindow = 20;  // after a change, while windows hold nothing older
constexpr std::uint64_t kSettled = 60;    // values of d, before its spread is believed
constexpr double kShort = 0.008, kLong = 0.0003;  // weight of the newest value in the spread
constexpr double kClipSpread = 3;                 // a change must not hide the next
constexpr double kSpreadOfMean = 0.7979;          // mean of |d| over its deviation, of a Gaussian
// Mean |d| of white noise over its mean step: it cannot be calmer than that.
constexpr double kWhite = 0.1583;
constexpr std::size_t kRecent = 5;                       // values of the median
constexpr double kOutlier = 6, kClipStep = 5;            // mean steps
constexpr double kStepWeight = 0.005;                    // of the newest step
constexpr std::uint64_t kSteps = 20;                     // steps, before their mean is believed
constexpr double kResolution = 1e-5, kMostValue = 1e30;  // of the level; nothing less is a change
constexpr double kExplains = 2;                          // deviations that are everyday

double median(std::array<double, kRecent> values) {
  std::nth_element(values.begin(), values.begin() + kRecent / 2, values.end());
  return values[kRecent / 2];
}

class Mosum {
 public:
  // How many deviations the windows' means differ by; 0 until that is known.
  double step(double value) {
    push(plausible(value));
    if (filled_ < kRing) return 0;
    const double level = std::min(std::abs(near_), std::abs(far_)) / kWindow;
    const double d = std::abs(near_ - far_) / kWindow;
    const double known = std::max({short_, long_, kWhite * mean_step_});
    const bool settled = spreads_ >= kSettled;
    learn(settled && known > 0 ? std::min(d, kClipSpread * known) : d);
    if (!settled) return 0;
    const double spread = std::max({known, kResolution * level, kLeast});
    return std::min(kMost, kSpreadOfMean * (fresh_ < kRing ? young() : d) / spread);
  }
  void begin_anew() { fresh_ = 0; }

 private:
  // A lone outlier is no regime: the median takes its place, and follows within three values.
  double plausible(double value) {
    const double step = seen_ == 0 ? 0 : std::abs(value - recent_[(seen_ - 1) % kRecent]);
    recent_[seen_++ % kRecent] = value;
    const double middle = seen_ < kRecent ? value : median(recent_);
    const bool believed = steps_ >= kSteps;
    ++steps_;
    const bool outlier = believed && std::abs(value - middle) > kOutlier * mean_step_;
    mean_step_ += ((believed && mean_step_ > 0 ? std::min(step, kClipStep * mean_step_) : step) -
                   mean_step_) *
                  std::max(kStepWeight, 1.0 / static_cast<double>(steps_));
    return outlier ? middle : value;
  }

  void push(double value) {
    float& oldest = ring_[at_];
    float& middle = ring_[(at_ + kWindow) % kRing];
    near_ += static_cast<float>(value) - static_cast<double>(middle);
    far_ += static_cast<double>(middle) - static_cast<double>(oldest);
    oldest = static_cast<float>(value);
    at_ = (at_ + 1) % kRing;
    filled_ = std::min(filled_ + 1, kRing);
    fresh_ = std::min(fresh_ + 1, kRing);
    if (at_ % kWindow == 0) sum_anew();
  }

  // d of the values since the last change alone; as wide as if its windows were full.
  double young() const {
    const std::size_t half = fresh_ / 2;
    if (half < kLeastWindow) return 0;
    double difference = 0;
    for (std::size_t i = 1; i <= half; ++i) {
      difference += ring_[(at_ + kRing - i) % kRing] - ring_[(at_ + kRing - half - i) % kRing];
    }
    return std::abs(difference) / std::sqrt(static_cast<double>(half) * kWindow);
  }

  // Running sums keep the rounding of the largest value they ever held.
  void sum_anew() {
    near_ = far_ = 0;
    for (std::size_t i = 0; i < kWindow; ++i) {
      far_ += ring_[(at_ + i) % kRing];
      near_ += ring_[(at_ + kWindow + i) % kRing];
    }
  }

  void learn(double d) {
    ++spreads_;
    short_ += (d - short_) * std::max(kShort, 1.0 / static_cast<double>(spreads_));
    long_ += (d - long_) * std::max(kLong, 1.0 / static_cast<double>(spreads_));
  }

  static constexpr double kMost = 1e6;  // deviations; an input that never moved has no spread
  static constexpr double kLeast = std::numeric_limits<double>::min();
  std::array<float, kRing> ring_{};
  std::array<double, kRecent> recent_{};
  double near_ = 0, far_ = 0, short_ = 0, long_ = 0, mean_step_ = 0;
  std::size_t at_ = 0, filled_ = 0, fresh_ = kRing;
  std::uint64_t seen_ = 0, steps_ = 0, spreads_ = 0;
};

}  // namespace

struct ChangeDetector::State {
  explicit State(std::size_t inputs)
      : mosums(inputs),
        deviations(inputs, 0),
        shares(inputs, 0),
        limit(std::sqrt(2 * std::log(kFrames * static_cast<double>(inputs)))) {}

  void begin_anew() {
    for (Mosum& mosum : mosums) mosum.begin_anew();
  }

  void explain() {
    double total = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const double beyond = std::max(0.0, deviations[i] - kExplains);
      shares[i] = beyond * beyond;
      total += shares[i];
    }
    for (double& share : shares) share /= total;
  }

  std::vector<Mosum> mosums;
  std::vector<double> deviations, shares;
  double limit;
  base::TimeUs last = std::numeric_limits<base::TimeUs>::min();
  bool told = false;
};

ChangeDetector::ChangeDetector(const ChangeOptions& options)
    : state_(std::make_unique<State>(options.inputs)) {
  LANDER_CHECK(options.inputs > 0);
}
ChangeDetector::~ChangeDetector() = default;

bool ChangeDetector::step(std::span<const double> frame, base::TimeUs time) {
  State& s = *state_;
  LANDER_CHECK(frame.size() == s.mosums.size());
  if (time < s.last) s.begin_anew();
  s.last = time;
  double most = 0;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    const bool present = std::abs(frame[i]) <= kMostValue;  // NaN is not
    s.deviations[i] = present ? s.mosums[i].step(frame[i]) : 0;
    most = std::max(most, s.deviations[i]);
  }
  if (most < s.limit) return false;
  s.explain();
  s.told = true;
  s.begin_anew();
  return true;
}

std::span<const double> ChangeDetector::shares() const {
  return state_->told ? std::span<const double>(state_->shares) : std::span<const double>();
}

}  // namespace lander::model
