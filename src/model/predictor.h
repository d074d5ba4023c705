// Models that predict: remaining life of a unit, class of a row. Made by learn/life.h and
// learn/classify.h, kept in the same model file as detectors, by lineage.method "life" and "class".
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/model.h"

namespace lander::model {

inline constexpr std::string_view kUnknown = "unknown";  // no known class fits

struct Prediction {
  double value = 0;            // life: what remains, in the unit of the time column
  double low = 0, high = 0;    // life: 90 % interval
  std::string_view label;      // class: a known one, or kUnknown; lives as long as the predictor
  double probability = 0;      // class: of `label`; of kUnknown: that none fits
  std::vector<double> shares;  // one an input, sum 1: how much each explains
};

// Not thread-safe. Everything is validated when it is made; predict() cannot fail.
class Predictor {
 public:
  virtual ~Predictor() = default;
  virtual std::size_t inputs() const = 0;
  // Life: rows of one unit in order of time, reset() before the next unit. Class: rows in any
  // order, or of one run in order where the model uses the past (it says so). NaN = missing.
  virtual const Prediction& predict(std::span<const double> row, double time) = 0;
  virtual void reset() = 0;
};

enum class Kind { kDetector, kLife, kClass };
base::Result<Kind> kind_of(const Model& model);  // by lineage.method

// kInvalid: a detector.
base::Result<std::unique_ptr<Predictor>> make_predictor(const Model& model);
// The columns that a model of kind life groups by and orders by; of kind class: the label's.
struct Roles {
  std::string unit, time, label;
};
base::Result<Roles> roles(const Model& model);

}  // namespace lander::model
