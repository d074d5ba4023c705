// From XGBoost's own JSON (save_model("m.json"), 1.6 to 3.x), so that a model trained elsewhere
// runs here.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/trees.h"

namespace lander::learn {

inline constexpr std::size_t kMaxXgboostBytes = 256 << 20;

// Margins as XGBoost predicts them with output_margin (before sigmoid, softmax or exp). kCorrupt:
// not such a file; kUnsupported: gblinear, dart, categorical splits, leaves with several values, an
// objective whose link is not known here; kInvalid: trees with cycles or indices out of range.
base::Result<model::Trees> trees_from_xgboost(std::string_view json);

}  // namespace lander::learn
