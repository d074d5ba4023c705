#include "model/t2q.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace lander::model {
namespace {

// A sum of squares cannot be kept within rounding by two orders of additions, nor needs it.
constexpr double kOrthonormal = 1e-6;

bool within(double value, double least, double most) {
  return std::isfinite(value) && value >= least && value <= most;
}

base::Error wrong(const std::string& what) {
  return base::Error(base::Code::kInvalid, "t2q parameters: " + what);
}

base::Status validate_vectors(const T2q& p) {
  const std::size_t n = p.inputs();
  for (const double v : p.vectors) {
    if (!within(v, -1.000001, 1.000001)) return wrong("an eigenvector is out of range");
  }
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = a; b < n; ++b) {
      double dot = 0;
      for (std::size_t i = 0; i < n; ++i) dot += p.vectors[a * n + i] * p.vectors[b * n + i];
      if (std::abs(dot - (a == b ? 1 : 0)) > kOrthonormal) {
        return wrong("eigenvectors " + std::to_string(a) + " and " + std::to_string(b) +
                     " are not orthonormal");
      }
    }
  }
  return {};
}

}  // namespace

base::Status validate(const T2q& p) {
  const std::size_t n = p.inputs();
  if (n < 1 || n > kMaxT2qInputs) return wrong("1 to 256 inputs, not " + std::to_string(n));
  if (p.scale.size() != n || p.variances.size() != n || p.frozen_frames.size() != n ||
      p.vectors.size() != n * n) {
    return wrong("sizes differ from the number of inputs");
  }
  if (p.kept < 1 || p.kept > n) return wrong("kept components must be 1 to the number of inputs");
  if (!within(p.smoothing, 1e-6, 1)) return wrong("smoothing must be in (0, 1]");
  if (!within(p.t2_limit, 1e-9, 1e12) || !within(p.q_limit, 1e-9, 1e12)) {
    return wrong("a limit is out of range");
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::string at = " of input " + std::to_string(i);
    if (!within(p.centre[i], -1e15, 1e15)) return wrong("centre" + at);
    if (!within(p.scale[i], 1e-15, 1e15)) return wrong("scale" + at);
    if (!within(p.frozen_frames[i], 0, 1e9)) return wrong("frozen_frames" + at);
    if (!within(p.variances[i], 1e-9, 1e12)) return wrong("variance" + at);
  }
  return validate_vectors(p);
}

std::vector<double> combined_index(const T2q& p) {
  LANDER_CHECK(validate(p).ok());
  const std::size_t n = p.inputs();
  std::vector<double> phi(n * n, 0);
  for (std::size_t j = 0; j < n; ++j) {
    const double* v = &p.vectors[j * n];
    const double weight = 1 / (p.variances[j] * p.t2_limit) + (j >= p.kept ? 1 / p.q_limit : 0);
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = 0; b < n; ++b) phi[a * n + b] += v[a] * v[b] * weight;
    }
  }
  return phi;
}

T2qDetector::T2qDetector(T2q parameters)
    : parameters_(std::move(parameters)),
      imputer_(combined_index(parameters_), inputs()),
      frozen_(inputs()) {
  const std::size_t n = inputs();
  z_.resize(n);
  missing_.resize(n);
  score_.shares.resize(n);
  score_.expected.resize(n);
  reset();
}

void T2qDetector::reset() {
  const std::size_t n = inputs();
  smoothed_.assign(n, 0);
  frozen_.reset();
  t2_ = q_ = 0;
}

// Returns whether enough is present.
bool T2qDetector::standardise(std::span<const double> frame) {
  std::size_t gaps = 0;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    const double x = frame[i];
    missing_[i] = !std::isfinite(x);
    if (missing_[i]) {
      ++gaps;
      continue;
    }
    frozen_.see(i, x);
    z_[i] = std::clamp((x - parameters_.centre[i]) / parameters_.scale[i], -kClip, kClip);
  }
  return 2 * gaps <= frame.size();
}

void T2qDetector::explain() {
  const std::size_t n = inputs();
  const std::vector<double>& phi = imputer_.precision();
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < n; ++k) sum += phi[i * n + k] * smoothed_[k];
    const double correction = sum / phi[i * n + i];
    score_.expected[i] = parameters_.centre[i] + parameters_.scale[i] * (smoothed_[i] - correction);
    score_.shares[i] = missing_[i] ? 0 : sum * correction;
    total += score_.shares[i];
  }
  for (double& share : score_.shares) share = total > 0 ? share / total : 0;
}

const Score& T2qDetector::score(std::span<const double> frame, base::TimeUs /*time*/) {
  LANDER_CHECK(frame.size() == inputs());
  const std::size_t n = inputs();
  score_.valid = standardise(frame);
  if (!score_.valid) {
    score_.score = 0;
    std::fill(score_.shares.begin(), score_.shares.end(), 0.0);
    std::copy(parameters_.centre.begin(), parameters_.centre.end(), score_.expected.begin());
    return score_;
  }
  imputer_.fill(z_, missing_);
  for (double& z : z_) z = std::clamp(z, -kClip, kClip);
  for (std::size_t i = 0; i < n; ++i) {
    smoothed_[i] += parameters_.smoothing * (z_[i] - smoothed_[i]);
  }
  t2_ = q_ = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const double* v = &parameters_.vectors[j * n];
    double t = 0;
    for (std::size_t i = 0; i < n; ++i) t += v[i] * smoothed_[i];
    t2_ += t * t / parameters_.variances[j];
    if (j >= parameters_.kept) q_ += t * t;
  }
  score_.score = std::sqrt(std::max(t2_ / parameters_.t2_limit, q_ / parameters_.q_limit));
  explain();
  frozen_.judge(parameters_.frozen_frames, missing_, score_);
  return score_;
}

}  // namespace lander::model
