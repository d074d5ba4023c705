// Remaining life from a unit's own past: what is standardised, which features are made of it, the
// trees that read them, and how their answer becomes a prediction with an interval.
//
// Each row, in order: a regime is chosen (nearest centre over the setting columns); each sensor is
// standardised by the regime's mean and scale, a missing one keeps its last value; channels are the
// sensors and health indices, which are linear in them; of each channel the means and
// slopes over the last rows in windows of three lengths and the change since the unit's first rows;
// and the unit's age. Trees map the features to remaining life up to `cap`; the answer is combined
// with what the row before promised, and an interval is read from a table (split conformal by unit,
// Vovk et al. 2005; cross-conformal folds as in CV+, Barber et al. 2021).
// Format of the body, and how training sets it: docs/formats/model.md, docs/intelligence/life.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/predictor.h"
#include "model/trees.h"

namespace lander::model {

inline constexpr std::size_t kMaxLifeSensors = 64;
inline constexpr std::size_t kMaxLifeRegimes = 32;
inline constexpr std::size_t kMaxLifeIndices = 64;
inline constexpr std::size_t kMaxLifeWindow = 256;  // rows
inline constexpr std::size_t kLifeWindows = 3;
inline constexpr std::size_t kLifeStats = 2 * kLifeWindows + 1;  // of a channel
inline constexpr double kLifeClip = 10;                          // scales

// What is computed of the rows; s sensors, r regimes, h health indices.
struct LifePlan {
  std::size_t inputs = 0;               // of the model; the numbers below point into them
  std::vector<std::uint32_t> settings;  // by whose values the regime is chosen; may be empty
  std::vector<double> reach;            // one a setting: what counts as 1 apart
  std::vector<double> centres;          // r x settings
  std::vector<std::uint32_t> sensors;
  std::vector<double> mean, scale;    // r x s
  std::vector<double> health;         // h x s
  std::vector<std::uint32_t> window;  // kLifeWindows, ascending, rows
  std::size_t regimes() const { return settings.empty() ? 1 : centres.size() / settings.size(); }
  std::size_t indices() const { return sensors.empty() ? 0 : health.size() / sensors.size(); }
  std::size_t channels() const { return sensors.size() + indices(); }
  std::size_t features() const { return channels() * kLifeStats + 1; }
  std::size_t regime_of(std::span<const double> row) const;  // the nearest; `row`: inputs
};

struct Life {
  LifePlan plan;
  Roles roles;
  double cap = 1;      // the longest life that is told, in the unit of time
  double trust = 1;    // weight of this row's answer against what the row before promised, (0, 1]
  double earlier = 0;  // subtracted: late is worse than early
  Trees trees;         // one output: remaining life
  // 90 % interval by prediction: at `knots` (ascending, from 0 to cap) prediction - low and
  // prediction + high, between them linear.
  std::vector<double> knots, low, high;
};

base::Status validate(const Life& life);
base::Bytes encode(const Life& life);
base::Result<Life> decode_life(base::ByteView body);

// The features of a unit's rows so far. No allocation after construction.
class LifeFeatures {
 public:
  explicit LifeFeatures(const LifePlan& plan);  // valid; must outlive this
  void reset();
  // Of the unit's next row. A time that is not after the last one counts as the same.
  std::span<const float> push(std::span<const double> row, double time);
  // The sensors' standardised means over the middle window, as of the last row; NaN: never seen.
  std::span<const float> state() const { return state_; }

 private:
  void standardise(std::span<const double> row);
  void describe(std::size_t channel);

  const LifePlan& plan_;
  std::size_t rows_ = 0;                 // of this unit so far
  double begin_ = 0, time_ = 0;          // first and last time
  std::vector<double> z_;                // last known value of each channel
  std::vector<double> history_, times_;  // rings of the longest window: channels x window, window
  std::vector<double> first_, first_n_;  // of each channel's first values
  std::vector<float> features_, state_;
};

// From answer to prediction, along one unit.
class LifeFilter {
 public:
  LifeFilter(double trust, double cap) : trust_(trust), cap_(cap) {}
  double step(double answer, double time);
  void reset() { begun_ = false; }

 private:
  double trust_, cap_, last_ = 0, time_ = 0;
  bool begun_ = false;
};

class LifePredictor final : public Predictor {
 public:
  explicit LifePredictor(Life life);  // valid
  LifePredictor(const LifePredictor&) = delete;
  LifePredictor& operator=(const LifePredictor&) = delete;
  std::size_t inputs() const override { return life_.plan.inputs; }
  const Prediction& predict(std::span<const double> row, double time) override;
  void reset() override;

 private:
  void explain();

  const Life life_;
  TreeRunner runner_;
  LifeFeatures features_;
  LifeFilter filter_;
  Prediction prediction_;
};

}  // namespace lander::model
