// One read of one series: a snapshot of the tables and of what stands in memory, that fit together.
#pragma once

#include "store/sqlite_store.h"

namespace lander::store {

class SqliteStore::Reading {
 public:
  // kNotFound: no such series.
  static base::Result<std::unique_ptr<Reading>> begin(const SqliteStore& store, SeriesKey key);
  ~Reading();

  Connection& connection() { return *connection_; }
  const sensing::ClockBook& book() const { return *book_; }
  const std::vector<Extent>& extents() const { return extents_; }
  const std::vector<OpenMinute>& open() const { return open_; }

 private:
  explicit Reading(const SqliteStore& store)
      : connection_(&store.reader()), lock_(connection_->mutex()) {}

  Connection* connection_;
  std::unique_lock<std::mutex> lock_;
  bool began_ = false;
  Book book_;
  std::vector<Extent> extents_;
  std::vector<OpenMinute> open_;
};

// The blocks of a series that hold claimed times in [from, to), by their first time.
class BlockScan {
 public:
  static base::Result<BlockScan> begin(Connection& connection, SeriesKey key, base::TimeUs from,
                                       base::TimeUs to);
  bool ready() const { return ready_; }  // a block stands here
  base::TimeUs first() const { return statement_.integer(4); }
  base::Result<StoredBlock> take();  // decodes it and goes on to the next

 private:
  explicit BlockScan(os::Statement statement) : statement_(std::move(statement)) {}
  base::Status next();
  os::Statement statement_;
  bool ready_ = false;
};

}  // namespace lander::store
