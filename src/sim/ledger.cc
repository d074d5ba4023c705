#include "sim/ledger.h"

#include "alert/alert.h"
#include "crypto/crypto.h"

namespace lander::sim {

std::uint64_t digest_of(std::string_view type, base::ByteView body) {
  crypto::Sha256 sum;
  sum.update(base::as_bytes(type));
  sum.update(body);
  const crypto::Digest digest = sum.finish();
  std::uint64_t out = 0;
  for (int i = 0; i < 8; ++i) out = out << 8 | digest[static_cast<std::size_t>(i)];
  return out >> 1;  // fits SQLite's integers
}

base::Result<store::Committed> LedgerStore::commit(const store::Batch& batch) {
  auto committed = ForwardingStore::commit(batch);
  if (!committed.ok()) return committed;
  LANDER_CHECK(committed->item_numbers.size() == batch.items.size());
  for (std::size_t i = 0; i < batch.items.size(); ++i) {
    const store::NewItem& item = batch.items[i];
    // Of the others the hub keeps the newest only: its twin and its models are compared.
    if (item.type != "alert-event" && item.type != "summary" && item.type != "datastream") continue;
    ledger_.items[{item.lane, committed->item_numbers[i]}] = digest_of(item.type, item.body);
    if (item.type != "alert-event") continue;
    const auto event = alert::decode_event(item.body);
    LANDER_CHECK(event.ok());
    ledger_.events.insert(event->id);
  }
  return committed;
}

}  // namespace lander::sim
