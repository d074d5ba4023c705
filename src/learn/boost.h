// Gradient-boosted trees, trained on one thread: second order (Chen & Guestrin 2016, "XGBoost",
// §2), over histograms of at most 255 bins and leaf by leaf (Ke et al. 2017, "LightGBM", §2), the
// smaller of two siblings counted and the larger one had by subtraction.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/trees.h"

namespace lander::learn {

inline constexpr std::size_t kMostBins = 255;

// Features in bins of about equal counts, one byte each; made once, shared by every training on
// rows of it. Bin 0: missing.
class Binned {
 public:
  // `values`: row-major, rows x features; NaN = missing. Borrows nothing. `most`: bins of a feature
  // beside that for missing; fewer are faster where there are few rows.
  Binned(std::span<const float> values, std::size_t features, std::size_t most = kMostBins);
  std::size_t rows() const { return rows_; }
  std::size_t features() const { return edges_.size(); }
  std::size_t stride() const { return most_ + 1; }  // no feature has more bins
  const std::uint8_t* row(std::size_t r) const { return &bins_[r * edges_.size()]; }
  // Values of bins 1..b lie below edge(f, b); the last bin of a feature has no upper edge.
  float edge(std::size_t feature, std::size_t bin) const { return edges_[feature][bin - 1]; }
  std::size_t bins(std::size_t feature) const { return edges_[feature].size() + 2; }

 private:
  std::size_t most_, rows_;
  std::vector<std::vector<float>> edges_;
  std::vector<std::uint8_t> bins_;
};

enum class Loss {
  kSquared,
  kQuantile,  // pinball at `quantile`; 0.5: absolute error
  kLogistic,  // targets 0 or 1; the margin is a log-odds
  kSoftmax,   // targets 0 .. classes-1; a margin each
};
struct BoostOptions {
  Loss loss = Loss::kSquared;
  double quantile = 0.5;
  std::size_t classes = 1;  // of kSoftmax
  std::size_t rounds = 300, leaves = 31, depth = 8;
  double rate = 0.05;
  double l2 = 1;                     // on a leaf's value
  double least_weight = 20;          // of a leaf: the sum of its rows' weights
  double rows = 0.5, columns = 0.5;  // share of rows and of features that a tree may see
  std::uint64_t seed = 1;
};
struct BoostTask {
  const Binned* data = nullptr;
  std::vector<std::uint32_t> rows;      // of `data`, to learn from
  std::span<const float> targets;       // one a row of `data`
  std::span<const float> weights;       // one a row of `data`, >= 0; empty: all 1
  std::vector<std::uint32_t> features;  // that may be used; empty: all
  std::vector<std::uint32_t> always;    // of them, those that every tree may see
  std::vector<std::uint32_t> watched;   // other rows, whose margins are wanted after each round
};
// After round `round` (from 0): the margins of `watched`, watched x outputs. False: stop here.
using Watch = std::function<bool(std::size_t round, std::span<const float> margins)>;

// Deterministic from the seed. No rows: a base of 0 and no trees. Memory: a histogram a leaf
// (features x 256 x 8 bytes) and 16 bytes a row and output.
model::Trees boost(const BoostTask& task, const BoostOptions& options, const Watch& watch = {});

}  // namespace lander::learn
