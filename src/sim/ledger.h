// A site's store with a witness: what it acknowledged as durable is noted outside the machine, to
// be looked for later at the hub.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <utility>

#include "store/store.h"

namespace lander::sim {

std::uint64_t digest_of(std::string_view type, base::ByteView body);

struct Ledger {  // outlives the machine's crashes
  std::map<std::pair<store::Lane, std::uint64_t>, std::uint64_t> items;  // -> digest
  std::set<std::string> events;  // ids of alert events that were queued for the hub
};

class LedgerStore final : public store::Store {
 public:
  LedgerStore(std::unique_ptr<store::Store> store, Ledger& ledger)
      : store_(std::move(store)), ledger_(ledger) {}

  base::Result<store::Committed> commit(const store::Batch& batch) override;

  base::Result<store::SeriesKey> declare(sensing::Datastream datastream) override {
    return store_->declare(std::move(datastream));
  }
  std::optional<sensing::Datastream> datastream(store::SeriesKey key) const override {
    return store_->datastream(key);
  }
  std::vector<std::pair<store::SeriesKey, sensing::Datastream>> datastreams() const override {
    return store_->datastreams();
  }
  std::vector<store::SeriesKey> keys(std::string_view datastream) const override {
    return store_->keys(datastream);
  }
  base::Status read(store::SeriesKey key, base::TimeUs from, base::TimeUs to, std::size_t limit,
                    const std::function<bool(const store::Sample&)>& visit) const override {
    return store_->read(key, from, to, limit, visit);
  }
  base::Result<std::vector<store::Bucket>> downsample(store::SeriesKey key, base::TimeUs from,
                                                      base::TimeUs to,
                                                      std::size_t buckets) const override {
    return store_->downsample(key, from, to, buckets);
  }
  base::Result<std::optional<store::Sample>> latest(store::SeriesKey key) const override {
    return store_->latest(key);
  }
  base::Result<std::optional<base::Bytes>> record(std::string_view kind,
                                                  std::string_view key) const override {
    return store_->record(kind, key);
  }
  base::Result<std::vector<store::Record>> records(std::string_view kind) const override {
    return store_->records(kind);
  }
  std::uint64_t epoch() const override { return store_->epoch(); }
  base::Status renew_epoch() override { return store_->renew_epoch(); }
  base::Result<std::vector<store::Item>> items(store::Lane lane, std::uint64_t after,
                                               std::size_t max_items,
                                               std::size_t max_bytes) const override {
    return store_->items(lane, after, max_items, max_bytes);
  }
  base::Status forget_items(store::Lane lane, std::uint64_t through) override {
    return store_->forget_items(lane, through);
  }
  base::Result<std::vector<LaneState>> lanes() const override { return store_->lanes(); }
  base::Status clock_reference(base::TimeUs reference, base::DurationUs error,
                               std::string_view source) override {
    return store_->clock_reference(reference, error, source);
  }
  sensing::ClockBook::Utc utc_now() const override { return store_->utc_now(); }
  store::Stats stats() const override { return store_->stats(); }

 private:
  std::unique_ptr<store::Store> store_;
  Ledger& ledger_;
};

}  // namespace lander::sim
