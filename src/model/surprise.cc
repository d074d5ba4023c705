#include "model/surprise.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "model/surprise_novelty.h"
#include "model/surprise_tail.h"

namespace lander::model {
namespace {

constexpr std::size_t kMostLags = 2048, kFewestLags = 256;
constexpr std::size_t kAllLags = 1 << 20;  // of all inputs together: a bound on memory and time
constexpr std::size_t kFirst = 32;         // values that set an input's centre and unit
constexpr double kAbsurd = 1e30;           // no quantity in any unit: as good as missing
constexpr double kSpreadRate = 0.001;
constexpr double kMostSpreads = 10;     // by which one value may move level and spread
constexpr double kFloor = 0.05;         // spreads: a novelty below it is none
constexpr double kLeastFloor = 1e-6;    // units
constexpr std::uint32_t kAstray = 100;  // values in a row beyond all scale: the input began anew

constexpr double kCopies = 0.7;        // two noisy copies of one episode are √2 further apart
constexpr std::size_t kCoarse = 6;     // values whose mean is one value of the coarse course
constexpr double kCoarseWeight = 0.5;  // of its surprise

constexpr double kHabituation = 0.995;  // of the memory of a peak that is left a frame later
constexpr double kRenewed = 1.4;        // times that memory is news again
constexpr double kMuted = 0.5;          // the most that what is no news scores

// Slower still: what is often news must be stranger to be news again.
constexpr double kWearsFrom = 0.8, kWearing = 0.03, kWearLeft = 1 - 1.0 / 4000;

constexpr double kIntervalRate = 0.02;
// Surprise that simulated noise reaches about as often as the budget allows: so many a decade of
// values in an allowed alarm, and never less than both spans beyond their quantiles.
constexpr double kLimitBase = 1.4, kLimitPerDecade = 0.86, kLeastLimit = 4.2;

std::size_t lags_for(std::size_t inputs) {
  return std::clamp(kAllLags / inputs / kFewestLags * kFewestLags, kFewestLags, kMostLags);
}

double median(std::array<double, kFirst> values) {
  std::nth_element(values.begin(), values.begin() + kFirst / 2, values.end());
  return values[kFirst / 2];
}

// A course of values, and how surprising the last of them is.
class Course {
 public:
  explicit Course(std::size_t lags) : novelty_(lags) {}

  double step(double z, double floor) {
    novelty_.step(static_cast<float>(z));
    if (!novelty_.ready()) return 0;
    double surprise = 0;
    bool unknown = true;
    for (std::size_t i = 0; i < kSurpriseSpans; ++i) {
      double novelty = novelty_.novelty(i);
      if (tails_[i].exceeded_by(novelty, floor)) {
        novelty = std::min(novelty, kCopies * novelty_.recalled(i));
      }
      unknown = unknown && tails_[i].exceeded_by(novelty, floor);
      surprise += tails_[i].step(novelty, floor);
    }
    if (unknown) novelty_.remember();
    return surprise;
  }

  double expected(double otherwise) const {
    return novelty_.ready() ? novelty_.expected() : otherwise;
  }

  void reset() {
    novelty_.reset();
    tails_ = {};
  }

 private:
  SurpriseNovelty novelty_;
  std::array<SurpriseTail, kSurpriseSpans> tails_;
};

// One input: its scale, its past, and how surprising it is now.
class Channel {
 public:
  explicit Channel(std::size_t lags) : fine_(lags), coarse_(lags) {}

  void step(double value) {
    if (first_count_ < kFirst) {
      first_[first_count_++] = value;
      expected_ = value;
      if (first_count_ == kFirst) settle();
      return;
    }
    take(value);
  }

  void reset() {
    first_count_ = 0;
    astray_ = 0;
    taken_ = 0;
    level_ = spread_ = surprise_ = 0;
    gathered_ = coarse_surprise_ = 0;
    gathered_count_ = 0;
    fine_.reset();
    coarse_.reset();
  }

  double surprise() const { return surprise_; }
  double expected() const { return expected_; }

 private:
  // The centre and unit by medians, so that an absurd value among the first does not set them.
  void settle() {
    centre_ = median(first_);
    std::array<double, kFirst> apart;
    for (std::size_t i = 0; i < kFirst; ++i) apart[i] = std::abs(first_[i] - centre_);
    unit_ = median(apart);
    if (!(unit_ > std::abs(centre_) * 1e-6)) unit_ = std::abs(centre_) * 1e-3;
    if (!(unit_ > 1e-290)) unit_ = 1;
    for (const double value : first_) take(value);
  }

  void take(double value) {
    constexpr double kMost = SurpriseNovelty::kMost;
    const double z = std::clamp((value - centre_) / unit_, -kMost, kMost);
    expected_ = centre_ + unit_ * fine_.expected(z);
    const double floor = std::max(kFloor * spread_, kLeastFloor);
    gathered_ += z;
    if (++gathered_count_ == kCoarse) {
      coarse_surprise_ = coarse_.step(gathered_ / kCoarse, floor);
      gathered_ = 0;
      gathered_count_ = 0;
    }
    surprise_ = fine_.step(z, floor) + kCoarseWeight * coarse_surprise_;
    follow(z);
    astray_ = std::abs(z) < kMost ? 0 : astray_ + 1;
    if (astray_ >= kAstray) reset();
  }

  void follow(double z) {
    ++taken_;
    const double rate = std::max(kSpreadRate, 1 / static_cast<double>(taken_));
    const double most = spread_ > 0 ? kMostSpreads * spread_ : std::abs(z - level_);
    level_ += rate * std::clamp(z - level_, -most, most);
    spread_ += rate * (std::min(std::abs(z - level_), most) - spread_);
  }

  std::array<double, kFirst> first_{};
  std::size_t first_count_ = 0;
  std::uint32_t astray_ = 0;
  std::int64_t taken_ = 0;
  double centre_ = 0, unit_ = 1, level_ = 0, spread_ = 0, surprise_ = 0, expected_ = 0;
  double gathered_ = 0, coarse_surprise_ = 0;
  std::size_t gathered_count_ = 0;
  Course fine_, coarse_;
};

class SurpriseDetector final : public Detector {
 public:
  explicit SurpriseDetector(const SurpriseOptions& options)
      : per_day_(options.false_alarms_per_day),
        channels_(options.inputs, Channel(lags_for(options.inputs))) {
    score_.shares.resize(options.inputs);
    score_.expected.resize(options.inputs);
  }

  std::size_t inputs() const override { return channels_.size(); }

  const Score& score(std::span<const double> frame, base::TimeUs time) override {
    LANDER_CHECK(frame.size() == channels_.size());
    observe_interval(time);
    std::size_t present = 0;
    double most = 0, sum = 0;
    for (std::size_t i = 0; i < frame.size(); ++i) {
      score_.shares[i] = 0;
      if (!(std::abs(frame[i]) < kAbsurd)) continue;  // NaN, too
      ++present;
      channels_[i].step(frame[i]);
      score_.shares[i] = channels_[i].surprise() * channels_[i].surprise();
      score_.expected[i] = channels_[i].expected();
      most = std::max(most, channels_[i].surprise());
      sum += score_.shares[i];
    }
    for (double& share : score_.shares) {
      share = sum > 0 ? share / sum : 1 / static_cast<double>(frame.size());
    }
    score_.valid = present > 0;
    if (present > 0) judge_news(most / limit(present));
    return score_;
  }

  void reset() override {
    for (Channel& channel : channels_) channel.reset();
    memory_ = wear_ = interval_ = 0;
    timed_ = false;
  }

 private:
  void observe_interval(base::TimeUs time) {
    const double passed = static_cast<double>(time) - static_cast<double>(last_time_);
    last_time_ = time;
    if (!std::exchange(timed_, true) || passed <= 0) return;
    // Its median, in logarithms: a gap, or a clock that leaps, counts as one step up.
    if (interval_ == 0) interval_ = passed;
    interval_ *= passed > interval_   ? 1 + kIntervalRate
                 : passed < interval_ ? 1 - kIntervalRate
                                      : 1;
  }

  // The budget is shared by the inputs (Bonferroni).
  double limit(std::size_t present) const {
    const double interval = interval_ > 0 ? interval_ : static_cast<double>(base::kSecond);
    const double values =
        static_cast<double>(base::kDay) / interval / per_day_ * static_cast<double>(present);
    return std::max(kLimitBase + kLimitPerDecade * std::log10(values), kLeastLimit);
  }

  void judge_news(double score) {
    const bool news = score > kRenewed * memory_;
    memory_ *= kHabituation;
    const double worn = 1 + wear_;
    wear_ *= kWearLeft;
    if (news) {
      memory_ = std::max(memory_, score);
      if (score > kWearsFrom) wear_ += kWearing;
    }
    score_.score = news ? score / worn : std::min(score / worn, kMuted);
  }

  double per_day_;
  std::vector<Channel> channels_;
  bool timed_ = false;
  base::TimeUs last_time_ = 0;
  double interval_ = 0;           // microseconds
  double memory_ = 0, wear_ = 0;  // of the last peak; of all
  Score score_;
};

}  // namespace

std::unique_ptr<Detector> make_surprise(const SurpriseOptions& options) {
  LANDER_CHECK(options.inputs >= 1 && options.inputs <= kMaxInputs);
  LANDER_CHECK(options.false_alarms_per_day > 0);
  return std::make_unique<SurpriseDetector>(options);
}

JudgeOptions surprise_judge_options() { return {.clear_below = 1}; }

}  // namespace lander::model
