#include "model/trees.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace lander::model {
namespace {

constexpr float kMostLeaf = 1e30F;  // times kMaxTrees it is still finite
constexpr std::size_t kBlock = 8;   // trees walked side by side
constexpr std::uint32_t kMissingRight = 1U << 31;

base::Error invalid(const std::string& what) {
  return base::Error(base::Code::kInvalid, "trees: " + what);
}

base::Status check_sizes(const Trees& trees) {
  if (trees.features < 1 || trees.features > kMaxTreeFeatures) {
    return invalid(std::to_string(trees.features) + " features");
  }
  if (trees.roots.size() > kMaxTrees || trees.nodes.size() > kMaxTreeNodes) {
    return invalid("over " + std::to_string(kMaxTrees) + " trees or " +
                   std::to_string(kMaxTreeNodes) + " nodes");
  }
  if (trees.outputs < 1 || trees.base.size() != trees.outputs) {
    return invalid(std::to_string(trees.base.size()) + " bases for " +
                   std::to_string(trees.outputs) + " outputs");
  }
  for (const float base : trees.base) {
    if (!(std::abs(base) <= kMostLeaf)) return invalid("a base that is no usable number");
  }
  return {};
}

base::Status check_node(const Trees& trees, std::uint32_t at) {
  const TreeNode& node = trees.nodes[at];
  const std::string name = "node " + std::to_string(at);
  if (!(std::abs(node.threshold) <= kMostLeaf)) return invalid(name + " has no usable number");
  if (node.feature < 0) return {};
  if (static_cast<std::size_t>(node.feature) >= trees.features) {
    return invalid(name + " asks for feature " + std::to_string(node.feature) + " of " +
                   std::to_string(trees.features));
  }
  if (node.left >= trees.nodes.size() || node.right >= trees.nodes.size()) {
    return invalid(name + " has a child out of range");
  }
  return {};
}

}  // namespace

base::Status validate(const Trees& trees) {
  LANDER_TRY(check_sizes(trees));
  std::vector<std::uint8_t> reached(trees.nodes.size());
  struct Visit {
    std::uint32_t node, depth;
  };
  std::vector<Visit> open;
  for (const std::uint32_t root : trees.roots) {
    if (root >= trees.nodes.size()) return invalid("a root out of range");
    open.push_back({root, 0});
    while (!open.empty()) {
      const Visit visit = open.back();
      open.pop_back();
      if (reached[visit.node]++ != 0) {
        return invalid("node " + std::to_string(visit.node) + " is reached twice");
      }
      if (visit.depth > kMaxTreeDepth) return invalid("a tree that is too deep");
      LANDER_TRY(check_node(trees, visit.node));
      const TreeNode& node = trees.nodes[visit.node];
      if (node.feature < 0) continue;
      open.push_back({node.left, visit.depth + 1});
      open.push_back({node.right, visit.depth + 1});
    }
  }
  if (std::count(reached.begin(), reached.end(), std::uint8_t{0}) > 0) {
    return invalid("a node that belongs to no tree");
  }
  return {};
}

TreeRunner::TreeRunner(const Trees& trees) : features_(trees.features), base_(trees.base) {
  nodes_.reserve(trees.nodes.size() + 1);
  struct Placed {
    std::uint32_t from, to, depth;
  };
  std::vector<Placed> queue;
  std::uint32_t deepest = 0;
  for (const std::uint32_t root : trees.roots) {
    roots_.push_back(static_cast<std::uint32_t>(nodes_.size()));
    nodes_.emplace_back();
    queue.assign(1, {root, roots_.back(), 0});
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const Placed placed = queue[i];
      const TreeNode& node = trees.nodes[placed.from];
      deepest = std::max(deepest, placed.depth);
      if (node.feature < 0) {
        nodes_[placed.to] = {std::numeric_limits<float>::quiet_NaN(), 0, placed.to, node.threshold};
        continue;
      }
      const auto left = static_cast<std::uint32_t>(nodes_.size());
      nodes_[placed.to] = {
          node.threshold,
          static_cast<std::uint32_t>(node.feature) | (node.default_left ? 0U : kMissingRight), left,
          0};
      nodes_.resize(nodes_.size() + 2);
      queue.push_back({node.left, left, placed.depth + 1});
      queue.push_back({node.right, left + 1, placed.depth + 1});
    }
    if (roots_.size() % kBlock == 0) {
      steps_.push_back(deepest);
      deepest = 0;
    }
  }
  if (roots_.size() % kBlock == 0) return;
  const auto none = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({std::numeric_limits<float>::quiet_NaN(), 0, none, 0});
  roots_.resize((roots_.size() + kBlock - 1) / kBlock * kBlock, none);
  steps_.push_back(deepest);
}

template <bool kMissing>
void TreeRunner::walk(std::span<const float> row, std::span<float> out) const {
  const Node* const nodes = nodes_.data();
  const float* const values = row.data();
  const std::size_t outputs = out.size();
  std::size_t output = 0;
  for (std::size_t block = 0; block < steps_.size(); ++block) {
    std::uint32_t at[kBlock];
    std::copy_n(&roots_[block * kBlock], kBlock, at);
    for (std::uint32_t step = 0; step < steps_[block]; ++step) {
#pragma GCC unroll 8
      for (std::uint32_t& place : at) {
        const Node& node = nodes[place];
        const float value = values[node.feature & ~kMissingRight];
        std::uint32_t right = value >= node.threshold ? 1 : 0;  // no for NaN
        if constexpr (kMissing) {
          // Yes for NaN, where that is the way of a missing value.
          right |= (node.feature >> 31) & (value < node.threshold ? 0U : 1U);
        }
        place = node.left + right;
      }
    }
    for (const std::uint32_t place : at) {
      out[output] += nodes[place].value;
      output = output + 1 == outputs ? 0 : output + 1;
    }
  }
}

void TreeRunner::evaluate(std::span<const float> row, std::span<float> out) const {
  LANDER_CHECK(row.size() == features_ && out.size() == base_.size());
  std::copy(base_.begin(), base_.end(), out.begin());
  bool missing = false;
  for (const float value : row) missing |= value != value;
  missing ? walk<true>(row, out) : walk<false>(row, out);
}

}  // namespace lander::model
