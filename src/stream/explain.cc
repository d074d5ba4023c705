#include "stream/explain.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "stream/message.h"

namespace lander::stream {
namespace {

constexpr double kHigh = 2, kCritical = 4;
constexpr std::size_t kMostCauses = 5, kMostNamed = 3;
constexpr double kLeastShare = 0.05, kNamedShare = 0.8;
// A score is rising from half way between what is usual and the limit; a shorter calm does not end
// it.
constexpr base::DurationUs kCalm = 30 * base::kSecond;
// What is usual: averages over so many quiet frames; the range of training counts as a first few.
constexpr double kLongest = 3000, kSeedFrames = 300, kSeedSpreads = 6;
constexpr double kMostUsual = 4;  // variances; of Gaussian residuals it costs 5 % of the deviation
constexpr double kWorthTelling = 1;  // deviations

alert::Severity severity_of(double score) {
  if (score >= kCritical) return alert::Severity::kCritical;
  return score >= kHigh ? alert::Severity::kHigh : alert::Severity::kMedium;
}

}  // namespace

Explanation::Explanation(std::vector<model::Input> inputs, std::string asset)
    : inputs_(std::move(inputs)),
      asset_(std::move(asset)),
      frame_(inputs_.size()),
      expected_(inputs_.size()),
      weights_(inputs_.size()) {
  for (const model::Input& input : inputs_) {
    const double spread = (input.most - input.least) / kSeedSpreads;
    variance_.push_back(std::isfinite(spread) ? spread * spread : 0);
  }
}

void Explanation::restart() {
  std::fill(weights_.begin(), weights_.end(), 0.0);
  most_ = 0;
  since_ = high_ = 0;
}

void Explanation::learn_usual(const model::Score& score) {
  quiet_ = std::min(quiet_ + 1, kLongest);
  typical_ += (score.score - typical_) / quiet_;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const double residual = frame_[i] - expected_[i];
    if (std::isnan(residual)) continue;
    // A fault that has begun, before the score shows it, must not become what is usual.
    const double square = std::min(residual * residual, kMostUsual * variance_[i]);
    variance_[i] += (square - variance_[i]) / (quiet_ + kSeedFrames);
  }
}

void Explanation::add(std::span<const double> frame, const model::Score& score, base::TimeUs time) {
  if (!score.valid) return;
  std::copy(frame.begin(), frame.end(), frame_.begin());
  std::copy(score.expected.begin(), score.expected.end(), expected_.begin());
  if (score.score < (1 + typical_) / 2) {
    learn_usual(score);
    if (time - high_ > kCalm || time < high_) since_ = 0;
  } else {
    if (since_ == 0) since_ = time;
    high_ = time;
  }
  if (score.score < 1) {
    std::fill(weights_.begin(), weights_.end(), 0.0);
    most_ = 0;
    return;
  }
  for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i] += score.score * score.shares[i];
  most_ = std::max(most_, score.score);
}

double Explanation::deviation(std::size_t i, double from_expected) const {
  const double usual = std::sqrt(variance_[i]);
  const double noise_of_arithmetic = 1e-9 * std::abs(expected_[i]);
  return usual > noise_of_arithmetic ? from_expected / usual
                                     : std::numeric_limits<double>::quiet_NaN();
}

void Explanation::fill(alert::Info& info) const {
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  std::vector<std::size_t> order(weights_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return weights_[a] > weights_[b]; });
  info.asset = asset_;
  info.score = most_;
  info.severity = severity_of(most_);
  info.since = since_;
  std::string named;
  std::size_t names = 0;
  double covered = 0;
  for (const std::size_t i : order) {
    const double share = total > 0 ? weights_[i] / total : 0;
    if (info.causes.size() == kMostCauses || (share < kLeastShare && !info.causes.empty())) break;
    const bool missing = std::isnan(frame_[i]);
    const double value = missing ? expected_[i] : frame_[i];
    const double by = deviation(i, value - expected_[i]);
    info.causes.push_back({inputs_[i].datastream, share, value, expected_[i], inputs_[i].unit, by});
    info.detail += info.detail.empty() ? "" : "; ";
    info.detail += inputs_[i].property + " " + (missing ? "missing" : quantity(value, i)) +
                   ", expected " + shown(expected_[i]);
    if (std::abs(by) >= kWorthTelling) info.detail += " (" + shown(std::abs(by), 2) + " σ off)";
    if (names < kMostNamed && covered < kNamedShare) {
      named += (named.empty() ? "" : ", ") + inputs_[i].property;
      covered += share;
      ++names;
    }
  }
  const std::size_t slash = asset_.rfind('/');
  info.title = "Unusual behaviour of " +
               (slash == std::string::npos ? asset_ : asset_.substr(slash + 1)) + ": " + named;
}

std::string Explanation::quantity(double value, std::size_t i) const {
  return shown(value) + (inputs_[i].unit == "1" ? "" : " " + inputs_[i].unit);
}

}  // namespace lander::stream
