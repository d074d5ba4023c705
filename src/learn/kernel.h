// Fitting of model::Kernel: ridge regression in closed form, leave-one-out in closed form.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/classify.h"

namespace lander::learn {

struct KernelShape {
  double width = 1;  // times the median distance between rows
  double ridge = 0.03;
};
// Features that follow each other and the share that they have, all together, in the distance of
// two rows in the median; else the part with the most features outweighs the others.
struct KernelPart {
  std::size_t features = 0;
  double share = 1;
};
struct KernelTask {
  std::span<const float> values;  // row-major, rows x features; NaN = missing
  std::size_t features = 0;
  std::span<const std::uint32_t> classes;  // one a row of `values`
  std::size_t class_count = 0;
  std::span<const std::uint32_t> rows;  // to learn from, at most model::kMaxSupports
  std::vector<KernelPart> parts;        // none: all features are one
};
// The shape of the least leave-one-out log-loss over a small grid.
KernelShape choose_shape(const KernelTask& task);
model::Kernel fit_kernel(const KernelTask& task, const KernelShape& shape);
// Of each support: mean distance to the nearest others.
std::vector<double> nearest_others(const model::Kernel& kernel);

}  // namespace lander::learn
