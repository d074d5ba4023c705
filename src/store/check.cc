#include "store/check.h"

#include "store/checker.h"
#include "store/schema.h"

namespace lander::store {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

namespace {

constexpr int kCacheKib = 4096;
constexpr int kStructureFindings = 100;  // of SQLite's own check
constexpr std::size_t kMaxText = 500;

}  // namespace

Result<CheckReport> check(const CheckOptions& options) {
  Checker checker(options);
  if (auto done = checker.run(); !done.ok())
    return done.error().context("checking " + options.path);
  return checker.take();
}

void Checker::find(Finding finding) {
  if (finding.what.size() > kMaxText) finding.what.resize(kMaxText);
  if (report_.findings.size() < options_.max_findings) {
    report_.findings.push_back(std::move(finding));
  } else {
    ++report_.left_out;
  }
}

void Checker::find(SeriesKey key, Segment segment, TimeSpan claimed, std::string place,
                   std::uint64_t observations, std::string what) {
  find({std::move(place), name_of(key), to_utc(book_, segment, claimed.first).time,
        to_utc(book_, segment, claimed.last).time, observations, std::move(what)});
}

std::string Checker::name_of(SeriesKey key) const {
  const auto known = series_.find(key);
  return known == series_.end() ? std::string() : known->second.id;
}

void Checker::progress(std::uint64_t bytes) {
  done_ += bytes;
  // The site may add while we look.
  if (options_.progress) options_.progress(std::min(done_, total_), total_);
}

// A part that SQLite itself cannot read is a finding, not the end of the check.
Status Checker::part(const std::string& place, const std::function<Status()>& look) {
  LANDER_TRY(connection_->database().execute("BEGIN"));
  const Status looked = look();
  LANDER_TRY(connection_->database().execute("ROLLBACK"));
  if (looked.ok()) return {};
  if (looked.error().code() != Code::kCorrupt) return looked.error();
  find({place, {}, 0, 0, 0, looked.error().message()});
  return {};
}

Status Checker::open() {
  if (!files().exists(options_.path)) return Error(Code::kNotFound, "there is no such file");
  LANDER_ASSIGN(os::Database database,
                os::Database::open(options_.path, {.read_only = true, .cache_kib = kCacheKib}));
  connection_ = std::make_unique<Connection>(std::move(database));
  LANDER_TRY(expect_schema(*connection_));
  LANDER_ASSIGN(const std::int64_t pages, pragma(*connection_, "PRAGMA page_count"));
  LANDER_ASSIGN(const std::int64_t unused, pragma(*connection_, "PRAGMA freelist_count"));
  LANDER_ASSIGN(const std::int64_t objects,
                pragma(*connection_, "SELECT coalesce(sum(bytes),0) FROM object"));
  file_bytes_ = static_cast<std::uint64_t>(pages) * kPageBytes;
  // Twice through the database: its structure, and what it holds.
  total_ = file_bytes_ + static_cast<std::uint64_t>(pages - unused) * kPageBytes +
           static_cast<std::uint64_t>(objects);
  return {};
}

Status Checker::run() {
  LANDER_TRY(open());
  progress(0);
  LANDER_TRY(part("database", [&] { return structure(); }));
  LANDER_TRY(part("series", [&] { return series(); }));
  LANDER_TRY(part("clock segments", [&] { return segments(); }));
  LANDER_TRY(part("frames", [&] { return frames(); }));
  std::vector<std::pair<SeriesKey, Segment>> places;
  LANDER_TRY(part("chunks", [&] { return list(places); }));
  for (const auto& [key, segment] : places) {
    const std::string place = "series " + std::to_string(key) + "/" + std::to_string(segment);
    LANDER_TRY(part(place, [&, key = key, segment = segment] { return chunks(key, segment); }));
  }
  LANDER_TRY(part("objects", [&] { return objects(); }));
  LANDER_TRY(part("items", [&] { return items(); }));
  progress(total_);
  return {};
}

Status Checker::structure() {
  LANDER_ASSIGN(os::Statement rows,
                connection_->database().prepare("PRAGMA integrity_check(" +
                                                std::to_string(kStructureFindings) + ")"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows.step());
    if (!row) break;
    if (rows.text(0) != "ok") find({"database", {}, 0, 0, 0, std::string(rows.text(0))});
  }
  progress(file_bytes_);
  return {};
}

Status Checker::series() {
  LANDER_ASSIGN(Query rows,
                connection_->query("SELECT key,datastream,revision,body FROM series ORDER BY key"));
  SeriesKey expected = 1;
  for (;; ++expected) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    const auto key = static_cast<SeriesKey>(rows->integer(0));
    const std::string id(rows->text(1)), place = "series " + std::to_string(key);
    if (key != expected) find({place, id, 0, 0, 0, "the one before it is missing"});
    expected = key;
    auto datastream = sensing::decode_datastream(rows->bytes(3));
    if (!datastream.ok()) {
      find({place, id, 0, 0, 0, datastream.error().message()});
      continue;
    }
    if (datastream->id != id || datastream->revision != rows->integer(2)) {
      find({place, id, 0, 0, 0, "its body is of " + datastream->id});
    }
    series_.emplace(key, std::move(*datastream));
  }
}

Status Checker::segments() {
  std::vector<sensing::ClockSegment> out;
  LANDER_ASSIGN(Query rows, connection_->query("SELECT id,body FROM segment ORDER BY id"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    auto segment = sensing::decode_clock_segment(rows->bytes(1));
    const std::string place = "clock segment " + std::to_string(rows->integer(0));
    if (!segment.ok()) find({place, {}, 0, 0, 0, segment.error().message()});
    if (rows->integer(0) != static_cast<std::int64_t>(out.size())) {
      find({place, {}, 0, 0, 0, "the one before it is missing"});
    }
    out.push_back(segment.ok() ? std::move(*segment) : sensing::ClockSegment());
  }
  book_ = sensing::ClockBook(std::move(out));
  return {};
}

// All pairs that any table names, so that a row that lost its others is met too.
Status Checker::list(std::vector<std::pair<SeriesKey, Segment>>& places) {
  LANDER_ASSIGN(Query rows, connection_->query("SELECT DISTINCT series,segment FROM chunk UNION"
                                               " SELECT series,segment FROM extent UNION"
                                               " SELECT DISTINCT series,segment FROM rollup UNION"
                                               " SELECT DISTINCT series,segment FROM thinned"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    places.emplace_back(static_cast<SeriesKey>(rows->integer(0)),
                        static_cast<Segment>(rows->integer(1)));
  }
}

}  // namespace lander::store
