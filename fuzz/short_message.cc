// What stands in an opened short message: one value, one form; and its briefs, whatever the
// dictionary says, become events that a book takes. The input: the size of a dictionary (2 bytes),
// the dictionary, the message, which is tried as a brief as well.
#include <algorithm>

#include "alert/alert.h"
#include "base/check.h"
#include "link/brief.h"

namespace {

using namespace lander;

void expect_same(base::ByteView in, const base::Bytes& again) {
  LANDER_CHECK(std::equal(again.begin(), again.end(), in.begin(), in.end()));
}

void try_brief(base::ByteView brief, const link::Dictionary& dictionary) {
  const auto event = link::decode_brief(brief, "acme", "plant", dictionary);
  if (!event.ok()) return;
  LANDER_CHECK(brief.size() <= link::kMaxBriefBytes);
  expect_same(brief, *link::encode_brief(*event, "acme", "plant", dictionary));
  LANDER_CHECK(alert::decode_event(alert::encode(*event)).ok());
  alert::Book book(4);
  LANDER_CHECK(*book.apply(*event));
  alert::Event whole = *event;
  whole.brief = false;
  LANDER_CHECK(*book.apply(whole) && !*book.apply(*event));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const base::ByteView in(data + 2, size - 2);
  const std::size_t first = std::min<std::size_t>(data[0] | data[1] << 8, in.size());
  const auto dictionary = link::Dictionary::decode(in.first(first));
  const link::Dictionary& known = dictionary.ok() ? *dictionary : link::Dictionary();
  const base::ByteView bytes = in.subspan(first);
  try_brief(bytes, known);
  const auto message = link::decode_short_message(bytes, 1);
  if (!message.ok()) return 0;
  expect_same(bytes, link::encode(*message));
  for (const auto& [number, brief] : message->briefs) try_brief(brief, known);
  return 0;
}
