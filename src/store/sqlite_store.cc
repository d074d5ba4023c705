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

Status SqliteStore::load() {
  objects_folder_ = options_.objects;
  if (objects_folder_.empty()) {
    const std::size_t slash = options_.path.rfind('/');
    objects_folder_ = (slash == std::string::npos ? "" : options_.path.substr(0, slash + 1)) +
                      std::string("objects");
  }
  LANDER_ASSIGN(const std::int64_t epoch, meta(*writer_, "epoch"));
  epoch_ = static_cast<std::uint64_t>(epoch);
  LANDER_ASSIGN(progress_.through, meta(*writer_, "compacted_through"));
  LANDER_ASSIGN(progress_.bunch, meta(*writer_, "bunch_through"));
  LANDER_ASSIGN(progress_.series, meta(*writer_, "bunch_series"));
  LANDER_ASSIGN(offered_through_, meta(*writer_, "offered_through"));
  LANDER_ASSIGN(const std::int64_t offering, meta(*writer_, "offering"));
  offering_ = offering != 0;
  LANDER_ASSIGN(const std::int64_t pickup, meta(*writer_, "pickup"));
  pickup_ = pickup != 0;
  LANDER_TRY(load_series());
  LANDER_TRY(load_book());
  LANDER_TRY(load_extents());
  LANDER_TRY(load_counts());  // before the tail: damage that is known is not found anew
  LANDER_TRY(load_tail());
  LANDER_TRY(load_offered());
  return snapshot_ ? Status() : settle_outbox();
}

Status SqliteStore::load_offered() {
  LANDER_ASSIGN(Query rows, writer_->query("SELECT series,through FROM offered"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    Series* series = find(static_cast<SeriesKey>(rows->integer(0)));
    if (series == nullptr) return Error(Code::kCorrupt, "offered of no series");
    series->offered = rows->integer(1);
  }
}

Status SqliteStore::load_counts() {
  const auto sums = [&](const char* sql, std::uint64_t& count, std::uint64_t& sum) -> Status {
    LANDER_ASSIGN(Query row, writer_->query(sql));
    LANDER_ASSIGN(const bool found, row->step());
    LANDER_CHECK(found);
    count = static_cast<std::uint64_t>(row->integer(0));
    sum = static_cast<std::uint64_t>(row->integer(1));
    return {};
  };
  std::uint64_t ignored = 0;
  LANDER_TRY(sums("SELECT count(*),coalesce(sum(bytes),0) FROM object", stats_.objects,
                  stats_.object_bytes));
  LANDER_TRY(
      sums("SELECT coalesce(sum(wiped),0),coalesce(sum(count),0)-coalesce(sum(wiped),0) FROM"
           " thinned",
           stats_.wiped, stats_.thinned));
  LANDER_TRY(
      sums("SELECT count(*),coalesce(sum(observations),0) FROM damaged", ignored, stats_.damaged));
  LANDER_ASSIGN(Query rows, writer_->query("SELECT place,observations FROM damaged"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    places_.emplace(std::string(rows->text(0)), static_cast<std::uint64_t>(rows->integer(1)));
  }
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
  const bool changed = book->observe(clock.boot_id(), clock.monotonic_us(), clock.wall_us());
  book_ = std::move(book);
  if (!changed) saved_book_ = book_;
  return {};
}

// Of what stands in chunks; the tail adds to it.
Status SqliteStore::load_extents() {
  LANDER_ASSIGN(Query rows, writer_->query("SELECT series,segment,t_first,t_last,count FROM extent"
                                           " ORDER BY series,segment"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    Series* series = find(static_cast<SeriesKey>(rows->integer(0)));
    if (series == nullptr) return Error(Code::kCorrupt, "an extent of no series");
    const auto count = static_cast<std::uint64_t>(rows->integer(4));
    series->extents.push_back({static_cast<Segment>(rows->integer(1)), rows->integer(2),
                               rows->integer(3), count, rows->integer(3)});
    stats_.observations += count;
  }
}

// Remembers where the frames are that are not compacted, and what series they add to.
Status SqliteStore::load_tail() {
  LANDER_ASSIGN(Query rows,
                writer_->query("SELECT f.id,o.name,f.monotonic,f.t_first,f.t_last,f.count,f.data"
                               " FROM frame f JOIN boot o ON o.id=f.boot WHERE f.id>?"
                               " ORDER BY f.id"));
  rows->bind(1, progress_.through);
  last_frame_ = std::max(progress_.through, progress_.bunch);
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    TailFrame frame{rows->integer(0), rows->integer(3), rows->integer(4),
                    static_cast<std::uint32_t>(rows->integer(5)), 0};
    const Stamp stamp{std::string(rows->text(1)), rows->integer(2)};
    frame.bytes = static_cast<std::uint32_t>(rows->bytes(6).size());
    count_frame(frame, stamp, rows->bytes(6));
    tail_.add(frame);
    last_frame_ = frame.id;
  }
  stats_.commits = static_cast<std::uint64_t>(last_frame_);
  return {};
}

void SqliteStore::count_frame(TailFrame& frame, const Stamp& stamp, base::ByteView data) {
  const Placer place(*book_, stamp);
  frame.segment = place(frame.first);
  const auto count = [&]() -> Status {
    LANDER_ASSIGN(FrameReader reader, FrameReader::open(data));
    Samples samples;
    for (;;) {
      LANDER_ASSIGN(const bool more, reader.next());
      if (!more) return {};
      Series* series = find(reader.series());
      if (series == nullptr) return Error(Code::kCorrupt, "samples of no series");
      if (frame.id <= progress_.of(series->key)) continue;  // its chunks have them
      if (series->first_frame == 0) series->first_frame = frame.id;
      series->last_frame = frame.id;
      samples.cut(0);
      LANDER_TRY(reader.append_to(series->datastream.kind, samples));
      for (const base::TimeUs time : samples.block.times) {
        Extent& extent = extent_of(series->extents, place(time), time);
        extent.first = std::min(extent.first, time);
        extent.last = std::max(extent.last, time);
        ++extent.count;
      }
      stats_.observations += samples.size();
    }
  };
  if (auto counted = count(); !counted.ok()) {
    // It adds to no series: nobody knows to which. A read of these times meets it all the same,
    // because the tail knows its span.
    found_damage(lost_with(frame), *book_, counted.error());
  }
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
