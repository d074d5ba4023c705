// What stands in an opened bundle, its items' bodies, and a stored journal: one value, one form.
#include <algorithm>

#include "base/check.h"
#include "link/instances.h"
#include "link/outbox.h"

namespace {

using namespace lander;

void expect_same(base::ByteView in, const base::Bytes& again) {
  LANDER_CHECK(std::equal(again.begin(), again.end(), in.begin(), in.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::ByteView in(data + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      if (const auto bundle = link::decode_bundle(in); bundle.ok()) {
        expect_same(in, link::encode(*bundle));
        link::Receiver receiver;
        for (const link::Item& item : bundle->items) {
          receiver.take(bundle->epoch, item);
          LANDER_CHECK(!receiver.take(bundle->epoch, item));
        }
        receiver.skip(bundle->epoch, bundle->gone);
        link::Outbox outbox(bundle->epoch);
        outbox.receipts(bundle->receipts, bundle->sent, true, true);
        outbox.noticed(bundle->noticed);
        link::Instances instances;
        bool changed = false;
        instances.see(*bundle, receiver.receipts(bundle->epoch), bundle->sent, changed);
        instances.receipts(*bundle);
      }
      break;
    case 1:
      if (const auto journal = link::Receiver::decode(in); journal.ok()) {
        expect_same(in, journal->encode());
        LANDER_CHECK(journal->receipts(1).size() <= 2 * link::kLanes);
      }
      break;
    case 5:
      if (const auto starts = link::Instances::decode(in); starts.ok()) {
        expect_same(in, starts->encode());
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
