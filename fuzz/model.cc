// A model file from anywhere: refused, or a detector whose scores are numbers. The checksum is made
// right, so that what lies behind it is reached.
#include "model/model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.h"
#include "crypto/crypto.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lander;
  (void)model::decode_model({data, size});
  base::Bytes file(data, data + size);
  const base::ByteView magic = base::as_bytes("LANDMDL1");
  file.insert(file.begin(), magic.begin(), magic.end());
  const crypto::Digest sum = crypto::sha256(file);
  file.insert(file.end(), sum.begin(), sum.end());
  const auto model = model::decode_model(file);
  if (!model.ok()) return 0;
  LANDER_CHECK(model::encode(*model) == file);
  auto detector = model::make_detector(*model);
  if (!detector.ok()) return 0;
  std::vector<double> frame((*detector)->inputs(), 1.0);
  for (const double value : {0.0, 1e300, std::numeric_limits<double>::quiet_NaN()}) {
    frame.front() = value;
    LANDER_CHECK(std::isfinite((*detector)->score(frame, 0).score));
  }
  return 0;
}
