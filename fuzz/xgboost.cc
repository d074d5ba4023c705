// A JSON that may be XGBoost's: refused, or trees that run and survive their own format.
#include "learn/xgboost.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lander;
  const auto trees = learn::trees_from_xgboost(base::as_text(base::ByteView(data, size)));
  if (!trees.ok()) return 0;
  const auto again = model::decode_trees(model::encode(*trees));
  LANDER_CHECK(again.ok());
  const model::TreeRunner first(*trees), second(*again);
  std::vector<float> row(trees->features), out(trees->outputs), other(trees->outputs);
  for (const float value : {0.0F, 1e30F, std::numeric_limits<float>::quiet_NaN()}) {
    std::fill(row.begin(), row.end(), value);
    first.evaluate(row, out);
    second.evaluate(row, other);
    LANDER_CHECK(out == other);
    for (const float margin : out) LANDER_CHECK(std::isfinite(margin));
  }
  return 0;
}
