#include "store/reading.h"

namespace lander::store {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

std::pair<Connection*, std::unique_lock<std::mutex>> SqliteStore::lend_reader() const {
  for (const auto& reader : readers_) {
    if (!reader) continue;
    std::unique_lock lock(reader->mutex(), std::try_to_lock);
    if (lock.owns_lock()) return {reader.get(), std::move(lock)};
  }
  Connection& last = readers_.front() ? *readers_.front() : *writer_;
  return {&last, std::unique_lock(last.mutex())};
}

SqliteStore::Reading::Reading(const SqliteStore& store) : snapshot_(store.snapshot_) {
  std::tie(connection_, lock_) = store.lend_reader();
}

SqliteStore::Reading::~Reading() {
  // Ends a transaction that only read: whatever it answers, nothing was to be kept.
  if (began_) [[maybe_unused]]
    const Status status = connection_->database().execute("ROLLBACK");
}

Status SqliteStore::Reading::pin() {
  if (snapshot_) return {};
  LANDER_TRY(connection_->database().execute("BEGIN"));
  began_ = true;
  LANDER_ASSIGN(Query pin, connection_->query("SELECT 1 FROM meta LIMIT 1"));
  LANDER_ASSIGN([[maybe_unused]] const bool row, pin->step());
  return {};
}

Result<std::unique_ptr<SqliteStore::Reading>> SqliteStore::Reading::begin(const SqliteStore& store,
                                                                          SeriesKey key,
                                                                          base::TimeUs from,
                                                                          base::TimeUs to) {
  std::unique_ptr<Reading> out(new Reading(store));
  const std::lock_guard visible(store.visible_);
  LANDER_TRY(out->pin());
  const std::lock_guard lock(store.state_);
  const Series* series = store.find(key);
  if (series == nullptr) {
    return Error(Code::kNotFound, "no series " + std::to_string(key) + " in the store");
  }
  out->book_ = store.book_;
  out->kind_ = series->datastream.kind;
  out->extents_ = series->extents;
  out->progress_ = store.progress_;
  out->frames_ = store.tail_.overlapping(out->progress_.of(key), *out->book_, from, to);
  return out;
}

Result<std::unique_ptr<SqliteStore::Reading>> SqliteStore::Reading::begin(const SqliteStore& store,
                                                                          base::TimeUs from,
                                                                          base::TimeUs to,
                                                                          Parts& parts) {
  std::unique_ptr<Reading> out(new Reading(store));
  const std::lock_guard visible(store.visible_);
  LANDER_TRY(out->pin());
  const std::lock_guard lock(store.state_);
  out->book_ = store.book_;
  out->progress_ = store.progress_;
  out->frames_ = store.tail_.overlapping(out->progress_.through, *out->book_, from, to);
  for (const auto& series : store.series_) {
    if (!sensing::is_numeric(series->datastream.kind)) continue;
    bool here = false, chunked = false;
    for (const Extent& extent : series->extents) {
      const auto offsets = offsets_of(*out->book_, extent.segment);
      if (plus(extent.first, offsets.first) >= to) continue;
      here = here || plus(extent.last, offsets.second) >= from;
      chunked = chunked || plus(extent.chunked, offsets.second) >= from;
    }
    if (here && chunked) parts.others.push_back(series->key);
    if (here && !chunked) parts.tail_only.emplace(series->key, series->datastream.kind);
  }
  return out;
}

Result<std::unique_ptr<SqliteStore::Reading>> SqliteStore::Reading::begin(
    const SqliteStore& store) {
  std::unique_ptr<Reading> out(new Reading(store));
  const std::lock_guard visible(store.visible_);
  LANDER_TRY(out->pin());
  const std::lock_guard lock(store.state_);
  out->book_ = store.book_;
  out->progress_ = store.progress_;
  out->frames_ = store.tail_.after(out->progress_.through);
  return out;
}

Result<StoredFrame> load_frame(Connection& connection, std::int64_t id) {
  LANDER_ASSIGN(Query row, connection.query("SELECT o.name,f.monotonic,f.data FROM frame f"
                                            " JOIN boot o ON o.id=f.boot WHERE f.id=?"));
  row->bind(1, id);
  LANDER_ASSIGN(const bool found, row->step());
  if (!found) return Error(Code::kNotFound, place_of_frame(id) + " is gone");
  StoredFrame out;
  out.stamp = {std::string(row->text(0)), row->integer(1)};
  const base::ByteView data = row->bytes(2);
  out.data.assign(data.begin(), data.end());
  return out;
}

Lost lost_with(const TailFrame& frame) {
  return {place_of_frame(frame.id), 0, frame.segment, frame.first, frame.last, frame.count};
}

std::string place_of_frame(std::int64_t id) { return "frame " + std::to_string(id); }

Result<ChunkScan> ChunkScan::begin(Connection& connection, SeriesKey key, Segment segment,
                                   base::TimeUs from, base::TimeUs to) {
  LANDER_ASSIGN(os::Statement statement,
                connection.database().prepare(
                    "SELECT t_last,part,t_first,count,data,sequences FROM chunk"
                    " WHERE series=? AND segment=? AND t_last>=? ORDER BY t_last,part"));
  statement.bind(1, std::int64_t{key}).bind(2, std::int64_t{segment}).bind(3, from);
  ChunkScan out(std::move(statement), key, segment, to);
  LANDER_TRY(out.next());
  return out;
}

std::string ChunkScan::place() const {
  return "chunk " + std::to_string(key_) + "/" + std::to_string(segment_) + "/" +
         std::to_string(last()) + "/" + std::to_string(part());
}

Lost ChunkScan::lost() const { return {place(), key_, segment_, first(), last(), count()}; }

Status ChunkScan::next() {
  LANDER_ASSIGN(ready_, statement_.step());
  if (ready_ && first() >= to_) ready_ = false;
  return {};
}

}  // namespace lander::store
