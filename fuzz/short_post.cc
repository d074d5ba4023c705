// What anyone may POST as a satellite operator's message: read or refused, bounded, and the same
// again when it is written as the operator would.
#include <string>

#include "base/check.h"
#include "carrier/short_gateway.h"

namespace {

using namespace lander;

constexpr char kForm[] = "application/x-www-form-urlencoded";

void check(base::ByteView body, std::string_view type) {
  const auto post = carrier::parse_short_post(body, type);
  if (!post.ok()) {
    LANDER_CHECK(!post.error().message().empty());
    return;
  }
  LANDER_CHECK(post->imei.size() == 15 && !post->bytes.empty() && post->bytes.size() <= 340);
  const std::string form = "imei=" + post->imei + "&momsn=" + std::to_string(post->momsn) +
                           "&data=" + base::to_hex(post->bytes);
  const auto again = carrier::parse_short_post(base::as_bytes(form), kForm);
  LANDER_CHECK(again.ok() && *again == *post);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check({data, size}, kForm);
  check({data, size}, "application/json");
  return 0;
}
