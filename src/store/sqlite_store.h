// Store over SQLite: the one implementation. See store.h for the contract, docs/formats/store.md
// for the tables. Split over sqlite_store.cc (opening, series, records, clock), commit.cc, read.cc,
// downsample.cc and outbox.cc.
//
// Locks, taken in this order: a connection's mutex; visible_, held while a commit becomes visible,
// so that a reader's snapshot and the open minutes fit together; state_, held for moments only.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "store/dedup.h"
#include "store/rollup.h"
#include "store/store.h"
#include "store/timeline.h"

namespace lander::store {

struct Latest {
  Segment segment = kNoSegment;
  sensing::Observation observation;  // its time is claimed
};

struct Series {
  SeriesKey key = 0;
  sensing::Datastream datastream;
  std::vector<Extent> extents;   // by segment
  std::vector<OpenMinute> open;  // not in the tables yet
  std::optional<Latest> latest;  // only ever the newest of all extents
  bool extents_changed = false;  // since the last flush
  // The writer's own, not under state_:
  std::unique_ptr<Dedup> dedup;  // loaded when it is first needed
  std::vector<std::uint32_t> pending;
};

// What one batch adds to one series.
struct Delta {
  Series* series = nullptr;
  std::vector<OpenMinute> minutes;
  std::vector<Extent> extents;
  std::vector<Latest> newest;  // the last sample of each block
};

struct NewBlock {
  SeriesKey series = 0;
  base::TimeUs first = 0, last = 0;
  std::size_t count = 0;
  base::Bytes sequences, data;
};

struct Prepared {
  std::vector<NewBlock> raw, others;  // raw: may leave the site as they are
  std::vector<Delta> deltas;
  std::vector<base::Bytes> segments;
  std::int64_t boot = 0;  // its number
  Committed result;
};

// A block as it stands in the table, decoded.
struct StoredBlock {
  std::int64_t id = 0;
  Stamp stamp;
  sensing::Block block;
};

// From a row that begins with the block's id and data, the commit's monotonic time and boot's name.
base::Result<StoredBlock> stored_block(const os::Statement& row);
sensing::Value value_at(const sensing::Block& block, std::size_t at);
sensing::Block selected(const sensing::Block& block, const std::vector<std::size_t>& at);
// Adds a block's samples to the minutes and extents that they belong to.
void count_block(const StoredBlock& stored, const sensing::ClockBook& book,
                 std::vector<OpenMinute>& minutes, std::vector<Extent>& extents);

class SqliteStore final : public Store {
 public:
  static base::Result<std::unique_ptr<Store>> open(const Options& options);

  base::Result<SeriesKey> declare(sensing::Datastream datastream) override;
  std::optional<sensing::Datastream> datastream(SeriesKey key) const override;
  std::vector<std::pair<SeriesKey, sensing::Datastream>> datastreams() const override;
  std::vector<SeriesKey> keys(std::string_view datastream) const override;
  base::Result<Committed> commit(const Batch& batch) override;
  base::Status read(SeriesKey key, base::TimeUs from, base::TimeUs to, std::size_t limit,
                    const std::function<bool(const Sample&)>& visit) const override;
  base::Result<std::vector<Bucket>> downsample(SeriesKey key, base::TimeUs from, base::TimeUs to,
                                               std::size_t buckets) const override;
  base::Result<std::optional<Sample>> latest(SeriesKey key) const override;
  base::Result<std::optional<base::Bytes>> record(std::string_view kind,
                                                  std::string_view key) const override;
  base::Result<std::vector<Record>> records(std::string_view kind) const override;
  std::uint64_t epoch() const override;
  base::Status renew_epoch() override;
  base::Result<std::vector<Item>> items(Lane lane, std::uint64_t after, std::size_t max_items,
                                        std::size_t max_bytes) const override;
  base::Status forget_items(Lane lane, std::uint64_t through) override;
  base::Result<std::vector<LaneState>> lanes() const override;
  base::Status clock_reference(base::TimeUs reference, base::DurationUs error,
                               std::string_view source) override;
  sensing::ClockBook::Utc utc_now() const override;
  Stats stats() const override;

 private:
  using Book = std::shared_ptr<const sensing::ClockBook>;

  class Reading;  // reading.h

  explicit SqliteStore(const Options& options) : options_(options) {}
  base::Status connect();
  base::Status load();
  base::Status load_series();
  base::Status load_extents();
  base::Status load_book();
  base::Status count_unflushed();
  Connection& reader() const { return reader_ ? *reader_ : *writer_; }

  Series* find(SeriesKey key) const;  // null when there is none
  Book book() const;
  base::Status write_series(const Series& series);
  // Writes those that are not in the table as they are; returns all of them, to be kept when the
  // transaction has committed.
  base::Result<std::vector<base::Bytes>> write_segments(const sensing::ClockBook& next);
  base::Result<std::int64_t> boot_number(const std::string& boot);

  // commit.cc
  base::Status admit(const Batch& batch) const;
  base::Status sort_out(const Batch& batch, Prepared& prepared, std::vector<Series*>& touched);
  base::Status load_dedup(Series& series);
  void cut_blocks(const Batch& batch, Series& series, const sensing::ClockBook& book,
                  const Stamp& stamp, Prepared& prepared);
  base::Status write(const Batch& batch, const Stamp& stamp, base::TimeUs wall,
                     base::TimeUs created, const sensing::ClockBook& next, bool flush,
                     Prepared& prepared);
  base::Status write_block(const NewBlock& block, std::int64_t commit);
  base::Status write_windows(const std::vector<Delta>& deltas);
  base::Status write_items(const Batch& batch, base::TimeUs created, std::int64_t first_block,
                           Prepared& prepared);
  base::Status write_records(const std::vector<Record>& records);
  base::Status flush(const Prepared& prepared);
  void apply(Prepared& prepared, Book next, bool flushed, base::DurationUs monotonic);

  // outbox.cc
  base::Result<std::uint64_t> number_item(Lane lane);
  base::Status write_item(Lane lane, std::uint64_t number, std::string_view type,
                          base::TimeUs created, const base::Bytes* body, std::int64_t first_block,
                          std::int64_t last_block);
  base::Result<base::Bytes> blocks_body(Connection& connection, std::int64_t first,
                                        std::int64_t last) const;
  bool may_leave(std::string_view datastream) const;

  Options options_;
  std::unique_ptr<Connection> writer_;
  std::unique_ptr<Connection> reader_;  // null where the VFS allows one connection only
  mutable std::mutex visible_;
  mutable std::mutex state_;

  // Under state_:
  std::vector<std::unique_ptr<Series>> series_;  // key - 1; entries never go away
  std::map<std::string, std::vector<SeriesKey>, std::less<>> by_id_;
  Book book_;
  std::uint64_t epoch_ = 0;
  Stats stats_;

  // The writer's own:
  std::vector<base::Bytes> saved_segments_;    // as they stand in the table
  std::pair<std::string, std::int64_t> boot_;  // the last that was written, and its number
  base::DurationUs flushed_at_ = 0;
  std::size_t open_minutes_ = 0, open_observations_ = 0;
};

}  // namespace lander::store
