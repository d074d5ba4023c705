#include "learn/self_taught.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "learn/learn.h"

namespace lander::learn {
namespace {

constexpr std::size_t kFirst = 400;  // frames that teach before any is judged
constexpr double kGrowth = 1.5;      // of the past, until it is learned from again
constexpr std::size_t kMargin = 60;  // frames before and after an excursion that belong to it
// An excursion that ended is taken in when the past has grown by this share of itself since.
constexpr double kForgiving = 1;
constexpr double kNewNormal = 0.5;  // of the past: so much that is strange is strange no more
constexpr double kYouth = 40;       // how much wider limits are after no frames at all
constexpr double kYoungFrames = 600;
constexpr double kYoungTime = 600;                 // s; as training has it
constexpr double kAbsurd = 1e30;                   // no quantity in any unit: as good as missing
constexpr std::size_t kMostAside = 4;              // a quarter of the past's frames are set aside
constexpr std::size_t kForgotten = 4;              // a quarter, where the past is full
constexpr std::size_t kReplayed = 1000;            // frames that a new model's averages begin with
constexpr double kLongestStep = 10;                // intervals; more is a gap
constexpr base::DurationUs kGap = 4, kNoStep = 1;  // intervals; training ends a stretch at over 3

// The clock counts frames: training must not trust a file's times to ascend.
struct Rows {
  std::vector<base::TimeUs> times;
  std::vector<float> values;
  std::size_t size() const { return times.size(); }
};

void drop_first(Rows& rows, std::size_t count, std::size_t inputs) {
  rows.times.erase(rows.times.begin(), rows.times.begin() + static_cast<std::ptrdiff_t>(count));
  rows.values.erase(rows.values.begin(),
                    rows.values.begin() + static_cast<std::ptrdiff_t>(count * inputs));
}

void move_first(Rows& from, std::size_t count, std::size_t inputs, Rows& to) {
  const auto rows = static_cast<std::ptrdiff_t>(count);
  const auto values = static_cast<std::ptrdiff_t>(count * inputs);
  to.times.insert(to.times.end(), from.times.begin(), from.times.begin() + rows);
  to.values.insert(to.values.end(), from.values.begin(), from.values.begin() + values);
  drop_first(from, count, inputs);
}

// `older` goes before all that is there, with a gap between.
void put_before(const Rows& older, base::DurationUs gap, Rows& to) {
  const base::TimeUs shift = to.times.front() - gap - older.times.back();
  to.times.insert(to.times.begin(), older.times.begin(), older.times.end());
  for (std::size_t r = 0; r < older.size(); ++r) to.times[r] += shift;
  to.values.insert(to.values.begin(), older.values.begin(), older.values.end());
}

double youth(double seen, double unit) { return 1 / (1 + seen / unit); }

class SelfTaughtDetector final : public SelfTaught {
 public:
  explicit SelfTaughtDetector(const SelfTaughtOptions& options)
      : inputs_(options.inputs),
        interval_(options.interval),
        most_(std::max(options.most_bytes / (inputs_ * sizeof(float) + sizeof(base::TimeUs)),
                       2 * kFirst)) {
    for (std::size_t i = 0; i < inputs_; ++i) {
      named_.push_back({std::to_string(i), 1, "", "", 0, 0});
    }
    request_.false_alarms_per_day = options.false_alarms_per_day;
    score_.expected.resize(inputs_);
    reset();
  }

  std::size_t inputs() const override { return inputs_; }
  const std::string& untaught() const override { return untaught_; }

  const model::Score& score(std::span<const double> frame, base::TimeUs time) override {
    LANDER_CHECK(frame.size() == inputs_);
    judge(frame);
    remember(frame, time);
    return score_;
  }

  void reset() override {
    past_ = recent_ = {};
    aside_.clear();
    aside_rows_ = seen_ = quiet_ = 0;
    next_ = kFirst;
    clock_ = last_ = 0;
    begun_ = excursion_ = false;
    detector_.reset();
    used_.clear();
    score_.shares.assign(inputs_, 1 / static_cast<double>(inputs_));
    untaught_ = "it learns from the first " + std::to_string(kFirst) + " rows";
  }

 private:
  struct Aside {
    Rows rows;
    std::size_t ended;  // how much past there was
  };

  void judge(std::span<const double> frame) {
    score_.valid = false;
    score_.score = 0;
    for (std::size_t i = 0; i < inputs_; ++i) {
      const bool present = std::abs(frame[i]) < kAbsurd;  // NaN is not
      score_.valid = score_.valid || present;
      score_.expected[i] = present ? frame[i] : 0;
    }
    if (!detector_) return;
    for (std::size_t k = 0; k < used_.size(); ++k) {
      const double value = frame[used_[k]];
      frame_[k] = std::abs(value) < kAbsurd ? value : NAN;
    }
    const model::Score& judged = detector_->score(frame_, 0);
    score_.valid = judged.valid;
    score_.score = judged.score;
    for (std::size_t k = 0; k < used_.size(); ++k) {
      score_.shares[used_[k]] = judged.shares[k];
      score_.expected[used_[k]] = judged.expected[k];
    }
  }

  void remember(std::span<const double> frame, base::TimeUs time) {
    add(frame, time);
    if (score_.valid && score_.score >= 1) {
      excursion_ = true;
      quiet_ = 0;
    } else if (excursion_ && ++quiet_ >= kMargin) {
      set_aside();
    }
    if (excursion_) {
      const auto half = static_cast<std::size_t>(kNewNormal * static_cast<double>(past_.size()));
      if (recent_.size() + aside_rows_ >= std::max(half, kFirst)) accept();
    } else if (!detector_ || recent_.size() >= 2 * kMargin) {
      settle(detector_ ? kMargin : 0);
      if (past_.size() >= next_) learn();
    }
  }

  void add(std::span<const double> frame, base::TimeUs time) {
    const double passed = static_cast<double>(time) - static_cast<double>(last_);
    const bool gap = passed < 0 || passed > kLongestStep * static_cast<double>(interval_);
    last_ = time;
    clock_ += (std::exchange(begun_, true) && gap ? kGap : kNoStep) * interval_;
    recent_.times.push_back(clock_);
    for (const double value : frame) {
      recent_.values.push_back(std::abs(value) < kAbsurd ? static_cast<float>(value) : NAN);
    }
  }

  // What is neither strange nor just before something strange is past.
  void settle(std::size_t kept) {
    const std::size_t count = recent_.size() - kept;
    seen_ += count;
    move_first(recent_, count, inputs_, past_);
  }

  void set_aside() {
    excursion_ = false;
    aside_rows_ += recent_.size();
    aside_.push_back({std::exchange(recent_, {}), seen_});
    while (aside_rows_ > most_ / kMostAside) forget_aside();
  }

  void accept() {
    excursion_ = false;
    while (!aside_.empty()) take_in();
    settle(0);
    learn();
  }

  // It begins the past, so that the limits are set, as ever, by the latest.
  void take_in() {
    put_before(aside_.front().rows, kGap * interval_, past_);
    forget_aside();
  }

  void forget_aside() {
    aside_rows_ -= aside_.front().rows.size();
    aside_.pop_front();
  }

  bool forgiven(const Aside& aside) const {
    const auto since = static_cast<double>(seen_ - aside.ended);
    return since >= kForgiving * static_cast<double>(std::min(aside.ended, most_ / 2));
  }

  void learn() {
    while (!aside_.empty() && forgiven(aside_.front())) take_in();
    Frames frames;
    frames.inputs = named_;
    frames.interval = interval_;
    frames.times = std::move(past_.times);
    frames.values = std::move(past_.values);
    const auto model = train(frames, request_);
    past_ = {std::move(frames.times), std::move(frames.values)};
    if (model.ok()) {
      use(*model);
    } else if (!detector_) {
      untaught_ = model.error().message();
    }
    if (past_.size() >= most_)
      drop_first(past_, past_.size() - most_ + most_ / kForgotten, inputs_);
    next_ = std::min(static_cast<std::size_t>(kGrowth * static_cast<double>(past_.size())), most_);
  }

  void use(const model::Model& model) {
    auto parameters = model::decode_mewma(model.body);
    LANDER_CHECK(parameters.ok());
    widen(*parameters);
    used_.clear();
    for (const model::Input& input : model.inputs) used_.push_back(std::stoul(input.datastream));
    frame_.resize(used_.size());
    std::fill(score_.shares.begin(), score_.shares.end(), 0.0);
    detector_.emplace(std::move(*parameters));
    replay(past_);
    replay(recent_);
    untaught_.clear();
  }

  // Training allows for the seconds that were not seen yet; frames that are minutes apart tell as
  // little of a plant in ten minutes as frames that are seconds apart in ten seconds.
  void widen(model::Mewma& parameters) const {
    const auto rows = static_cast<double>(past_.size());
    const double seconds = rows * static_cast<double>(interval_) / base::kSecond;
    const double young = std::max(0.0, youth(rows, kYoungFrames) - youth(seconds, kYoungTime));
    const double wider = 1 + kYouth * young * young;
    parameters.pattern.at *= wider;
    parameters.level.at *= wider;
    for (double& frames : parameters.frozen_frames) frames *= wider;
  }

  void replay(const Rows& rows) {
    for (std::size_t r = rows.size() - std::min(rows.size(), kReplayed); r < rows.size(); ++r) {
      for (std::size_t k = 0; k < used_.size(); ++k) {
        frame_[k] = rows.values[r * inputs_ + used_[k]];
      }
      detector_->score(frame_, 0);
    }
  }

  const std::size_t inputs_;
  const base::DurationUs interval_;
  const std::size_t most_;  // frames of the past
  std::vector<model::Input> named_;
  Request request_;
  std::string untaught_;

  Rows past_;    // what is learned from
  Rows recent_;  // not decided yet, or the excursion that lasts
  std::deque<Aside> aside_;
  std::size_t aside_rows_ = 0, seen_ = 0, quiet_ = 0, next_ = kFirst;
  base::TimeUs clock_ = 0, last_ = 0;
  bool begun_ = false, excursion_ = false;

  std::optional<model::MewmaDetector> detector_;
  std::vector<std::size_t> used_;  // the model's inputs among those of a frame
  std::vector<double> frame_;
  model::Score score_;
};

}  // namespace

std::unique_ptr<SelfTaught> make_self_taught(const SelfTaughtOptions& options) {
  LANDER_CHECK(options.inputs >= 2 && options.inputs <= kMaxSelfTaughtInputs);
  LANDER_CHECK(options.interval > 0 && options.interval <= base::kDay);
  LANDER_CHECK(options.false_alarms_per_day > 0);
  return std::make_unique<SelfTaughtDetector>(options);
}

}  // namespace lander::learn
