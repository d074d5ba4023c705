#include "learn/boost.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "base/check.h"

namespace lander::learn {
namespace {

constexpr std::size_t kSampleForEdges = 50000;

// Edges between neighbouring values, so that about equally many rows lie between two.
std::vector<float> edges_of(std::vector<float> values, std::size_t most) {
  std::vector<float> edges;
  std::sort(values.begin(), values.end());
  std::vector<std::pair<float, std::size_t>> distinct;
  for (const float value : values) {
    if (distinct.empty() || value != distinct.back().first) distinct.push_back({value, 0});
    ++distinct.back().second;
  }
  double share = static_cast<double>(values.size()) / static_cast<double>(most);
  if (distinct.size() <= most) share = 0;
  double filled = 0;
  for (std::size_t i = 0; i + 1 < distinct.size() && edges.size() + 1 < most; ++i) {
    filled += static_cast<double>(distinct[i].second);
    if (filled < share) continue;
    filled = 0;
    const float low = distinct[i].first, high = distinct[i + 1].first;
    const float middle = low + (high - low) / 2;
    edges.push_back(middle > low ? middle : high);  // low < edge <= high
  }
  return edges;
}

}  // namespace

Binned::Binned(std::span<const float> values, std::size_t features, std::size_t most)
    : most_(std::clamp<std::size_t>(most, 2, kMostBins)),
      rows_(values.size() / features),
      edges_(features),
      bins_(rows_ * features) {
  const std::size_t step = rows_ / kSampleForEdges + 1;
  for (std::size_t f = 0; f < features; ++f) {
    std::vector<float> sample;
    for (std::size_t r = 0; r < rows_; r += step) {
      const float value = values[r * features + f];
      if (!std::isnan(value)) sample.push_back(value);
    }
    edges_[f] = edges_of(std::move(sample), most_);
    const auto& edges = edges_[f];
    for (std::size_t r = 0; r < rows_; ++r) {
      const float value = values[r * features + f];
      const auto above = std::upper_bound(edges.begin(), edges.end(), value) - edges.begin();
      bins_[r * features + f] = std::isnan(value) ? 0 : static_cast<std::uint8_t>(above + 1);
    }
  }
}

namespace {

struct Gain {  // of a bin, a leaf: sums of gradients, hessians and weights
  float g = 0, h = 0, w = 0;
};
struct Sum {
  double g = 0, h = 0, w = 0;
  void add(const Gain& gain) { g += gain.g, h += gain.h, w += gain.w; }
};
Sum operator-(const Sum& a, const Sum& b) { return {a.g - b.g, a.h - b.h, a.w - b.w}; }
Sum operator+(const Sum& a, const Sum& b) { return {a.g + b.g, a.h + b.h, a.w + b.w}; }

struct Split {
  double gain = 0;
  std::uint32_t feature = 0, bin = 0;  // bins 1..bin go left
  bool missing_left = true;
};
struct Leaf {
  std::uint32_t node = 0;
  std::size_t begin = 0, end = 0, depth = 0;  // rows order_[begin, end)
  Sum sum;
  Split split;
  std::vector<Gain> histogram;
};

// Grows one tree after another over the same data.
class Grower {
 public:
  Grower(const BoostTask& task, const BoostOptions& options)
      : data_(*task.data), options_(options), features_(task.features), always_(task.always) {
    if (features_.empty()) {
      features_.resize(data_.features());
      std::iota(features_.begin(), features_.end(), 0);
    }
  }
  // `gains`: one a row of the data. Appends a tree to `trees`; `order`: rows to learn from, sorted
  // into leaves afterwards; `leaves`: where each ends and its node.
  void grow(std::vector<std::uint32_t>& order, std::span<const Gain> gains, std::mt19937_64& random,
            model::Trees& trees);
  const std::vector<Leaf>& leaves() const { return leaves_; }

 private:
  void pick_features(std::mt19937_64& random);
  void count(Leaf& leaf, std::span<const std::uint32_t> order, std::span<const Gain> gains);
  void find_split(Leaf& leaf) const;
  void consider(const Leaf& leaf, std::size_t column, Split& best) const;
  double score(const Sum& sum) const { return sum.g * sum.g / (sum.h + options_.l2); }
  std::size_t part(const Leaf& leaf, std::vector<std::uint32_t>& order);
  void divide(std::size_t which, std::vector<std::uint32_t>& order, std::span<const Gain> gains,
              model::Trees& trees);

  const Binned& data_;
  const BoostOptions& options_;
  std::vector<std::uint32_t> features_, always_, columns_;
  std::vector<Leaf> leaves_;
  std::vector<std::uint32_t> right_;
};

void Grower::pick_features(std::mt19937_64& random) {
  columns_ = features_;
  const auto wanted =
      static_cast<std::size_t>(std::ceil(options_.columns * static_cast<double>(features_.size())));
  for (std::size_t i = 0; i < wanted && i < columns_.size(); ++i) {
    std::swap(columns_[i], columns_[i + random() % (columns_.size() - i)]);
  }
  columns_.resize(std::clamp<std::size_t>(wanted, 1, columns_.size()));
  columns_.insert(columns_.end(), always_.begin(), always_.end());
  std::sort(columns_.begin(), columns_.end());
  columns_.erase(std::unique(columns_.begin(), columns_.end()), columns_.end());
}

void Grower::count(Leaf& leaf, std::span<const std::uint32_t> order, std::span<const Gain> gains) {
  leaf.histogram.assign(columns_.size() * data_.stride(), {});
  const std::size_t stride = data_.stride();
  Gain* const histogram = leaf.histogram.data();
  for (std::size_t i = leaf.begin; i < leaf.end; ++i) {
    const Gain gain = gains[order[i]];
    const std::uint8_t* const row = data_.row(order[i]);
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      Gain& bin = histogram[c * stride + row[columns_[c]]];
      bin.g += gain.g, bin.h += gain.h, bin.w += gain.w;
    }
  }
}

void Grower::consider(const Leaf& leaf, std::size_t column, Split& best) const {
  const Gain* const histogram = &leaf.histogram[column * data_.stride()];
  Sum missing;
  missing.add(histogram[0]);
  const std::uint32_t feature = columns_[column];
  Sum left;
  for (std::size_t bin = 1; bin + 1 < data_.bins(feature); ++bin) {
    left.add(histogram[bin]);
    for (const bool missing_left : {true, false}) {
      if (!missing_left && missing.w <= 0) continue;
      const Sum a = missing_left ? left + missing : left;
      const Sum b = leaf.sum - a;
      if (a.w < options_.least_weight || b.w < options_.least_weight) continue;
      const double gain = score(a) + score(b) - score(leaf.sum);
      if (gain > best.gain) best = {gain, feature, static_cast<std::uint32_t>(bin), missing_left};
    }
  }
}

void Grower::find_split(Leaf& leaf) const {
  leaf.split = {};
  leaf.split.gain = 1e-9;
  if (leaf.depth >= options_.depth) return;
  for (std::size_t c = 0; c < columns_.size(); ++c) consider(leaf, c, leaf.split);
}

// Stable: left rows first. Returns where the right ones begin.
std::size_t Grower::part(const Leaf& leaf, std::vector<std::uint32_t>& order) {
  right_.clear();
  std::size_t out = leaf.begin;
  const Split& split = leaf.split;
  for (std::size_t i = leaf.begin; i < leaf.end; ++i) {
    const std::uint32_t bin = data_.row(order[i])[split.feature];
    if (bin == 0 ? split.missing_left : bin <= split.bin) {
      order[out++] = order[i];
    } else {
      right_.push_back(order[i]);
    }
  }
  std::copy(right_.begin(), right_.end(), order.begin() + static_cast<std::ptrdiff_t>(out));
  return out;
}

void Grower::divide(std::size_t which, std::vector<std::uint32_t>& order,
                    std::span<const Gain> gains, model::Trees& trees) {
  leaves_.emplace_back();
  Leaf& left = leaves_[which];
  Leaf& right = leaves_.back();
  const std::size_t middle = part(left, order);
  const auto child = static_cast<std::uint32_t>(trees.nodes.size());
  trees.nodes.resize(trees.nodes.size() + 2);
  model::TreeNode& node = trees.nodes[left.node];
  node.feature = static_cast<std::int32_t>(left.split.feature);
  node.threshold = data_.edge(left.split.feature, left.split.bin);
  node.default_left = left.split.missing_left;
  node.left = child, node.right = child + 1;
  left.node = child, right.node = child + 1;
  right.end = left.end, left.end = middle, right.begin = middle;
  right.depth = ++left.depth;
  Leaf& less = left.end - left.begin < right.end - right.begin ? left : right;
  Leaf& more = &less == &left ? right : left;
  std::vector<Gain> both = std::move(left.histogram);
  count(less, order, gains);
  for (std::size_t i = 0; i < both.size(); ++i) {
    both[i].g -= less.histogram[i].g, both[i].h -= less.histogram[i].h;
    both[i].w -= less.histogram[i].w;
  }
  more.histogram = std::move(both);
  const Sum all = left.sum;
  less.sum = {};
  for (std::size_t i = less.begin; i < less.end; ++i) less.sum.add(gains[order[i]]);
  more.sum = all - less.sum;
  find_split(left);
  find_split(right);
}

void Grower::grow(std::vector<std::uint32_t>& order, std::span<const Gain> gains,
                  std::mt19937_64& random, model::Trees& trees) {
  pick_features(random);
  leaves_.clear();
  leaves_.reserve(options_.leaves);
  Leaf& root = leaves_.emplace_back();
  root.node = static_cast<std::uint32_t>(trees.nodes.size());
  root.end = order.size();
  trees.roots.push_back(root.node);
  trees.nodes.emplace_back();
  count(root, order, gains);
  for (const std::uint32_t r : order) root.sum.add(gains[r]);
  find_split(root);
  while (leaves_.size() < options_.leaves) {
    const auto best =
        std::max_element(leaves_.begin(), leaves_.end(),
                         [](const Leaf& a, const Leaf& b) { return a.split.gain < b.split.gain; });
    if (best->split.gain <= 1e-9) break;
    divide(static_cast<std::size_t>(best - leaves_.begin()), order, gains, trees);
  }
  for (Leaf& leaf : leaves_) {
    leaf.histogram.clear();
    trees.nodes[leaf.node].threshold =
        static_cast<float>(-options_.rate * leaf.sum.g / (leaf.sum.h + options_.l2));
  }
}

// The margins of rows while trees are added, and the gradients that the loss makes of them.
class Boosting {
 public:
  Boosting(const BoostTask& task, const BoostOptions& options);
  model::Trees run(const Watch& watch);

 private:
  double target(std::size_t row) const { return task_.targets[row]; }
  double weight(std::size_t row) const {
    return task_.weights.empty() ? 1.0 : static_cast<double>(task_.weights[row]);
  }
  void set_bases();
  void gradients(std::size_t output);
  Gain gradient(std::size_t row, std::size_t output) const;
  void refit_quantile(const std::vector<std::uint32_t>& order);
  void add_tree(std::size_t output);
  const model::TreeNode* leaf_of(std::size_t row, std::uint32_t root) const;

  const BoostTask& task_;
  const BoostOptions& options_;
  std::size_t outputs_;
  Grower grower_;
  std::mt19937_64 random_;
  model::Trees trees_;
  std::vector<std::uint8_t> bin_of_;  // of each node's split
  std::vector<float> margins_;        // rows of data x outputs
  std::vector<Gain> gains_;           // rows of data
};

Boosting::Boosting(const BoostTask& task, const BoostOptions& options)
    : task_(task),
      options_(options),
      outputs_(options.loss == Loss::kSoftmax ? options.classes : 1),
      grower_(task, options),
      random_(options.seed),
      margins_(task.data->rows() * outputs_),
      gains_(task.data->rows()) {
  trees_.features = task.data->features();
  trees_.outputs = outputs_;
  trees_.base.resize(outputs_);
}

double quantile_of(std::vector<std::pair<float, float>>& weighted, double share) {
  std::sort(weighted.begin(), weighted.end());
  double total = 0, below = 0;
  for (const auto& [value, weight] : weighted) total += weight;
  for (const auto& [value, weight] : weighted) {
    below += weight;
    if (below >= share * total) return value;
  }
  return weighted.empty() ? 0 : weighted.back().first;
}

void Boosting::set_bases() {
  std::vector<double> sums(outputs_);
  double total = 0;
  std::vector<std::pair<float, float>> weighted;
  for (const std::uint32_t r : task_.rows) {
    const double w = weight(r);
    total += w;
    if (options_.loss == Loss::kSoftmax) {
      sums[static_cast<std::size_t>(target(r))] += w;
    } else {
      sums[0] += w * target(r);
    }
    if (options_.loss == Loss::kQuantile) {
      weighted.emplace_back(task_.targets[r], static_cast<float>(w));
    }
  }
  if (!(total > 0)) return;
  for (std::size_t i = 0; i < outputs_; ++i) {
    const double mean = sums[i] / total;
    const double p = std::clamp(mean, 1e-6, 1 - 1e-6);
    double base = mean;
    if (options_.loss == Loss::kLogistic) base = std::log(p / (1 - p));
    if (options_.loss == Loss::kSoftmax) base = std::log(p);
    if (options_.loss == Loss::kQuantile) base = quantile_of(weighted, options_.quantile);
    trees_.base[i] = static_cast<float>(base);
  }
  for (std::size_t i = 0; i < margins_.size(); ++i) margins_[i] = trees_.base[i % outputs_];
}

Gain Boosting::gradient(std::size_t row, std::size_t output) const {
  const float* const margin = &margins_[row * outputs_];
  double g = 0, h = 1;
  switch (options_.loss) {
    case Loss::kSquared:
      g = margin[0] - target(row);
      break;
    case Loss::kQuantile:
      g = target(row) > margin[0] ? -options_.quantile : 1 - options_.quantile;
      break;
    case Loss::kLogistic: {
      const double p = 1 / (1 + std::exp(-static_cast<double>(margin[0])));
      g = p - target(row), h = std::max(p * (1 - p), 1e-6);
      break;
    }
    case Loss::kSoftmax: {
      double most = margin[0], sum = 0;
      for (std::size_t i = 1; i < outputs_; ++i) most = std::max<double>(most, margin[i]);
      for (std::size_t i = 0; i < outputs_; ++i) sum += std::exp(margin[i] - most);
      const double p = std::exp(margin[output] - most) / sum;
      g = p - (static_cast<std::size_t>(target(row)) == output ? 1 : 0);
      h = std::max(p * (1 - p), 1e-6);
      break;
    }
  }
  const double w = weight(row);
  return {static_cast<float>(w * g), static_cast<float>(w * h), static_cast<float>(w)};
}

// The gradient of a pinball loss only says to which side: a leaf's value is the quantile itself
// (Friedman 2001, "Greedy function approximation", §4.3).
void Boosting::refit_quantile(const std::vector<std::uint32_t>& order) {
  for (const Leaf& leaf : grower_.leaves()) {
    std::vector<std::pair<float, float>> weighted;
    for (std::size_t i = leaf.begin; i < leaf.end; ++i) {
      const std::uint32_t r = order[i];
      weighted.emplace_back(task_.targets[r] - margins_[r], static_cast<float>(weight(r)));
    }
    trees_.nodes[leaf.node].threshold =
        static_cast<float>(options_.rate * quantile_of(weighted, options_.quantile));
  }
}

const model::TreeNode* Boosting::leaf_of(std::size_t row, std::uint32_t root) const {
  const std::uint8_t* const bins = task_.data->row(row);
  std::uint32_t at = root;
  while (trees_.nodes[at].feature >= 0) {
    const model::TreeNode& node = trees_.nodes[at];
    const std::uint8_t bin = bins[node.feature];
    at = (bin == 0 ? node.default_left : bin <= bin_of_[at]) ? node.left : node.right;
  }
  return &trees_.nodes[at];
}

void Boosting::add_tree(std::size_t output) {
  std::vector<std::uint32_t> order;
  const auto wanted =
      static_cast<std::size_t>(std::ceil(options_.rows * static_cast<double>(task_.rows.size())));
  std::size_t left = std::min(wanted, task_.rows.size());
  for (std::size_t i = 0; i < task_.rows.size() && left > 0; ++i) {
    if (random_() % (task_.rows.size() - i) >= left) continue;
    order.push_back(task_.rows[i]);
    --left;
  }
  for (const std::uint32_t r : order) gains_[r] = gradient(r, output);
  grower_.grow(order, gains_, random_, trees_);
  if (options_.loss == Loss::kQuantile) refit_quantile(order);
  bin_of_.resize(trees_.nodes.size());
  for (std::size_t i = trees_.roots.back(); i < trees_.nodes.size(); ++i) {
    const model::TreeNode& node = trees_.nodes[i];
    if (node.feature < 0) continue;
    const auto feature = static_cast<std::size_t>(node.feature);
    std::size_t bin = 1;
    while (task_.data->edge(feature, bin) < node.threshold) ++bin;
    bin_of_[i] = static_cast<std::uint8_t>(bin);
  }
  for (const auto* rows : {&task_.rows, &task_.watched}) {
    for (const std::uint32_t r : *rows) {
      margins_[r * outputs_ + output] += leaf_of(r, trees_.roots.back())->threshold;
    }
  }
}

model::Trees Boosting::run(const Watch& watch) {
  set_bases();
  std::vector<float> watched(task_.watched.size() * outputs_);
  for (std::size_t round = 0; round < options_.rounds && !task_.rows.empty(); ++round) {
    for (std::size_t output = 0; output < outputs_; ++output) add_tree(output);
    if (!watch) continue;
    for (std::size_t i = 0; i < task_.watched.size(); ++i) {
      std::copy_n(&margins_[task_.watched[i] * outputs_], outputs_, &watched[i * outputs_]);
    }
    if (!watch(round, watched)) break;
  }
  return std::move(trees_);
}

}  // namespace

model::Trees boost(const BoostTask& task, const BoostOptions& options, const Watch& watch) {
  LANDER_CHECK(task.data != nullptr && task.targets.size() == task.data->rows());
  return Boosting(task, options).run(watch);
}

}  // namespace lander::learn
