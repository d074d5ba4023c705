// What a satellite modem, or whatever else is plugged in, may say: any bytes at any time. A
// conversation ends within its minute, what it hands on is bounded, and what it takes from the line
// does not depend on how the line cut it up.
#include "carrier/sbd_modem.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace {

using namespace lander;

std::string outcome(base::ByteView bytes, std::size_t piece) {
  carrier::SbdModem modem("300234010753370");
  std::string said;
  base::DurationUs now = 0;
  modem.exchange(base::as_bytes("hello"), now);
  const auto feed = [&](base::ByteView part) {
    for (std::size_t at = 0; at < part.size(); at += piece)
      modem.feed(part.subspan(at, std::min(piece, part.size() - at)), now);
    said += base::as_text(modem.take_output());
  };
  // 0xFE: nothing comes until the modem's patience ends.
  while (!bytes.empty()) {
    const auto pause = std::find(bytes.begin(), bytes.end(), 0xFE);
    feed(bytes.first(static_cast<std::size_t>(pause - bytes.begin())));
    bytes = bytes.subspan(static_cast<std::size_t>(pause - bytes.begin()));
    if (bytes.empty()) break;
    bytes = bytes.subspan(1);
    if (modem.busy()) now = std::max(now, modem.due());
    modem.tick(now);
  }
  while (modem.busy()) {
    now = std::max(now, modem.due());
    modem.tick(now);
  }
  LANDER_CHECK(now <= base::kMinute);
  said += base::as_text(modem.take_output());
  LANDER_CHECK(said.size() < 4096);
  const auto result = modem.take_result();
  LANDER_CHECK(result.has_value());
  if (!result->ok()) return said + "!" + result->error().message();
  LANDER_CHECK((*result)->received.size() <= carrier::kMaxMtBytes);
  said += base::as_text((*result)->received);
  return said + (modem.take_ring() ? "ring" : "") + ((*result)->more ? "more" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  LANDER_CHECK(outcome(bytes, size + 1) == outcome(bytes, 1 + size / 7));
  return 0;
}
