// One read: a snapshot of the tables and of what stands in memory, that fit together.
#pragma once

#include "store/sqlite_store.h"

namespace lander::store {

class SqliteStore::Reading {
 public:
  // Of one series, for times in [from, to) UTC. kNotFound: no such series.
  static base::Result<std::unique_ptr<Reading>> begin(const SqliteStore& store, SeriesKey key,
                                                      base::TimeUs from, base::TimeUs to);
  // Of all series that have numbers in [from, to): some of which nothing in the range stands in
  // chunks, and others.
  struct Parts {
    std::map<SeriesKey, sensing::Kind> tail_only;
    std::vector<SeriesKey> others;
  };
  static base::Result<std::unique_ptr<Reading>> begin(const SqliteStore& store, base::TimeUs from,
                                                      base::TimeUs to, Parts& parts);
  // Of the whole tail.
  static base::Result<std::unique_ptr<Reading>> begin(const SqliteStore& store);
  ~Reading();

  Connection& connection() { return *connection_; }
  const sensing::ClockBook& book() const { return *book_; }
  sensing::Kind kind() const { return kind_; }
  const std::vector<Extent>& extents() const { return extents_; }
  // Of the tail, that may have times in the range and are not in this series' chunks yet.
  const std::vector<TailFrame>& frames() const { return frames_; }
  const Progress& progress() const { return progress_; }

 private:
  friend class SqliteStore;
  explicit Reading(const SqliteStore& store);
  // Begins the snapshot; the store's visible_ is held.
  base::Status pin();

  Connection* connection_ = nullptr;
  std::unique_lock<std::mutex> lock_;
  const bool snapshot_;  // the connection is within one already
  bool began_ = false;
  Book book_;
  sensing::Kind kind_ = sensing::Kind::kNumber;
  std::vector<Extent> extents_;
  std::vector<TailFrame> frames_;
  Progress progress_;
};

// A frame's row.
struct StoredFrame {
  Stamp stamp;
  base::Bytes data;
};
// kNotFound: it went meanwhile, which a snapshot rules out.
base::Result<StoredFrame> load_frame(Connection& connection, std::int64_t id);
std::string place_of_frame(std::int64_t id);
Lost lost_with(const TailFrame& frame);

// The chunks of one series and segment that hold claimed times in [from, to), by time.
class ChunkScan {
 public:
  static base::Result<ChunkScan> begin(Connection& connection, SeriesKey key, Segment segment,
                                       base::TimeUs from, base::TimeUs to);
  bool ready() const { return ready_; }  // a chunk stands here
  base::TimeUs last() const { return statement_.integer(0); }
  std::int64_t part() const { return statement_.integer(1); }
  base::TimeUs first() const { return statement_.integer(2); }
  std::uint64_t count() const { return static_cast<std::uint64_t>(statement_.integer(3)); }
  base::ByteView data() const { return statement_.bytes(4); }
  bool has_sequences() const { return !statement_.is_null(5); }
  base::ByteView sequences() const { return statement_.bytes(5); }
  std::string place() const;
  Lost lost() const;  // with the chunk that stands here
  base::Status next();

 private:
  ChunkScan(os::Statement statement, SeriesKey key, Segment segment, base::TimeUs to)
      : statement_(std::move(statement)), key_(key), segment_(segment), to_(to) {}
  os::Statement statement_;
  SeriesKey key_;
  Segment segment_;
  base::TimeUs to_;
  bool ready_ = false;
};

}  // namespace lander::store
