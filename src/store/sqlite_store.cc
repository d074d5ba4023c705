#include "store/sqlite_store.h"

#include <algorithm>

#include "os/log.h"
#include "store/reading.h"
#include "store/schema.h"

namespace lander::store {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr int kWriterCacheKib = 2048;
constexpr int kReaderCacheKib = 512;

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

Result<std::unique_ptr<const Store>> Store::open_snapshot(const Options& options) {
  return SqliteStore::open_snapshot(options);
}

Result<std::unique_ptr<const Store>> SqliteStore::open_snapshot(const Options& options) {
  LANDER_CHECK(options.clock != nullptr);
  std::unique_ptr<SqliteStore> store(new SqliteStore(options));
  store->snapshot_ = true;
  Status status = store->connect_to_snapshot();
  if (status.ok()) status = store->load();
  if (!status.ok()) return status.error().context("reading the store " + options.path);
  return std::unique_ptr<const Store>(std::move(store));
}

Status SqliteStore::connect_to_snapshot() {
  if (options_.vfs.empty() && !files().exists(options_.path)) {
    return Error(Code::kNotFound, "there is no such file");
  }
  LANDER_ASSIGN(
      os::Database reader,
      os::Database::open(options_.path,
                         {.vfs = options_.vfs, .read_only = true, .cache_kib = kWriterCacheKib}));
  writer_ = std::make_unique<Connection>(std::move(reader));
  LANDER_TRY(writer_->database().execute("BEGIN"));
  return expect_schema(*writer_);
}

Status SqliteStore::connect() {
  LANDER_ASSIGN(os::Database writer,
                os::Database::open(
                    options_.path,
                    {.vfs = options_.vfs, .cache_kib = kWriterCacheKib, .checkpoints = false}));
  writer_ = std::make_unique<Connection>(std::move(writer));
  os::Random& random = options_.random != nullptr ? *options_.random : os::system_random();
  LANDER_TRY(prepare_schema(*writer_, random));
  {
    LANDER_ASSIGN(Query mode, writer_->query("PRAGMA locking_mode"));
    LANDER_ASSIGN(const bool row, mode->step());
    if (row && mode->text(0) == "exclusive") return {};  // a second connection would find it locked
  }
  for (auto& reader : readers_) {
    LANDER_ASSIGN(
        os::Database database,
        os::Database::open(options_.path,
                           {.vfs = options_.vfs, .read_only = true, .cache_kib = kReaderCacheKib}));
    reader = std::make_unique<Connection>(std::move(database));
  }
  // Not read-only: it makes the checkpoints.
  LANDER_ASSIGN(os::Database background,
                os::Database::open(
                    options_.path,
                    {.vfs = options_.vfs, .cache_kib = kReaderCacheKib, .secures_log = false}));
  background_ = std::make_unique<Connection>(std::move(background));
  return {};
}

Series* SqliteStore::find(SeriesKey key) const {
  return key == 0 || key > series_.size() ? nullptr : series_[key - 1].get();
}

sensing::Kind SqliteStore::kind_of(SeriesKey key) const {
  const std::lock_guard lock(state_);
  const Series* series = find(key);
  return series == nullptr ? sensing::Kind::kNumber : series->datastream.kind;
}

const sensing::Datastream& SqliteStore::newest_of(const Series& series) const {
  return find(by_id_.find(series.datastream.id)->second.back())->datastream;
}

SqliteStore::Book SqliteStore::book() const {
  const std::lock_guard lock(state_);
  return book_;
}

// --- Series ------------------------------------------------------------------------------------

Status SqliteStore::write_series(const Series& series) {
  const base::Bytes body = sensing::encode(series.datastream);
  LANDER_ASSIGN(Query query,
                writer_->query("INSERT INTO series(key,datastream,revision,body) VALUES(?,?,?,?)"
                               " ON CONFLICT(key) DO UPDATE SET body=excluded.body"));
  query->bind(1, std::int64_t{series.key}).bind(2, std::string_view(series.datastream.id));
  query->bind(3, std::int64_t{series.datastream.revision}).bind(4, base::ByteView(body));
  return query->run();
}

Status SqliteStore::write_declared(const Series& series) {
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  LANDER_TRY(write_series(series));
  if (const auto known = by_id_.find(series.datastream.id); known != by_id_.end()) {
    // What waits in a lane that it may leave by no more will not be carried off.
    const sensing::Policy& before = find(known->second.back())->datastream.policy;
    const sensing::Policy& now = series.datastream.policy;
    const bool raw = before.uplink == sensing::Uplink::kRaw;
    if ((raw && now.uplink != sensing::Uplink::kRaw) || (before.pickup && !now.pickup)) {
      for (const SeriesKey key : known->second) {
        LANDER_ASSIGN(Query query,
                      writer_->query("UPDATE offered SET incomplete=1 WHERE series=?"));
        query->bind(1, std::int64_t{key});
        LANDER_TRY(query->run());
      }
    }
  }
  return transaction.commit();
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
  if (auto status = write_declared(draft); !status.ok()) {
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
  const auto [connection, lock] = lend_reader();
  LANDER_ASSIGN(Query query, connection->query("SELECT body FROM record WHERE kind=? AND key=?"));
  query->bind(1, kind).bind(2, key);
  LANDER_ASSIGN(const bool row, query->step());
  if (!row) return std::optional<base::Bytes>();
  const base::ByteView body = query->bytes(0);
  return std::optional<base::Bytes>(std::in_place, body.begin(), body.end());
}

Result<std::vector<Record>> SqliteStore::records(std::string_view kind) const {
  const auto [connection, lock] = lend_reader();
  LANDER_ASSIGN(Query query,
                connection->query("SELECT key,body FROM record WHERE kind=? ORDER BY key"));
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

Result<WrittenSegments> SqliteStore::write_segments(const Book& next) {
  WrittenSegments out;
  if (next == saved_book_) return out;
  // What the clock or a reference teaches is about its own boot, which is the last.
  const auto& segments = next->segments();
  out.from = segments.size();
  while (out.from > 0 && (out.from > saved_segments_.size() ||
                          segments[out.from - 1].boot == segments.back().boot)) {
    --out.from;
  }
  for (std::size_t i = out.from; i < segments.size(); ++i) {
    out.bodies.push_back(sensing::encode(segments[i]));
    if (i < saved_segments_.size() && saved_segments_[i] == out.bodies.back()) continue;
    LANDER_ASSIGN(Query query,
                  writer_->query("INSERT OR REPLACE INTO segment(id,body) VALUES(?,?)"));
    query->bind(1, static_cast<std::int64_t>(i)).bind(2, base::ByteView(out.bodies.back()));
    LANDER_TRY(query->run());
  }
  return out;
}

void SqliteStore::keep_segments(WrittenSegments written, const Book& next) {
  if (written.from != SIZE_MAX) {
    saved_segments_.resize(written.from);
    for (base::Bytes& body : written.bodies) saved_segments_.push_back(std::move(body));
  }
  saved_book_ = next;
}

Status SqliteStore::clock_reference(base::TimeUs reference, base::DurationUs error,
                                    std::string_view source) {
  os::Clock& clock = *options_.clock;
  const base::DurationUs told = clock.monotonic_us();
  const std::lock_guard writing(writer_->mutex());
  // The clock is read under the lock: a segment that began before a commit which had the lock first
  // would take that commit's observations from the segment they were placed in. Waiting is not
  // drift.
  const base::DurationUs monotonic = clock.monotonic_us();
  const base::TimeUs wall = clock.wall_us();
  reference = plus(reference, minus(monotonic, told));
  auto changed = std::make_shared<sensing::ClockBook>(*book());
  const bool write = changed->reference(clock.boot_id(), monotonic, wall, reference, error, source);
  const Book next = std::move(changed);
  if (write) {
    LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
    LANDER_ASSIGN(WrittenSegments segments, write_segments(next));
    LANDER_TRY(transaction.commit());
    keep_segments(std::move(segments), next);
  }
  const std::lock_guard lock(state_);
  book_ = next;
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
    out.tail_observations = tail_.observations();
    out.tail_frames = tail_.frames().size();
    out.tail_bytes = tail_.bytes();
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
  if (options_.free_bytes) {
    if (const auto free = options_.free_bytes(); free.ok()) out.free_bytes = *free;
  }
  const auto [connection, lock] = lend_reader();
  const auto pages = pragma(*connection, "PRAGMA page_count");
  if (pages.ok()) out.file_bytes = static_cast<std::uint64_t>(*pages) * kPageBytes;
  const auto unused = pragma(*connection, "PRAGMA freelist_count");
  if (unused.ok()) out.unused_bytes = static_cast<std::uint64_t>(*unused) * kPageBytes;
  return out;
}

}  // namespace lander::store
