// Any bytes: what the reader accepts, skipped whole, has no second form and stays within the input.
#include "base/cbor.h"

#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lander::base;
  const ByteView input(data, size);
  CborReader reader(input);
  while (!reader.at_end()) {
    const std::size_t before = reader.offset();
    const auto item = reader.skip();
    if (!item.ok()) {
      LANDER_CHECK(item.error().code() == Code::kCorrupt);
      LANDER_CHECK(reader.offset() == before);
      return 0;
    }
    LANDER_CHECK(reader.offset() == before + item->size() && !item->empty());
    CborWriter copy;
    copy.raw(*item);
    LANDER_CHECK(CborReader(copy.out()).skip().ok());
  }
  return 0;
}
