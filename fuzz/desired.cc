// Desired, reported and update states as bytes: one value, one form; nothing to do when it runs
// already.
#include <algorithm>

#include "base/check.h"
#include "twin/twin.h"

namespace {

using namespace lander;

void expect_same(base::ByteView in, const base::Bytes& again) {
  LANDER_CHECK(std::equal(again.begin(), again.end(), in.begin(), in.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::ByteView in(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      if (const auto desired = twin::decode_desired(in); desired.ok()) {
        expect_same(in, twin::encode(*desired));
        LANDER_CHECK(twin::plan(*desired, *desired).empty());
      }
      break;
    case 1:
      if (const auto reported = twin::decode_reported(in); reported.ok()) {
        expect_same(in, twin::encode(*reported));
      }
      break;
    default:
      if (const auto state = twin::decode_app_state(in); state.ok()) {
        expect_same(in, twin::encode(*state));
      }
      break;
  }
  return 0;
}
