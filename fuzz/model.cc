// A model file from anywhere: refused, or a detector or predictor whose every answer is a number in
// its range. The checksum is made right, so that what lies behind it is reached.
#include "model/model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "crypto/crypto.h"
#include "model/onnx.h"
#include "model/predictor.h"

namespace {

using namespace lander;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kFarthest = std::numeric_limits<double>::max();

// Usual rows, rows with gaps at changing places, and rows of what no sensor measures.
std::vector<double> row_of(std::size_t inputs, std::size_t number) {
  std::vector<double> row(inputs, 1);
  for (std::size_t i = 0; i < inputs; ++i) {
    if (number % 4 == 1) row[i] = static_cast<double>((i * 7 + number) % 5);
    if (number % 4 == 2 && (i + number) % 3 == 0) row[i] = kNan;
    if (number % 4 == 3) row[i] = i % 2 == 0 ? kFarthest : -kFarthest;
  }
  if (number % 16 == 6) std::fill(row.begin(), row.end(), kNan);
  if (number % 16 == 7) row.back() = INFINITY;
  return row;
}

bool are_shares(const std::vector<double>& shares) {
  if (!std::all_of(shares.begin(), shares.end(), [](double x) { return x >= 0 && x <= 1.001; }))
    return false;
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  return sum == 0 || std::abs(sum - 1) < 0.01;
}

void score(const model::Model& model, double per_day) {
  auto detector = model::make_detector(model, per_day);
  if (!detector.ok()) return;
  for (std::size_t i = 0; i < 24; ++i) {
    const model::Score& score =
        (*detector)->score(row_of((*detector)->inputs(), i), base::TimeUs(i % 5) * base::kSecond);
    LANDER_CHECK(std::isfinite(score.score) && score.score >= 0);
    LANDER_CHECK(are_shares(score.shares));
    for (const double value : score.expected) LANDER_CHECK(std::isfinite(value));
  }
}

void predict(const model::Model& model) {
  auto predictor = model::make_predictor(model);
  if (!predictor.ok()) return;
  LANDER_CHECK(model::roles(model).ok());
  for (std::size_t i = 0; i < 10; ++i) {
    if (i == 8) (*predictor)->reset();
    const double time = i == 5 ? kFarthest : i == 6 ? -kFarthest : i == 7 ? kNan : double(i);
    const model::Prediction& p = (*predictor)->predict(row_of((*predictor)->inputs(), i), time);
    LANDER_CHECK(std::isfinite(p.value) && p.low <= p.value && p.value <= p.high);
    LANDER_CHECK(p.low >= 0 && std::isfinite(p.high));
    LANDER_CHECK(p.probability >= 0 && p.probability <= 1);
    LANDER_CHECK(are_shares(p.shares));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)model::decode_model({data, size});
  base::Bytes file(data, data + size);
  const base::ByteView magic = base::as_bytes("LANDMDL1");
  file.insert(file.begin(), magic.begin(), magic.end());
  const crypto::Digest sum = crypto::sha256(file);
  file.insert(file.end(), sum.begin(), sum.end());
  const auto model = model::decode_model(file);
  if (!model.ok()) return 0;
  LANDER_CHECK(model::encode(*model) == file);
  LANDER_CHECK(model::kind_of(*model).ok());
  for (const double per_day : {0.0, 1e-6, 1e5}) score(*model, per_day);
  predict(*model);
  if (model->inputs.size() <= 16) (void)model::to_onnx(*model);
  return 0;
}
