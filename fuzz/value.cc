// The bytes of a waveform, an object or an interval, from a disk or another program: refused, or a
// valid value that comes back to the bit from what we would write of it, within the bounds.
#include "sensing/value.h"

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lander;
  if (size == 0) return 0;
  const auto kind = static_cast<sensing::Kind>(data[0] % 8);
  const base::ByteView bytes(data + 1, size - 1);
  const auto value = sensing::from_bytes(kind, bytes);
  if (!value.ok()) {
    LANDER_CHECK(value.error().code() == base::Code::kCorrupt);
    return 0;
  }
  LANDER_CHECK(sensing::valid(*value).ok());
  const std::string again = sensing::to_bytes(*value);
  LANDER_CHECK(again.size() <= sensing::max_value_bytes(kind));
  const auto second = sensing::from_bytes(kind, base::as_bytes(again));
  LANDER_CHECK(second.ok());
  LANDER_CHECK(sensing::to_bytes(*second) == again);
  LANDER_CHECK(sensing::fingerprint(*second) == sensing::fingerprint(*value));
  return 0;
}
