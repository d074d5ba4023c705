// Extremely randomised trees (Geurts, Ernst & Wehenkel 2006): every tree sees all rows, every cut
// is the best of a few features at a random threshold each. Strong on few rows with many features.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/trees.h"

namespace lander::learn {

struct ForestOptions {
  std::size_t trees = 200;
  std::size_t least_leaf = 1;  // rows
  std::size_t tried = 0;       // features a cut; 0: a fifth of them, at least their square root
  std::uint64_t seed = 1;
};
// `values`: row-major, rows x features, NaN = missing; `classes`: one a row of `values`; `rows`: to
// learn from. A leaf's value is the class most of its rows are of. Deterministic from the seed.
model::Trees grow_forest(std::span<const float> values, std::size_t features,
                         std::span<const std::uint32_t> classes, std::size_t class_count,
                         std::span<const std::uint32_t> rows, const ForestOptions& options);

}  // namespace lander::learn
