// What stands in an opened bundle, its items' bodies, and a stored journal: one value, one form.
#include <algorithm>

#include "base/check.h"
#include "link/link.h"

namespace {

using namespace lander;

void expect_same(base::ByteView in, const base::Bytes& again) {
  LANDER_CHECK(std::equal(again.begin(), again.end(), in.begin(), in.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::ByteView in(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      if (const auto bundle = link::decode_bundle(in); bundle.ok()) {
        expect_same(in, link::encode(*bundle));
        link::Receiver receiver;
        for (const link::Item& item : bundle->items) {
          receiver.take(bundle->epoch, item);
          LANDER_CHECK(!receiver.take(bundle->epoch, item));
        }
        link::Sender sender(bundle->epoch);
        for (const link::Receipt& receipt : bundle->receipts) sender.receipt(receipt);
      }
      break;
    case 1:
      if (const auto journal = link::Receiver::decode(in); journal.ok()) {
        expect_same(in, journal->encode());
        LANDER_CHECK(journal->receipts().size() <= 8);
      }
      break;
    case 2:
      if (const auto blob = link::decode_blob(in); blob.ok()) {
        expect_same(in, link::encode_blob(*blob));
      }
      break;
    case 3:
      if (const auto all = link::decode_summaries(in); all.ok()) {
        expect_same(in, link::encode_summaries(*all));
      }
      break;
    default:
      if (const auto all = link::decode_blocks(in); all.ok()) {
        expect_same(in, link::encode_blocks(*all));
      }
      break;
  }
  return 0;
}
