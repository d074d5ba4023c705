// What a store knows in memory, from its tables.
#include <algorithm>

#include "os/log.h"
#include "store/reading.h"
#include "store/schema.h"

namespace lander::store {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

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
  if (snapshot_) return {};
  auto settled = settle_outbox();
  if (settled.ok() || settled.error().code() != base::Code::kExhausted) return settled;
  // A full disk keeps no site from starting: the next start tries it again.
  os::log_warn("store", "the outbox is not settled yet", {{"error", settled.error().message()}});
  return {};
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

}  // namespace lander::store
