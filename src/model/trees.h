// Gradient-boosted trees in flat arrays: one walk is compares and adds over a few cache lines.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace lander::model {

inline constexpr std::size_t kMaxTrees = 1 << 16;
inline constexpr std::size_t kMaxTreeNodes = 1 << 20;  // of all trees together
inline constexpr std::size_t kMaxTreeDepth = 64;
inline constexpr std::size_t kMaxTreeFeatures = (1 << 15) - 1;

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

// kInvalid: a feature, root or child out of range, a node that two parents share or none reaches
// (so: no cycles), a number that is not finite or so large that a sum of leaves could overflow.
base::Status validate(const Trees& trees);

// A part of a model's body: docs/formats/model.md, "Trees". encode() wants valid trees.
base::Bytes encode(const Trees& trees);
base::Result<Trees> decode_trees(base::ByteView body);

// Made once from valid trees, laid out for speed; evaluate() does not allocate and cannot fail, and
// may run on many threads at once.
//
// Nodes are 16 bytes, siblings beside each other, each tree breadth first, so that a step is
// `next = left + (value >= threshold)` without a branch; a leaf leads to itself. Several trees are
// walked side by side for as many steps as the deepest of them needs, because one walk alone waits
// for memory and several wait at the same time (the idea of VPred: Asadi, Lin & de Vries 2014,
// "Runtime optimizations for tree-based machine learning models").
class TreeRunner {
 public:
  explicit TreeRunner(const Trees& trees);
  std::size_t features() const { return features_; }
  std::size_t outputs() const { return base_.size(); }
  // `row`: features; `out`: outputs (margins: no link function).
  void evaluate(std::span<const float> row, std::span<float> out) const;

 private:
  struct Node {
    float threshold;        // NaN in a leaf: nothing is >= NaN, so it stays where it is
    std::uint32_t feature;  // the top bit: a missing value goes right
    std::uint32_t left;     // the right child is the next one
    float value;            // of a leaf
  };
  template <bool kMissing>
  void walk(std::span<const float> row, std::span<float> out) const;

  std::size_t features_ = 0;
  std::vector<float> base_;
  std::vector<std::uint32_t> roots_;  // padded with trees of one empty leaf to whole blocks
  std::vector<std::uint32_t> steps_;  // one a block of trees
  std::vector<Node> nodes_;
};

}  // namespace lander::model
