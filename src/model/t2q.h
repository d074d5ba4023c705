// T²+Q: Hotelling's T² and the squared prediction error over standardised, smoothed inputs.
//
// z = (x - centre) / scale, clipped to ±kClip; e = EWMA of z (Lowry et al. 1992, "A multivariate
// EWMA control chart"); t = V e in the eigenvectors of the healthy covariance.
//   T² = sum over all components of t_j² / variance_j       (unusual size, seen through the
//   correlation) Q  = sum over the components beyond `kept` of t_j²      (off the plane where
//   healthy data lies) score = sqrt(max(T² / t2_limit, Q / q_limit)); a frozen input raises it to 1
//   .. kFrozenMost.
// Explanation: with the combined index eᵀΦe, Φ = Vᵀ diag(1/(variance·t2_limit) [+ 1/q_limit]) V
// (Yue & Qin 2001), input i explains (Φe)_i² / Φ_ii (reconstruction-based contribution, Alcala &
// Qin 2009) and was expected at e_i - (Φe)_i / Φ_ii: the value that would make the frame least
// surprising. A missing input is imputed the same way, from all that are present together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "model/frozen.h"
#include "model/impute.h"
#include "model/model.h"

namespace lander::model {

inline constexpr std::size_t kMaxT2qInputs = 256;
inline constexpr double kClip = 50;  // scales; beyond it a value is only "absurd"

// Sizes: n = inputs. `vectors` is n x n, row j the unit vector of component j, by falling variance.
struct T2q {
  std::uint64_t kept = 1;             // components in the plane; 1..n
  double smoothing = 0.2;             // weight of the newest frame, (0, 1]
  double t2_limit = 1, q_limit = 1;   // of T² and Q, for the false-alarm budget
  std::vector<double> centre, scale;  // n
  std::vector<double> variances;      // n, of the components
  std::vector<double> vectors;        // n * n
  std::vector<double> frozen_frames;  // n: equal values in a row that mean frozen; 0: never

  std::size_t inputs() const { return centre.size(); }
};

// Model::body of method "t2q"; docs/formats/model.md.
base::Bytes encode(const T2q& parameters);
// kCorrupt: not the format; kInvalid: numbers that cannot be a model (a variance of zero, vectors
// that are not orthonormal).
base::Result<T2q> decode_t2q(base::ByteView body);
base::Status validate(const T2q& parameters);
// Φ, n x n.
std::vector<double> combined_index(const T2q& parameters);

class T2qDetector final : public Detector {
 public:
  // `parameters` must be valid. Allocates all that score() will ever need.
  explicit T2qDetector(T2q parameters);

  std::size_t inputs() const override { return parameters_.inputs(); }
  const Score& score(std::span<const double> frame, base::TimeUs time) override;
  void reset() override;

  // The statistics of the last valid frame, for training, which sets the limits.
  double t2() const { return t2_; }
  double q() const { return q_; }

 private:
  bool standardise(std::span<const double> frame);
  void explain();

  T2q parameters_;
  Imputer imputer_;  // holds Φ
  FrozenInputs frozen_;
  std::vector<double> z_, smoothed_;  // n
  std::vector<std::uint8_t> missing_;
  double t2_ = 0, q_ = 0;
  Score score_;
};

}  // namespace lander::model
