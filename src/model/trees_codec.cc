// Trees as bytes: docs/formats/model.md, "Trees".
#include <bit>

#include "base/cbor.h"
#include "base/check.h"
#include "model/trees.h"

namespace lander::model {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kNodeBytes = 6;  // u16 what, f32 number
constexpr std::uint32_t kLeaf = 0xffff, kDefaultLeft = 0x8000;

base::Error corrupt(const std::string& what) {
  return base::Error(base::Code::kCorrupt, "trees: " + what);
}

void put(base::Bytes& out, const TreeNode& node) {
  const std::uint32_t what = node.feature < 0 ? kLeaf
                                              : static_cast<std::uint32_t>(node.feature) |
                                                    (node.default_left ? kDefaultLeft : 0);
  const auto number = std::bit_cast<std::uint32_t>(node.threshold);
  for (int shift : {0, 8}) out.push_back(static_cast<std::uint8_t>(what >> shift));
  for (int shift : {0, 8, 16, 24}) out.push_back(static_cast<std::uint8_t>(number >> shift));
}

TreeNode get(base::ByteView in) {
  const std::uint32_t what = in[0] | std::uint32_t{in[1]} << 8;
  TreeNode node;
  node.threshold = std::bit_cast<float>(in[2] | std::uint32_t{in[3]} << 8 |
                                        std::uint32_t{in[4]} << 16 | std::uint32_t{in[5]} << 24);
  if (what == kLeaf) return node;
  node.feature = static_cast<std::int32_t>(what & (kDefaultLeft - 1));
  node.default_left = (what & kDefaultLeft) != 0;
  return node;
}

// Depth first: a node, its left subtree, its right subtree. `open`: nodes whose right child is due.
base::Status read_forest(base::ByteView in, std::size_t count, Trees& trees) {
  std::vector<std::uint32_t> open;
  bool begins = true;
  while (!in.empty()) {
    const auto at = static_cast<std::uint32_t>(trees.nodes.size());
    const TreeNode node = get(in);
    in = in.subspan(kNodeBytes);
    trees.nodes.push_back(node);
    if (begins) trees.roots.push_back(at);
    begins = false;
    if (node.feature >= 0) {
      trees.nodes[at].left = at + 1;
      open.push_back(at);
    } else if (open.empty()) {
      begins = true;
    } else {
      trees.nodes[open.back()].right = at + 1;
      open.pop_back();
    }
  }
  if (!begins) return corrupt("the last tree ends too early");
  if (trees.roots.size() != count) {
    return corrupt(std::to_string(trees.roots.size()) + " trees, not " + std::to_string(count));
  }
  return {};
}

}  // namespace

base::Bytes encode(const Trees& trees) {
  base::Bytes nodes;
  nodes.reserve(trees.nodes.size() * kNodeBytes);
  std::vector<std::uint32_t> open;
  for (const std::uint32_t root : trees.roots) {
    open.push_back(root);
    while (!open.empty()) {
      const TreeNode& node = trees.nodes[open.back()];
      open.pop_back();
      put(nodes, node);
      if (node.feature < 0) continue;
      open.push_back(node.right);
      open.push_back(node.left);
    }
  }
  base::CborWriter out;
  out.array(5).unsigned_integer(kVersion).unsigned_integer(trees.features);
  out.array(trees.base.size());
  for (const float base : trees.base) out.real(base);
  out.unsigned_integer(trees.roots.size()).bytes(nodes);
  return out.take();
}

base::Result<Trees> decode_trees(base::ByteView body) {
  base::CborReader in(body);
  Trees trees;
  LANDER_TRY(in.record(5, kVersion, "trees"));
  LANDER_ASSIGN(trees.features, in.unsigned_integer());
  LANDER_ASSIGN(trees.outputs, in.array());
  for (std::size_t i = 0; i < trees.outputs; ++i) {
    LANDER_ASSIGN(const double base, in.real());
    trees.base.push_back(static_cast<float>(base));
  }
  LANDER_ASSIGN(const std::uint64_t count, in.unsigned_integer());
  LANDER_ASSIGN(const base::ByteView nodes, in.bytes());
  LANDER_TRY(in.end());
  if (count > kMaxTrees || nodes.size() % kNodeBytes != 0 ||
      nodes.size() / kNodeBytes > kMaxTreeNodes) {
    return corrupt("a list of nodes of the wrong length");
  }
  LANDER_TRY(read_forest(nodes, static_cast<std::size_t>(count), trees));
  LANDER_TRY(validate(trees));
  return trees;
}

}  // namespace lander::model
