#include "model/trees.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace lander::model {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::uint32_t grow(Trees& trees, std::mt19937& random, int depth) {
  std::normal_distribution<float> normal;
  const auto at = static_cast<std::uint32_t>(trees.nodes.size());
  trees.nodes.push_back({normal(random)});
  if (depth == 0 || random() % 5 == 0) return at;
  const std::uint32_t left = grow(trees, random, depth - 1), right = grow(trees, random, depth - 1);
  TreeNode& node = trees.nodes[at];
  node.feature = static_cast<std::int32_t>(random() % trees.features);
  node.left = left, node.right = right;
  node.default_left = random() % 2 == 0;
  return at;
}

Trees forest(std::size_t count, std::size_t outputs) {
  std::mt19937 random(7);
  Trees trees;
  trees.features = 5;
  trees.outputs = outputs;
  for (std::size_t i = 0; i < outputs; ++i) trees.base.push_back(0.5F + static_cast<float>(i));
  for (std::size_t t = 0; t < count; ++t) {
    trees.roots.push_back(grow(trees, random, static_cast<int>(t % 9)));
  }
  return trees;
}

// What the comment at TreeNode says, and nothing else.
std::vector<float> by_the_book(const Trees& trees, std::span<const float> row) {
  std::vector<float> out = trees.base;
  for (std::size_t t = 0; t < trees.roots.size(); ++t) {
    std::uint32_t at = trees.roots[t];
    while (trees.nodes[at].feature >= 0) {
      const TreeNode& node = trees.nodes[at];
      const float value = row[static_cast<std::size_t>(node.feature)];
      const bool left = std::isnan(value) ? node.default_left : value < node.threshold;
      at = left ? node.left : node.right;
    }
    out[t % trees.outputs] += trees.nodes[at].threshold;
  }
  return out;
}

void expect_same(const Trees& trees, const Trees& expected) {
  const TreeRunner runner(trees);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> row(expected.features), out(expected.outputs);
  for (int i = 0; i < 300; ++i) {
    for (float& value : row) {
      value = normal(random);
      if (i % 3 == 1 && random() % 3 == 0) value = kNaN;
      if (i % 3 == 2 && random() % 3 == 0) value = random() % 2 == 0 ? INFINITY : -INFINITY;
    }
    runner.evaluate(row, out);
    EXPECT_EQ(out, by_the_book(expected, row)) << i;
  }
}

TEST(Trees, TheFastWalkAnswersAsTheTreesSay) {
  for (const std::size_t count : {0, 1, 7, 8, 33}) expect_same(forest(count, 1), forest(count, 1));
  expect_same(forest(30, 3), forest(30, 3));
}

TEST(Trees, AValueAtTheThresholdGoesRight) {
  Trees trees;
  trees.features = 1;
  trees.base = {0};
  trees.roots = {0};
  trees.nodes = {{2, 0, 1, 2, true}, {-1}, {1}};
  float out = 0;
  TreeRunner(trees).evaluate(std::vector<float>{2}, {&out, 1});
  EXPECT_EQ(out, 1);
}

TEST(Trees, BytesGiveBackTheSameAnswersInSixBytesANode) {
  const Trees trees = forest(30, 3);
  const base::Bytes bytes = encode(trees);
  EXPECT_LT(bytes.size(), 6 * trees.nodes.size() + 64);
  const auto read = decode_trees(bytes);
  ASSERT_TRUE(read.ok()) << read.error().message();
  expect_same(*read, trees);
  EXPECT_EQ(encode(*read), bytes);
}

TEST(Trees, EveryTruncationIsRefused) {
  const base::Bytes bytes = encode(forest(9, 1));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(decode_trees(base::ByteView(bytes).first(n)).ok()) << n;
  }
}

TEST(Trees, WhatCouldLoopOrReadElsewhereIsRefused) {
  const auto refused = [](auto damage) {
    Trees trees;
    trees.features = 2;
    trees.base = {0};
    trees.roots = {0};
    trees.nodes = {{1, 0, 1, 2}, {1, 1, 3, 4}, {5}, {6}, {7}};
    EXPECT_TRUE(validate(trees).ok());
    damage(trees);
    return !validate(trees).ok();
  };
  EXPECT_TRUE(refused([](Trees& trees) { trees.nodes[1].left = 0; }));  // a cycle
  EXPECT_TRUE(refused([](Trees& trees) { trees.nodes[1].left = 2; }));  // two parents
  EXPECT_TRUE(refused([](Trees& trees) { trees.nodes[1].right = 5; }));
  EXPECT_TRUE(refused([](Trees& trees) { trees.nodes[1].feature = 2; }));
  EXPECT_TRUE(refused([](Trees& trees) { trees.nodes[1].threshold = kNaN; }));
  EXPECT_TRUE(refused([](Trees& trees) { trees.nodes[2].threshold = INFINITY; }));
  EXPECT_TRUE(refused([](Trees& trees) { trees.roots = {9}; }));
  EXPECT_TRUE(refused([](Trees& trees) { trees.roots = {1}; }));  // nodes of no tree
  EXPECT_TRUE(refused([](Trees& trees) { trees.base = {}; }));
}

}  // namespace
}  // namespace lander::model
