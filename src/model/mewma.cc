#include "model/mewma.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace lander::model {
namespace {

constexpr double kLeastLimit =
    0.3;  // a limit is never re-scaled below this share of what was trained

bool within(double value, double least, double most) {
  return std::isfinite(value) && value >= least && value <= most;
}

base::Error wrong(const std::string& what) {
  return base::Error(base::Code::kInvalid, "mewma parameters: " + what);
}

bool valid(const ChartLimit& limit) {
  return within(limit.at, 1e-6, 1e9) && within(limit.per_e_fold, 0, 1e9);
}

double limit_for(const ChartLimit& limit, double e_folds) {
  return std::max(limit.at + limit.per_e_fold * e_folds, kLeastLimit * limit.at);
}

}  // namespace

base::Status validate(const Mewma& p) {
  const std::size_t n = p.inputs();
  if (n < 1 || n > kMaxMewmaInputs) return wrong("1 to 256 inputs, not " + std::to_string(n));
  if (p.scale.size() != n || p.mean.size() != n || p.middle.size() != n ||
      p.tolerance.size() != n || p.frozen_frames.size() != n || p.whiten.size() != n * n) {
    return wrong("sizes differ from the number of inputs");
  }
  if (!within(p.fast, 1e-6, 1) || !within(p.slow, 1e-6, 1)) {
    return wrong("weights must be in (0, 1]");
  }
  if (!valid(p.pattern) || !valid(p.level)) return wrong("a limit is out of range");
  for (std::size_t i = 0; i < n; ++i) {
    const std::string at = " of input " + std::to_string(i);
    if (!within(p.centre[i], -kMostValue, kMostValue)) return wrong("centre" + at);
    if (!within(p.scale[i], 1e-15, kMostValue)) return wrong("scale" + at);
    if (!within(p.mean[i], -1e3, 1e3)) return wrong("mean" + at);
    if (!within(p.middle[i], -kMostValue, kMostValue)) return wrong("middle" + at);
    if (!within(p.tolerance[i], 1e-15, kMostValue)) return wrong("tolerance" + at);
    if (!within(p.frozen_frames[i], 0, 1e9)) return wrong("frozen_frames" + at);
  }
  for (const double w : p.whiten) {
    if (!within(w, -1e6, 1e6)) return wrong("the whitening matrix is out of range");
  }
  return {};
}

std::vector<double> precision(const Mewma& p) {
  LANDER_CHECK(validate(p).ok());
  const std::size_t n = p.inputs();
  std::vector<double> out(n * n, 0);
  for (std::size_t j = 0; j < n; ++j) {
    const double* w = &p.whiten[j * n];
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = 0; b < n; ++b) out[a * n + b] += w[a] * w[b];
    }
  }
  for (std::size_t i = 0; i < n; ++i) out[i * n + i] += 1e-9 * (1 + out[i * n + i]);
  return out;
}

double squash(double z) {
  const double size = std::abs(z);
  return size <= kKnee ? z : std::copysign(kKnee * (1 + std::log(size / kKnee)), z);
}

double unsquash(double z) {
  const double size = std::abs(z);
  return size <= kKnee ? z : std::copysign(kKnee * std::exp(size / kKnee - 1), z);
}

MewmaDetector::MewmaDetector(Mewma parameters, double budget_e_folds)
    : parameters_(std::move(parameters)),
      pattern_limit_(limit_for(parameters_.pattern, budget_e_folds)),
      level_limit_(limit_for(parameters_.level, budget_e_folds)),
      imputer_(precision(parameters_), inputs()),
      frozen_(inputs()) {
  const std::size_t n = inputs();
  missing_.resize(n);
  score_.shares.resize(n);
  score_.expected.resize(n);
  reset();
}

// Begins at what was normal: the first frame alone, noisy as it is, must not count as the average.
void MewmaDetector::reset() {
  const std::size_t n = inputs();
  d_.assign(n, 0);
  quick_ = slow_ = parameters_.middle;
  levels_.assign(n, 0);
  frozen_.reset();
  pattern_ = level_ = 0;
}

// Returns whether enough is present.
bool MewmaDetector::take(std::span<const double> frame) {
  const Mewma& p = parameters_;
  std::size_t gaps = 0;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    missing_[i] = !std::isfinite(frame[i]);
    gaps += missing_[i];
  }
  if (2 * gaps > frame.size()) return false;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    if (missing_[i]) continue;
    const double x = std::clamp(frame[i], -kMostValue, kMostValue);
    frozen_.see(i, x);
    d_[i] += p.fast * (squash((x - p.centre[i]) / p.scale[i]) - p.mean[i] - d_[i]);
    quick_[i] += p.fast * (x - quick_[i]);
    slow_[i] += p.slow * (x - slow_[i]);
  }
  if (gaps > 0) imputer_.fill(d_, missing_);
  return true;
}

double MewmaDetector::level_of(std::size_t i) const {
  const double quick = quick_[i] - parameters_.middle[i], slow = slow_[i] - parameters_.middle[i];
  if (quick * slow <= 0) return 0;
  return std::min(std::abs(quick), std::abs(slow)) / parameters_.tolerance[i];
}

void MewmaDetector::explain_pattern() {
  const std::size_t n = inputs();
  const Mewma& p = parameters_;
  const std::vector<double>& precision = imputer_.precision();
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < n; ++k) sum += precision[i * n + k] * d_[k];
    const double correction = sum / precision[i * n + i];
    const double z = unsquash(std::clamp(p.mean[i] + d_[i] - correction, -100.0, 100.0));
    score_.expected[i] = p.centre[i] + p.scale[i] * z;
    score_.shares[i] = missing_[i] ? 0 : sum * correction;
    total += score_.shares[i];
  }
  for (double& share : score_.shares) share = total > 0 ? share / total : 0;
}

void MewmaDetector::explain_level() {
  double total = 0;
  for (std::size_t i = 0; i < inputs(); ++i) {
    score_.shares[i] = std::min(levels_[i] * levels_[i], 1e12);
    total += score_.shares[i];
    score_.expected[i] = parameters_.middle[i];
  }
  for (double& share : score_.shares) share = total > 0 ? share / total : 0;
}

const Score& MewmaDetector::score(std::span<const double> frame, base::TimeUs /*time*/) {
  LANDER_CHECK(frame.size() == inputs());
  const std::size_t n = inputs();
  score_.valid = take(frame);
  if (!score_.valid) {
    score_.score = 0;
    std::fill(score_.shares.begin(), score_.shares.end(), 0.0);
    score_.expected = parameters_.middle;
    return score_;
  }
  double square = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const double* w = &parameters_.whiten[j * n];
    double t = 0;
    for (std::size_t i = 0; i < n; ++i) t += w[i] * d_[i];
    square += t * t;
  }
  pattern_ = std::sqrt(square);
  level_ = 0;
  for (std::size_t i = 0; i < n; ++i) {
    levels_[i] = missing_[i] ? 0 : level_of(i);
    level_ = std::max(level_, levels_[i]);
  }
  const double pattern = pattern_ / pattern_limit_, level = level_ / level_limit_;
  const double alarm = std::max(pattern, level);
  score_.score =
      alarm >= kAlarmBand ? std::min(alarm, 1e6) : kAlarmBand * pattern_ / (pattern_ + kRankHalf);
  if (level > pattern && alarm >= kAlarmBand) {
    explain_level();
  } else {
    explain_pattern();
  }
  frozen_.judge(parameters_.frozen_frames, missing_, score_);
  return score_;
}

}  // namespace lander::model
