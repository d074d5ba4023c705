// What a server that is not ours answers: a response and its events, bounded, or an error.
#include "base/check.h"
#include "http/event_reader.h"
#include "http/parser.h"
#include "http/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lander;
  const base::ByteView bytes(data, size);
  constexpr std::size_t kMaxBody = 4096;
  http::ResponseParser parser(false, kMaxBody);
  auto used = parser.feed(bytes);
  if (used.ok()) {
    LANDER_CHECK(*used <= size);
    [[maybe_unused]] const auto ended = parser.end();
    LANDER_CHECK(parser.take_body().size() <= kMaxBody);
  }
  http::EventReader reader;
  std::size_t taken = 0;
  const auto read = reader.feed(base::as_text(bytes), [&](auto event, auto text) {
    taken += event.size() + text.size();
    return taken < 1000;
  });
  LANDER_CHECK(!read.ok() || taken <= 1000 + size);
  if (auto url = http::parse_url(base::as_text(bytes)); url.ok()) {
    LANDER_CHECK(!url->host.empty() && url->target.starts_with('/'));
    LANDER_CHECK(http::parse_url((url->tls ? "https://" : "http://") + url->authority()).ok());
  }
  return 0;
}
