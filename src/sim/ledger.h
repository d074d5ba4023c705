// A site's store with a witness: what it acknowledged as durable is noted outside the machine, to
// be looked for later at the hub.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>

#include "store/forwarding_store.h"

namespace lander::sim {

std::uint64_t digest_of(std::string_view type, base::ByteView body);

struct Ledger {  // outlives the machine's crashes
  std::map<std::pair<store::Lane, std::uint64_t>, std::uint64_t> items;  // -> digest
  std::set<std::string> events;  // ids of alert events that were queued for the hub
};

class LedgerStore final : public store::ForwardingStore {
 public:
  LedgerStore(std::unique_ptr<store::Store> store, Ledger& ledger)
      : ForwardingStore(std::move(store)), ledger_(ledger) {}

  base::Result<store::Committed> commit(const store::Batch& batch) override;

 private:
  Ledger& ledger_;
};

}  // namespace lander::sim
