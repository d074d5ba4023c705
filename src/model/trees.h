// Gradient-boosted trees in flat arrays: one walk is compares and adds over a few cache lines.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace lander::model {

// A node goes left when value < threshold; NaN goes where `default_left` says (as XGBoost does).
struct TreeNode {
  float threshold = 0;        // of a leaf: its value
  std::int32_t feature = -1;  // -1: a leaf
  std::uint32_t left = 0, right = 0;
  bool default_left = true;
};
struct Trees {
  std::size_t features = 0;
  std::size_t outputs = 1;           // tree t adds to output t % outputs
  std::vector<float> base;           // one an output
  std::vector<std::uint32_t> roots;  // index of each tree's root in `nodes`
  std::vector<TreeNode> nodes;
};
base::Status validate(const Trees& trees);
base::Bytes encode(const Trees& trees);
base::Result<Trees> decode_trees(base::ByteView body);
// From XGBoost's own JSON (save_model("m.json")), so that a model trained elsewhere runs here.
base::Result<Trees> trees_from_xgboost(std::string_view json);

// Made once, laid out for speed; evaluate() does not allocate and cannot fail.
class TreeRunner {
 public:
  explicit TreeRunner(const Trees& trees);
  // `row`: features; `out`: outputs (margins: no link function).
  void evaluate(std::span<const float> row, std::span<float> out) const;

 private:
  std::size_t features_ = 0, outputs_ = 1;
  std::vector<float> base_;
  std::vector<std::uint32_t> roots_;
  std::vector<TreeNode> nodes_;
};

}  // namespace lander::model
