// What anybody sends to the server: a request is taken apart the same however it is cut, within its
// bounds, or refused with a reason.
#include <algorithm>

#include "base/check.h"
#include "http/parser.h"
#include "http/url.h"

namespace {

using namespace lander;
constexpr std::size_t kMaxBody = 4096;

struct Outcome {
  bool refused = false, done = false;
  std::string target;
  base::Bytes body;
  bool operator==(const Outcome&) const = default;
};

Outcome parse(base::ByteView data, std::size_t step) {
  http::RequestParser parser;
  base::Bytes inbox;
  Outcome out;
  while (!out.refused && !parser.done() && !data.empty()) {
    const auto piece = data.first(std::min(step, data.size()));
    data = data.subspan(piece.size());
    inbox.insert(inbox.end(), piece.begin(), piece.end());
    for (std::size_t used = 1; used > 0 && !out.refused && !parser.done();) {
      out.refused = !parser.feed(inbox, used);
      inbox.erase(inbox.begin(), inbox.begin() + static_cast<std::ptrdiff_t>(used));
      if (!out.refused && parser.head() != nullptr && out.target.empty()) {
        out.target = parser.head()->target;
        if (parser.head()->content_length.value_or(0) > kMaxBody) return out;
        parser.limit_body(kMaxBody);
      }
    }
    LANDER_CHECK(out.refused || parser.done() || inbox.size() <= http::kMaxHeadBytes + step);
  }
  LANDER_CHECK(!out.refused || !parser.refusal().detail.empty());
  out.done = parser.done();
  if (out.done) {
    out.body = parser.take_body();
    LANDER_CHECK(out.body.size() <= kMaxBody);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  const Outcome whole = parse(bytes, size + 1);
  const Outcome cut = parse(bytes, 7);
  if (whole.done || cut.done) LANDER_CHECK(whole == cut);
  if (auto target = http::parse_target(whole.target); target.ok()) {
    LANDER_CHECK(target->path.starts_with('/') && target->path.find("/../") == std::string::npos);
  }
  return 0;
}
