// Labelled rows as a classifier learns them, and ways to divide them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "learn/classify.h"
#include "model/classify.h"

namespace lander::learn {

using Rows = std::vector<std::uint32_t>;

// Rows that are learned, as features.
struct Table {
  std::size_t features = 0;
  std::array<std::size_t, 4> parts{};  // of the outline
  model::View all;                     // row-major: rows x features, rows x sum of parts
  std::vector<std::uint32_t> classes;  // one a row
  std::size_t class_count = 0;
  std::size_t rows() const { return classes.size(); }
  bool has_waves() const { return !all.outline.empty(); }
};

// The rows that have a label and any value, and the classes, ascending. kInvalid: too few of
// either.
base::Result<Rows> usable_rows(const Labelled& rows, std::vector<std::string>& classes);
// By the layout and classes of `frame`, whose biases it draws.
Table describe(const Labelled& rows, const Rows& usable, model::Classify& frame);

// Stratified: the fold of each row.
std::vector<std::size_t> folds_of(const Table& table, std::size_t folds);
// At most `most` of the rows, of each class its share.
Rows some_of(const Table& table, const Rows& rows, std::size_t most);

}  // namespace lander::learn
