#include "store/sqlite_store.h"

#include <algorithm>

#include "os/log.h"
#include "store/schema.h"

namespace lander::store {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr int kWriterCacheKib = 2048;
constexpr int kReaderCacheKib = 1024;

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const Options& options) {
  return SqliteStore::open(options);
}

Result<std::unique_ptr<Store>> SqliteStore::open(const Options& options) {
  LANDER_CHECK(options.clock != nullptr);
  std::unique_ptr<SqliteStore> store(new SqliteStore(options));
  if (auto status = store->connect(); !status.ok()) {
    return status.error().context("opening the store " + options.path);
  }
  if (auto status = store->load(); !status.ok()) {
    return status.error().context("reading the store " + options.path);
  }
  return std::unique_ptr<Store>(std::move(store));
}

Status SqliteStore::connect() {
  LANDER_ASSIGN(
      os::Database writer,
      os::Database::open(options_.path, {.vfs = options_.vfs, .cache_kib = kWriterCacheKib}));
  writer_ = std::make_unique<Connection>(std::move(writer));
  os::Random& random = options_.random != nullptr ? *options_.random : os::system_random();
  LANDER_TRY(prepare_schema(*writer_, random));
  {
    LANDER_ASSIGN(Query mode, writer_->query("PRAGMA locking_mode"));
    LANDER_ASSIGN(const bool row, mode->step());
    if (row && mode->text(0) == "exclusive") return {};  // a second connection would find it locked
  }
  LANDER_ASSIGN(
      os::Database reader,
      os::Database::open(options_.path,
                         {.vfs = options_.vfs, .read_only = true, .cache_kib = kReaderCacheKib}));
  reader_ = std::make_unique<Connection>(std::move(reader));
  return {};
}

Status SqliteStore::load() {
  LANDER_ASSIGN(const std::int64_t epoch, meta(*writer_, "epoch"));
  epoch_ = static_cast<std::uint64_t>(epoch);
  LANDER_TRY(load_series());
  LANDER_TRY(load_book());
  LANDER_TRY(load_extents());
  LANDER_TRY(count_unflushed());
  LANDER_ASSIGN(Query commits, writer_->query("SELECT coalesce(max(id),0) FROM commits"));
  LANDER_ASSIGN(const bool row, commits->step());
  stats_.commits = row ? static_cast<std::uint64_t>(commits->integer(0)) : 0;
  flushed_at_ = options_.clock->monotonic_us();
  return {};
}

Status SqliteStore::load_series() {
  LANDER_ASSIGN(Query rows, writer_->query("SELECT key,body FROM series ORDER BY key"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    auto series = std::make_unique<Series>();
    series->key = static_cast<SeriesKey>(rows->integer(0));
    if (series->key != series_.size() + 1) return Error(Code::kCorrupt, "a series is missing");
    auto datastream = sensing::decode_datastream(rows->bytes(1));
    if (!datastream.ok()) {
      return datastream.error().context("series " + std::to_string(series->key));
    }
    series->datastream = std::move(*datastream);
    by_id_[series->datastream.id].push_back(series->key);
    series_.push_back(std::move(series));
  }
}

Status SqliteStore::load_book() {
  std::vector<sensing::ClockSegment> segments;
  LANDER_ASSIGN(Query rows, writer_->query("SELECT body FROM segment ORDER BY id"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    LANDER_ASSIGN(segments.emplace_back(), sensing::decode_clock_segment(rows->bytes(0)));
    const base::ByteView body = rows->bytes(0);
    saved_segments_.emplace_back(body.begin(), body.end());
  }
  auto book = std::make_shared<sensing::ClockBook>(std::move(segments));
  os::Clock& clock = *options_.clock;
  book->observe(clock.boot_id(), clock.monotonic_us(), clock.wall_us());
  book_ = std::move(book);
  return {};
}

Status SqliteStore::load_extents() {
  LANDER_ASSIGN(Query rows, writer_->query("SELECT series,segment,t_first,t_last,count FROM extent"
                                           " ORDER BY series,segment"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    Series* series = find(static_cast<SeriesKey>(rows->integer(0)));
    if (series == nullptr) return Error(Code::kCorrupt, "an extent of no series");
    const auto count = static_cast<std::uint64_t>(rows->integer(4));
    series->extents.push_back(
        {static_cast<Segment>(rows->integer(1)), rows->integer(2), rows->integer(3), count});
    stats_.observations += count;
  }
}

// Counts again what the last flush did not cover: at most what came within a minute of it.
Status SqliteStore::count_unflushed() {
  LANDER_ASSIGN(const std::int64_t flushed, meta(*writer_, "rolled_through"));
  LANDER_ASSIGN(Query rows,
                writer_->query(
                    "SELECT b.id,b.data,c.monotonic,o.name,b.series,b.t_first,b.t_last FROM block b"
                    " JOIN commits c ON c.id=b.commit_id JOIN boot o ON o.id=c.boot"
                    " WHERE b.id>? ORDER BY b.id"));
  rows->bind(1, flushed);
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    Series* series = find(static_cast<SeriesKey>(rows->integer(4)));
    if (series == nullptr) return Error(Code::kCorrupt, "a block of no series");
    auto stored = stored_block(*rows);
    if (!stored.ok()) {
      os::log_error("store", "a block is left out of plots", {{"error", stored.error().message()}});
      // Its times still count, so that a read of them meets it and tells.
      const Stamp stamp{std::string(rows->text(3)), rows->integer(2)};
      for (const base::TimeUs time : {rows->integer(5), rows->integer(6)}) {
        merge(series->extents, {{place(*book_, stamp, time), time, time, 0}});
      }
      continue;
    }
    count_block(*stored, *book_, series->open, series->extents);
    series->extents_changed = true;
    stats_.observations += stored->block.size();
    open_observations_ += stored->block.size();
  }
}

Series* SqliteStore::find(SeriesKey key) const {
  return key == 0 || key > series_.size() ? nullptr : series_[key - 1].get();
}

SqliteStore::Book SqliteStore::book() const {
  const std::lock_guard lock(state_);
  return book_;
}

// --- Series ------------------------------------------------------------------------------------

Status SqliteStore::write_series(const Series& series) {
  const base::Bytes body = sensing::encode(series.datastream);
  LANDER_ASSIGN(Query query, writer_->query("INSERT INTO series VALUES(?,?,?,?)"
                                            " ON CONFLICT(key) DO UPDATE SET body=excluded.body"));
  query->bind(1, std::int64_t{series.key}).bind(2, std::string_view(series.datastream.id));
  query->bind(3, std::int64_t{series.datastream.revision}).bind(4, base::ByteView(body));
  return query->run();
}

Result<SeriesKey> SqliteStore::declare(sensing::Datastream datastream) {
  datastream.revision = std::max<std::uint32_t>(datastream.revision, 1);
  LANDER_TRY(sensing::valid(datastream));
  const std::lock_guard writing(writer_->mutex());
  Series draft;
  draft.key = static_cast<SeriesKey>(series_.size() + 1);
  datastream.revision = 1;
  if (auto known = by_id_.find(datastream.id); known != by_id_.end()) {
    const Series& newest = *find(known->second.back());
    datastream.revision = newest.datastream.revision;
    if (sensing::same_revision(newest.datastream, datastream)) {
      draft.key = newest.key;
      if (sensing::encode(newest.datastream) == sensing::encode(datastream)) return newest.key;
    } else {
      ++datastream.revision;
    }
  }
  draft.datastream = std::move(datastream);
  if (auto status = write_series(draft); !status.ok()) {
    return status.error().context("declaring " + draft.datastream.id);
  }
  const std::lock_guard lock(state_);
  if (Series* known = find(draft.key); known != nullptr) {
    known->datastream = std::move(draft.datastream);
    return draft.key;
  }
  by_id_[draft.datastream.id].push_back(draft.key);
  series_.push_back(std::make_unique<Series>(std::move(draft)));
  return series_.back()->key;
}

std::optional<sensing::Datastream> SqliteStore::datastream(SeriesKey key) const {
  const std::lock_guard lock(state_);
  const Series* series = find(key);
  if (series == nullptr) return std::nullopt;
  return series->datastream;
}

std::vector<std::pair<SeriesKey, sensing::Datastream>> SqliteStore::datastreams() const {
  const std::lock_guard lock(state_);
  std::vector<std::pair<SeriesKey, sensing::Datastream>> out;
  out.reserve(series_.size());
  for (const auto& series : series_) out.emplace_back(series->key, series->datastream);
  return out;
}

std::vector<SeriesKey> SqliteStore::keys(std::string_view datastream) const {
  const std::lock_guard lock(state_);
  const auto found = by_id_.find(datastream);
  return found == by_id_.end() ? std::vector<SeriesKey>() : found->second;
}

// --- Records -------------------------------------------------------------------------------------

Result<std::optional<base::Bytes>> SqliteStore::record(std::string_view kind,
                                                       std::string_view key) const {
  const std::lock_guard reading(reader().mutex());
  LANDER_ASSIGN(Query query, reader().query("SELECT body FROM record WHERE kind=? AND key=?"));
  query->bind(1, kind).bind(2, key);
  LANDER_ASSIGN(const bool row, query->step());
  if (!row) return std::optional<base::Bytes>();
  const base::ByteView body = query->bytes(0);
  return std::optional<base::Bytes>(std::in_place, body.begin(), body.end());
}

Result<std::vector<Record>> SqliteStore::records(std::string_view kind) const {
  const std::lock_guard reading(reader().mutex());
  LANDER_ASSIGN(Query query,
                reader().query("SELECT key,body FROM record WHERE kind=? ORDER BY key"));
  query->bind(1, kind);
  std::vector<Record> out;
  for (;;) {
    LANDER_ASSIGN(const bool row, query->step());
    if (!row) return out;
    const base::ByteView body = query->bytes(1);
    out.push_back({std::string(kind), std::string(query->text(0)), {body.begin(), body.end()}});
  }
}

// --- The clock -----------------------------------------------------------------------------------

Result<std::vector<base::Bytes>> SqliteStore::write_segments(const sensing::ClockBook& next) {
  std::vector<base::Bytes> out;
  for (std::size_t i = 0; i < next.segments().size(); ++i) {
    // What a reference teaches is about its own boot.
    if (i < saved_segments_.size() && next.segments()[i].boot != next.segments().back().boot) {
      out.push_back(saved_segments_[i]);
      continue;
    }
    out.push_back(sensing::encode(next.segments()[i]));
    if (i < saved_segments_.size() && saved_segments_[i] == out.back()) continue;
    LANDER_ASSIGN(Query query, writer_->query("INSERT OR REPLACE INTO segment VALUES(?,?)"));
    query->bind(1, static_cast<std::int64_t>(i)).bind(2, base::ByteView(out.back()));
    LANDER_TRY(query->run());
  }
  return out;
}

Status SqliteStore::clock_reference(base::TimeUs reference, base::DurationUs error,
                                    std::string_view source) {
  os::Clock& clock = *options_.clock;
  const base::DurationUs monotonic = clock.monotonic_us();  // before the lock: waiting is not drift
  const base::TimeUs wall = clock.wall_us();
  const std::lock_guard writing(writer_->mutex());
  auto next = std::make_shared<sensing::ClockBook>(*book());
  const bool write = next->reference(clock.boot_id(), monotonic, wall, reference, error, source);
  if (write) {
    LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
    LANDER_ASSIGN(std::vector<base::Bytes> segments, write_segments(*next));
    LANDER_TRY(transaction.commit());
    saved_segments_ = std::move(segments);
  }
  const std::lock_guard lock(state_);
  book_ = std::move(next);
  if (write) {
    for (const auto& series : series_) series->latest.reset();  // another may be the newest now
  }
  return {};
}

sensing::ClockBook::Utc SqliteStore::utc_now() const {
  os::Clock& clock = *options_.clock;
  return book()->utc(clock.boot_id(), clock.monotonic_us(), clock.wall_us());
}

Stats SqliteStore::stats() const {
  Stats out;
  {
    const std::lock_guard lock(state_);
    out = stats_;
    out.series = series_.size();
    bool any = false;
    for (const auto& series : series_) {
      for (const Extent& extent : series->extents) {
        const base::TimeUs first = to_utc(*book_, extent.segment, extent.first).time;
        const base::TimeUs last = to_utc(*book_, extent.segment, extent.last).time;
        out.oldest = any ? std::min(out.oldest, first) : first;
        out.newest = any ? std::max(out.newest, last) : last;
        any = true;
      }
    }
  }
  const std::lock_guard reading(reader().mutex());
  const auto number = [&](const char* sql) -> std::uint64_t {
    auto query = reader().query(sql);
    if (!query.ok()) return 0;
    auto row = (*query)->step();
    return row.ok() && *row ? static_cast<std::uint64_t>((*query)->integer(0)) : 0;
  };
  out.file_bytes = number("PRAGMA page_count") * number("PRAGMA page_size");
  return out;
}

}  // namespace lander::store
