// A person's file: refused with its mistakes, or a valid desired state that reads back from its own
// YAML unchanged.
#include "base/check.h"
#include "twin/twin.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lander;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto desired = twin::parse_yaml(text, "f", {});
  if (!desired.ok()) {
    LANDER_CHECK(desired.error().message().starts_with("f:"));
    return 0;
  }
  LANDER_CHECK(twin::valid(*desired).ok());
  const auto again = twin::parse_yaml(twin::to_yaml(*desired), "f", *desired);
  LANDER_CHECK(again.ok());
  LANDER_CHECK(twin::same_content(*desired, *again));
  return 0;
}
