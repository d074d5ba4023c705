// Fills in what is missing from what is present.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lander::model {

// The missing x that minimise xᵀPx given the present ones: P_mm x_m = -P_mo x_o. Under a Gaussian
// of precision P around zero that is their conditional expectation. Allocates when it is made; the
// Cholesky factor is kept until another set of inputs is missing. Not thread-safe.
class Imputer {
 public:
  // `precision`: n x n, symmetric, positive definite.
  Imputer(std::vector<double> precision, std::size_t n);
  // `missing`: n flags; at most half of them set. Writes only the missing of `x`.
  void fill(std::span<double> x, std::span<const std::uint8_t> missing);
  const std::vector<double>& precision() const { return precision_; }

 private:
  void factor(std::span<const std::uint8_t> missing);

  std::size_t n_;
  std::vector<double> precision_;
  std::vector<std::uint8_t> factored_for_;
  std::vector<std::uint32_t> gaps_;  // the missing inputs' numbers, first gap_count_
  std::size_t gap_count_ = 0;
  std::vector<double> cholesky_, solution_;
};

}  // namespace lander::model
