#include "learn/forest.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace lander::learn {
namespace {

constexpr std::size_t kDeepest = 60;
constexpr float kLargest = 1e30F;

// The same numbers on every platform, unlike std::uniform_real_distribution.
double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }
std::size_t below(std::size_t n, std::mt19937_64& random) {
  return static_cast<std::size_t>(uniform(random) * static_cast<double>(n));
}

struct Cut {
  std::int32_t feature = -1;
  float threshold = 0;
  bool default_left = true;
  bool left(float value) const { return std::isnan(value) ? default_left : value < threshold; }
};

class Grower {
 public:
  Grower(std::span<const float> values, std::size_t features,
         std::span<const std::uint32_t> classes, std::size_t class_count,
         const ForestOptions& options)
      : values_(values),
        features_(features),
        classes_(classes),
        options_(options),
        random_(options.seed),
        left_(class_count),
        all_(class_count),
        order_(features) {
    const auto root = static_cast<std::size_t>(std::sqrt(static_cast<double>(features)));
    tried_ = options.tried > 0 ? options.tried : std::max({root, features / 5, std::size_t{1}});
    for (std::size_t f = 0; f < features; ++f) order_[f] = static_cast<std::uint32_t>(f);
  }

  void grow(std::span<const std::uint32_t> rows, model::Trees& trees) {
    rows_.assign(rows.begin(), rows.end());
    trees.roots.push_back(static_cast<std::uint32_t>(trees.nodes.size()));
    node(0, rows_.size(), 0, trees);
  }

 private:
  float at(std::uint32_t row, std::size_t feature) const {
    return values_[row * features_ + feature];
  }

  void node(std::size_t begin, std::size_t end, std::size_t depth, model::Trees& trees) {
    const std::size_t me = trees.nodes.size();
    trees.nodes.emplace_back();
    std::fill(all_.begin(), all_.end(), 0);
    for (std::size_t i = begin; i < end; ++i) ++all_[classes_[rows_[i]]];
    const auto most = std::max_element(all_.begin(), all_.end());
    trees.nodes[me].threshold = static_cast<float>(most - all_.begin());
    const std::size_t count = end - begin;
    if (*most == count || count < 2 * options_.least_leaf || depth >= kDeepest) return;
    const Cut cut = best(begin, end);
    if (cut.feature < 0) return;
    const auto feature = static_cast<std::size_t>(cut.feature);
    const auto first = rows_.begin();
    const auto middle =
        std::partition(first + std::ptrdiff_t(begin), first + std::ptrdiff_t(end),
                       [&](std::uint32_t row) { return cut.left(at(row, feature)); });
    const auto split = static_cast<std::size_t>(middle - first);
    trees.nodes[me].feature = cut.feature;
    trees.nodes[me].threshold = cut.threshold;
    trees.nodes[me].default_left = cut.default_left;
    trees.nodes[me].left = static_cast<std::uint32_t>(trees.nodes.size());
    node(begin, split, depth + 1, trees);
    trees.nodes[me].right = static_cast<std::uint32_t>(trees.nodes.size());
    node(split, end, depth + 1, trees);
  }

  // Of features that vary here, `tried_` are looked at.
  Cut best(std::size_t begin, std::size_t end) {
    Cut found;
    double most = -1;
    std::size_t looked_at = 0;
    for (std::size_t i = 0; i < features_ && looked_at < tried_; ++i) {
      std::swap(order_[i], order_[i + below(features_ - i, random_)]);
      Cut cut;
      if (!draw(begin, end, order_[i], cut)) continue;
      ++looked_at;
      const double gain = purity(begin, end, cut);
      if (gain <= most) continue;
      most = gain;
      found = cut;
    }
    return found;
  }

  // A threshold between the values of two rows of the node; false: the feature does not vary.
  bool draw(std::size_t begin, std::size_t end, std::uint32_t feature, Cut& cut) {
    float low = kLargest, high = -kLargest;
    bool missing = false;
    for (std::size_t i = begin; i < end; ++i) {
      const float value = at(rows_[i], feature);
      if (std::isnan(value)) {
        missing = true;
        continue;
      }
      low = std::min(low, value);
      high = std::max(high, value);
    }
    if (!(low < high) && !(missing && low == high)) return false;
    cut.feature = static_cast<std::int32_t>(feature);
    cut.default_left = !missing || (random_() & 1) != 0;
    if (low == high) {  // only known or not distinguishes these rows
      cut.threshold = low;
      cut.default_left = true;
      return true;
    }
    cut.threshold = static_cast<float>(low + uniform(random_) * (double{high} - double{low}));
    if (!(cut.threshold > low)) cut.threshold = high;
    return true;
  }

  // Sum over both sides of squared counts over counts: Gini impurity but for a constant. -1: a
  // side of too few rows.
  double purity(std::size_t begin, std::size_t end, const Cut& cut) {
    std::fill(left_.begin(), left_.end(), 0);
    std::size_t left = 0;
    for (std::size_t i = begin; i < end; ++i) {
      if (!cut.left(at(rows_[i], static_cast<std::size_t>(cut.feature)))) continue;
      ++left_[classes_[rows_[i]]];
      ++left;
    }
    const std::size_t right = end - begin - left;
    if (left < options_.least_leaf || right < options_.least_leaf) return -1;
    double sum = 0;
    for (std::size_t c = 0; c < all_.size(); ++c) {
      const auto l = static_cast<double>(left_[c]), r = static_cast<double>(all_[c]) - l;
      sum += l * l / static_cast<double>(left) + r * r / static_cast<double>(right);
    }
    return sum;
  }

  std::span<const float> values_;
  std::size_t features_;
  std::span<const std::uint32_t> classes_;
  ForestOptions options_;
  std::mt19937_64 random_;
  std::vector<std::size_t> left_, all_;
  std::vector<std::uint32_t> order_, rows_;
  std::size_t tried_ = 1;
};

}  // namespace

model::Trees grow_forest(std::span<const float> values, std::size_t features,
                         std::span<const std::uint32_t> classes, std::size_t class_count,
                         std::span<const std::uint32_t> rows, const ForestOptions& options) {
  model::Trees trees;
  trees.features = features;
  trees.base = {0};
  Grower grower(values, features, classes, class_count, options);
  for (std::size_t t = 0; t < options.trees; ++t) grower.grow(rows, trees);
  return trees;
}

}  // namespace lander::learn
