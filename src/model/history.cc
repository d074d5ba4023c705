#include "model/history.h"

#include <array>

#include "base/cbor.h"

namespace lander::model {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kMaxNameBytes = 256, kMaxReasonBytes = 1024, kMaxNumbers = 16;

void put(base::CborWriter& out, const Event& event) {
  out.array(6).unsigned_integer(static_cast<std::uint64_t>(event.what)).integer(event.time);
  out.text(event.actor).text(event.digest).text(event.reason).array(event.numbers.size());
  for (const Metric& number : event.numbers) out.array(2).text(number.name).real(number.value);
}

base::Result<Event> read_event(base::CborReader& in) {
  Event event;
  LANDER_TRY(in.array_of(6, "event of a model"));
  LANDER_ASSIGN(const std::uint8_t what, in.enumerator(6, "what happened"));
  event.what = static_cast<Happening>(what);
  LANDER_ASSIGN(event.time, in.integer());
  LANDER_ASSIGN(event.actor, in.text_of(1, kMaxNameBytes));
  LANDER_ASSIGN(event.digest, in.text_of(0, kMaxNameBytes));
  LANDER_ASSIGN(event.reason, in.text_of(0, kMaxReasonBytes));
  LANDER_ASSIGN(const std::uint64_t numbers, in.array_up_to(kMaxNumbers, "numbers"));
  for (std::uint64_t i = 0; i < numbers; ++i) {
    Metric number;
    LANDER_TRY(in.array_of(2, "number"));
    LANDER_ASSIGN(number.name, in.text_of(1, kMaxNameBytes));
    LANDER_ASSIGN(number.value, in.real());
    event.numbers.push_back(std::move(number));
  }
  return event;
}

// At a character's boundary.
void shorten(std::string& text, std::size_t most) {
  if (text.size() <= most) return;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  text.resize(most);
}

}  // namespace

std::string_view to_string(Happening happening) {
  constexpr std::array<std::string_view, 6> kNames = {"trained",  "refused",     "proposed",
                                                      "promoted", "rolled-back", "proven"};
  return kNames[static_cast<std::size_t>(happening)];
}

void add(History& history, Event event) {
  shorten(event.reason, kMaxReasonBytes);
  shorten(event.actor, kMaxNameBytes);
  if (event.numbers.size() > kMaxNumbers) event.numbers.resize(kMaxNumbers);
  if (history.events.size() >= kMaxHistory) history.events.erase(history.events.begin());
  history.events.push_back(std::move(event));
}

base::Bytes encode(const History& history) {
  base::CborWriter out;
  out.array(3).unsigned_integer(kFormat).text(history.asset).array(history.events.size());
  for (const Event& event : history.events) put(out, event);
  return out.take();
}

base::Result<History> decode_history(base::ByteView bytes) {
  base::CborReader in(bytes);
  History history;
  LANDER_TRY(in.record(3, kFormat, "history of models"));
  LANDER_ASSIGN(history.asset, in.text_of(1, kMaxNameBytes));
  LANDER_ASSIGN(const std::uint64_t events, in.array_up_to(kMaxHistory, "events"));
  for (std::uint64_t i = 0; i < events; ++i) {
    LANDER_ASSIGN(Event event, read_event(in));
    history.events.push_back(std::move(event));
  }
  LANDER_TRY(in.end());
  return history;
}

}  // namespace lander::model
