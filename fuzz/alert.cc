// What a peer calls an alert event: decoded, it has one form, and a book takes it or says why not.
#include "alert/alert.h"

#include <algorithm>

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lander;
  const base::ByteView bytes(data, size);
  const auto event = alert::decode_event(bytes);
  if (!event.ok()) return 0;
  const base::Bytes again = alert::encode(*event);
  LANDER_CHECK(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
  alert::Book book(4);
  LANDER_CHECK(book.apply(*event).ok());
  LANDER_CHECK(!*book.apply(*event));
  return 0;
}
