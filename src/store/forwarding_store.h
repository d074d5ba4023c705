// A store in front of another: passes everything on. For those that change one thing of it, as a
// test's full disk or the simulator's ledger do. As thread-safe as the store behind it, which it
// owns.
#pragma once

#include <memory>
#include <utility>

#include "store/store.h"

namespace lander::store {

class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  base::Result<Committed> commit(const Batch& batch) override { return store_->commit(batch); }
  base::Result<SeriesKey> declare(sensing::Datastream datastream) override {
    return store_->declare(std::move(datastream));
  }
  std::optional<sensing::Datastream> datastream(SeriesKey key) const override {
    return store_->datastream(key);
  }
  std::vector<std::pair<SeriesKey, sensing::Datastream>> datastreams() const override {
    return store_->datastreams();
  }
  std::vector<SeriesKey> keys(std::string_view id) const override { return store_->keys(id); }
  base::Result<std::vector<Gap>> read(
      SeriesKey key, base::TimeUs from, base::TimeUs to, std::size_t limit,
      const std::function<bool(const Sample&)>& visit) const override {
    return store_->read(key, from, to, limit, visit);
  }
  base::Result<std::vector<Bucket>> downsample(SeriesKey key, base::TimeUs from, base::TimeUs to,
                                               std::size_t buckets) const override {
    return store_->downsample(key, from, to, buckets);
  }
  base::Result<std::optional<Sample>> latest(SeriesKey key) const override {
    return store_->latest(key);
  }
  base::Result<std::vector<Minute>> minutes(base::TimeUs from, base::TimeUs to) const override {
    return store_->minutes(from, to);
  }
  base::Result<sensing::Object> put_object(base::ByteView content,
                                           std::string_view media_type) override {
    return store_->put_object(content, media_type);
  }
  base::Result<base::Bytes> object(const std::array<std::uint8_t, 32>& sha256) const override {
    return store_->object(sha256);
  }
  base::Result<std::optional<base::Bytes>> record(std::string_view kind,
                                                  std::string_view key) const override {
    return store_->record(kind, key);
  }
  base::Result<std::vector<Record>> records(std::string_view kind) const override {
    return store_->records(kind);
  }
  std::uint64_t epoch() const override { return store_->epoch(); }
  base::Status renew_epoch() override { return store_->renew_epoch(); }
  base::Result<bool> offer_raw(std::size_t max_bytes) override {
    return store_->offer_raw(max_bytes);
  }
  base::Status start_pickup() override { return store_->start_pickup(); }
  base::Result<std::vector<Item>> items(Lane lane, std::span<const std::uint64_t> numbers,
                                        std::size_t max_bytes) const override {
    return store_->items(lane, numbers, max_bytes);
  }
  base::Result<std::vector<Head>> heads(Lane lane, std::uint64_t after,
                                        std::size_t max) const override {
    return store_->heads(lane, after, max);
  }
  base::Result<std::vector<GoneRange>> gone(Lane lane, std::size_t max) const override {
    return store_->gone(lane, max);
  }
  base::Status recall_items(Lane lane, std::uint64_t through) override {
    return store_->recall_items(lane, through);
  }
  base::Result<Wiped> wipe(base::TimeUs before) override { return store_->wipe(before); }
  base::Result<std::vector<Item>> items(Lane lane, std::uint64_t after, std::size_t max_items,
                                        std::size_t max_bytes) const override {
    return store_->items(lane, after, max_items, max_bytes);
  }
  base::Status forget_items(Lane lane, std::uint64_t through) override {
    return store_->forget_items(lane, through);
  }
  base::Result<std::vector<LaneState>> lanes() const override { return store_->lanes(); }
  base::Status clock_reference(base::TimeUs reference, base::DurationUs error,
                               std::string_view source) override {
    return store_->clock_reference(reference, error, source);
  }
  sensing::ClockBook::Utc utc_now() const override { return store_->utc_now(); }
  base::Result<bool> upkeep() override { return store_->upkeep(); }
  base::Result<std::vector<Incident>> incidents(std::uint64_t after,
                                                std::size_t max) const override {
    return store_->incidents(after, max);
  }
  Stats stats() const override { return store_->stats(); }

 private:
  std::unique_ptr<Store> store_;
};

}  // namespace lander::store
