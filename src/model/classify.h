// Which known class a row belongs to, or none: several classifiers fused, and a limit on how far a
// row may be from every row that was learned. Model::body of lineage.method "class":
// docs/formats/model.md; the method: docs/intelligence/classes.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/predictor.h"
#include "model/rocket.h"
#include "model/trees.h"
#include "model/wave.h"

namespace lander::model {

inline constexpr std::size_t kMaxClasses = 256;
inline constexpr std::size_t kMaxSupports = 2000;
inline constexpr std::size_t kMaxNeighbours = 3;  // whose mean distance says how strange a row is

// Kernel ridge regression on classes (one column of 0 and 1 each) with the Laplace kernel
// exp(-|a-b|/width), |a-b| the sum of absolute differences, each times the feature's relevance:
// kinder to a single wild feature than a Gaussian. Features are standardised and compressed: 16
// asinh((x - centre) / scale), rounded to a byte; a missing one is the centre; one of scale 0
// (constant in training) is not looked at.
struct Kernel {
  std::vector<float> centre, scale;   // one a feature
  std::vector<float> relevance;       // one a feature; 1 on average
  std::vector<std::int8_t> supports;  // learned rows x features
  std::vector<float> weights;         // learned rows x classes
  std::vector<float> base;            // one a class
  double width = 1;                   // in steps of the bytes
  std::size_t features() const { return centre.size(); }
  std::size_t rows() const { return centre.empty() ? 0 : supports.size() / centre.size(); }
};
std::int8_t compress(float value, float centre, float scale);
float distance(std::span<const std::int8_t> a, std::span<const std::int8_t> b,
               std::span<const float> relevance);

struct Classify {
  std::string label;                 // the column
  std::vector<std::string> classes;  // ascending
  Layout layout;
  Trees forest;   // extremely randomised (Geurts et al. 2006); a leaf's value is a class' number
  Trees boosted;  // one output a class; without trees: not used
  Kernel described;
  std::vector<float> biases;  // of Rocket; empty without waves
  Kernel outline;             // without rows: not used
  // Of log(votes), boosted margins, described and outline in the fused log-odds.
  std::vector<double> fusion;
  double limit = 0;  // mean distance to the nearest supports of `described` beyond which: unknown
};
inline constexpr std::size_t kMembers = 4;

base::Status validate(const Classify& parameters);
base::Bytes encode(const Classify& parameters);  // wants valid parameters
base::Result<Classify> decode_classify(base::ByteView body);

// A row as its members see it: Features, and its waves' outline: Rocket's counts, then scales,
// course and slopes of Features.
struct View {
  std::vector<float> described, outline;
};
class Viewer {
 public:
  explicit Viewer(const Layout& layout);
  std::size_t described() const { return features_.size(); }
  std::size_t rocket() const { return rocket_.size(); }
  // Sizes of the parts of the outline; all 0 without waves.
  std::array<std::size_t, 4> parts() const;
  std::size_t outline() const;  // their sum
  std::size_t input_of(std::size_t f) const { return features_.input_of(f); }
  // `view` is of these sizes; no allocation.
  void look(std::span<const double> row, std::span<const float> biases, View& view);
  void draw(std::span<const double> row, std::span<const bool> chosen,
            std::span<const double> draws, std::span<float> biases, View& view);
  View empty() const;

 private:
  Features features_;
  Rocket rocket_;
};

// Members' scores of one row: kMembers x classes. Shared with training, so that what was judged is
// what runs.
class Members {
 public:
  explicit Members(const Classify& parameters);  // valid but for fusion and limit; borrowed
  // Then `nearest()` is the mean distance to the nearest supports.
  std::span<const double> score(const View& view);
  double nearest() const { return nearest_; }

 private:
  void vote(std::span<const float> row);
  double kernel(const Kernel& kernel, std::span<const float> row, std::span<double> out);

  const Classify& p_;
  TreeRunner boosted_;
  std::vector<float> margins_;
  std::vector<std::int8_t> bytes_;
  std::vector<double> scores_;
  double nearest_ = 0;
};

// Fused probabilities from Members::score: softmax of the weighted sum.
void fuse(std::span<const double> scores, std::span<const double> fusion, std::span<double> out);

// kInvalid: parameters of another number of inputs than the model names.
base::Result<std::unique_ptr<Predictor>> make_classifier(const Model& model);

}  // namespace lander::model
