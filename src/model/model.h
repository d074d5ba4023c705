// A model package: what was learned, from what, and how good it is; and the detector that runs it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::model {

inline constexpr std::size_t kMaxModelBytes = 16 << 20;
inline constexpr std::size_t kMaxInputs = 4096;  // a method may take fewer

struct Input {
  std::string datastream;
  std::uint32_t revision = 1;
  std::string property, unit;
  double least = 0, most = 0;  // range seen in training
};

struct Metric {
  std::string name;
  double value;
};

// W3C PROV: what this model was generated from.
struct Lineage {
  std::string parent;  // digest of the model it replaces; empty: none
  std::string method;  // "mewma"
  std::string asset;
  base::TimeUs created = 0, trained_from = 0, trained_to = 0;
  std::int64_t rows = 0, rows_left_out = 0;
  std::string labels_digest;  // SHA-256 over the annotations that shaped the training set
  std::vector<Metric> metrics;
  std::string trained_by;  // "site:pump-7 user:anna"
};

struct Model {
  std::vector<Input> inputs;
  Lineage lineage;
  base::DurationUs interval = base::kSecond;  // one frame each
  double false_alarms_per_day = 1.0 / 30;     // budget that the limits were set for
  base::Bytes body;                           // the method's own parameters, CBOR
};

// Format: docs/formats/model.md. The digest is the SHA-256 (hex) of encode(). decode() verifies a
// trailing SHA-256 before it parses anything, and then every length, count and number.
base::Bytes encode(const Model& model);
base::Result<Model> decode_model(base::ByteView bytes);
std::string digest(base::ByteView encoded);

struct Score {
  double score = 0;              // calibrated surprise; 1 is the limit of the false-alarm budget
  bool valid = false;            // false: too many inputs missing or out of date
  bool change = false;           // a new regime began about here (model/change.h)
  std::vector<double> shares;    // one an input, sum 1: how much each explains
  std::vector<double> expected;  // one an input, in its unit: what the model expected
};

// Runs one model. Not thread-safe; no allocation in steady state. Everything is validated when it
// is made: score() cannot fail (TFLM: validate in prepare, evaluation is near-free).
class Detector {
 public:
  virtual ~Detector() = default;
  virtual std::size_t inputs() const = 0;
  // `frame`: one value an input in the order of Model::inputs; NaN = missing. `time`: of the frame;
  // it may repeat, step back or leap, which is judged as such and never trusted to be regular.
  virtual const Score& score(std::span<const double> frame, base::TimeUs time) = 0;
  virtual void reset() = 0;  // forget the past of windows and averages
};

// By lineage.method; kUnsupported names the methods there are, kInvalid: a model that predicts
// (model/predictor.h) and does not detect. Its score is 1 at `false_alarms_per_day`; 0: the budget
// that the model was trained for.
base::Result<std::unique_ptr<Detector>> make_detector(const Model& model,
                                                      double false_alarms_per_day = 0);

}  // namespace lander::model
