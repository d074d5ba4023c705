// A multivariate EWMA control chart of patterns, and one of levels: docs/intelligence/watch.md.
//
// Pattern (Lowry et al. 1992, "A multivariate EWMA control chart"): z = squash((x - centre) /
// scale), e = EWMA of z, d = e - mean, pattern = |W d|, where W whitens the covariance that e
// itself had while all was well, so that what is slow is judged by how slow things wander, and
// noise by what is left of it. squash is linear up to kKnee and logarithmic beyond: one wild value
// weighs little, a wild regime still counts, and the average comes back soon after it. Level: q and
// s are the fast and the slow EWMA of x, and level = max over i of min(|q_i - middle_i|, |s_i -
// middle_i|) / tolerance_i where both lie on one side: what counts has lasted, and ends as soon as
// it is over.
//
// alarm = max(pattern / its limit, level / its limit). The score is the alarm from kAlarmBand up;
// below it ranks by pattern alone, so that two runs can be compared however well their limits are
// known. A frozen input raises it to 1 .. kFrozenMost. Explanation: where the pattern decides,
// input i explains (Pd)_i² / P_ii with P = WᵀW (reconstruction-based contribution, Alcala & Qin
// 2009) and was expected at e_i - (Pd)_i / P_ii, the value that would make the pattern least
// surprising; where the level does, each its squared ratio, and middle_i. A missing input's e is
// the one that fits the others best, its level does not count.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "model/frozen.h"
#include "model/impute.h"
#include "model/model.h"

namespace lander::model {

inline constexpr std::size_t kMaxMewmaInputs = 256;
inline constexpr double kKnee = 2;          // scales
inline constexpr double kAlarmBand = 0.8;   // where an alarm clears (model/judge.h)
inline constexpr double kRankHalf = 5;      // the pattern that ranks half way to the band
inline constexpr double kMostValue = 1e15;  // of an input: one further out counts as this

// A chart's limit at the budget that the model was made for, and what it rises by for a budget e
// times smaller: block maxima that follow Gumbel's law have limits that are linear in the
// logarithm.
struct ChartLimit {
  double at = 1, per_e_fold = 0;
};

// Sizes: n = inputs. `whiten` is n x n, row by row.
struct Mewma {
  double fast = 0.05, slow = 0.01;  // weight of the newest frame, (0, 1]
  ChartLimit pattern, level;
  std::vector<double> centre, scale;      // n, the inputs' units
  std::vector<double> mean;               // n, of e
  std::vector<double> whiten;             // n * n
  std::vector<double> middle, tolerance;  // n, the inputs' units
  std::vector<double> frozen_frames;      // n: equal values in a row that mean frozen; 0: never

  std::size_t inputs() const { return centre.size(); }
};

// Model::body of method "mewma"; docs/formats/model.md.
base::Bytes encode(const Mewma& parameters);
// kCorrupt: not the format; kInvalid: numbers that cannot be a model.
base::Result<Mewma> decode_mewma(base::ByteView body);
base::Status validate(const Mewma& parameters);
// P = WᵀW, n x n, positive definite whatever was read from a file.
std::vector<double> precision(const Mewma& parameters);

// Linear to ±kKnee, then kKnee · (1 + ln(|z| / kKnee)); and its inverse.
double squash(double z);
double unsquash(double z);

class MewmaDetector final : public Detector {
 public:
  // `parameters` must be valid; `budget_e_folds`: ln(the model's budget / the one wanted).
  // Allocates all that score() will ever need.
  explicit MewmaDetector(Mewma parameters, double budget_e_folds = 0);

  std::size_t inputs() const override { return parameters_.inputs(); }
  const Score& score(std::span<const double> frame, base::TimeUs time) override;
  void reset() override;

  // The statistics of the last valid frame, for training, which sets the limits.
  double pattern() const { return pattern_; }
  double level() const { return level_; }

 private:
  bool take(std::span<const double> frame);
  double level_of(std::size_t input) const;
  void explain_pattern();
  void explain_level();

  Mewma parameters_;
  double pattern_limit_, level_limit_;
  Imputer imputer_;  // holds P
  FrozenInputs frozen_;
  std::vector<double> d_, quick_, slow_;  // n
  std::vector<double> levels_;            // n
  std::vector<std::uint8_t> missing_;     // n
  double pattern_ = 0, level_ = 0;
  Score score_;
};

}  // namespace lander::model
