#include "model/impute.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace lander::model {

Imputer::Imputer(std::vector<double> precision, std::size_t n)
    : n_(n),
      precision_(std::move(precision)),
      factored_for_(n),
      gaps_(n),
      cholesky_((n / 2 + 1) * (n / 2 + 1)),
      solution_(n / 2 + 1) {
  LANDER_CHECK(precision_.size() == n * n);
}

void Imputer::factor(std::span<const std::uint8_t> missing) {
  if (std::equal(missing.begin(), missing.end(), factored_for_.begin())) return;
  std::copy(missing.begin(), missing.end(), factored_for_.begin());
  gap_count_ = 0;
  for (std::size_t i = 0; i < n_; ++i) {
    if (missing[i]) gaps_[gap_count_++] = static_cast<std::uint32_t>(i);
  }
  const std::size_t m = gap_count_;
  LANDER_CHECK(2 * m <= n_);
  for (std::size_t a = 0; a < m; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      double sum = precision_[gaps_[a] * n_ + gaps_[b]];
      for (std::size_t k = 0; k < b; ++k) sum -= cholesky_[a * m + k] * cholesky_[b * m + k];
      if (a == b) {
        cholesky_[a * m + a] = std::sqrt(std::max(sum, 1e-300));
      } else {
        cholesky_[a * m + b] = sum / cholesky_[b * m + b];
      }
    }
  }
}

void Imputer::fill(std::span<double> x, std::span<const std::uint8_t> missing) {
  factor(missing);
  const std::size_t m = gap_count_;
  for (std::size_t a = 0; a < m; ++a) {
    double sum = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      if (!missing[i]) sum -= precision_[gaps_[a] * n_ + i] * x[i];
    }
    for (std::size_t k = 0; k < a; ++k) sum -= cholesky_[a * m + k] * solution_[k];
    solution_[a] = sum / cholesky_[a * m + a];
  }
  for (std::size_t a = m; a-- > 0;) {
    for (std::size_t k = a + 1; k < m; ++k) solution_[a] -= cholesky_[k * m + a] * solution_[k];
    solution_[a] /= cholesky_[a * m + a];
    // Not finite: P was too close to singular for its Cholesky factor; then the middle is as good.
    if (!std::isfinite(solution_[a])) solution_[a] = 0;
    x[gaps_[a]] = solution_[a];
  }
}

}  // namespace lander::model
