// Raw observations become items of the lane that they leave by, each once.
//
// Whatever claims a time up to Series::offered, and stands in chunks or in frames up to
// offered_through_, became an item; nothing else did. Frames are offered before they are compacted,
// so compaction moves what was offered among what was (or what was not among what was not), and
// both steps here, to a later frame and to a later time of a series, keep it true: late data,
// thinning and a crash between any two of them change nothing.
#include <algorithm>

#include "sensing/chunk.h"
#include "store/compact.h"
#include "store/schema.h"

namespace lander::store {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;
using base::TimeUs;

constexpr std::size_t kRawItemBytes = 192 << 10;  // so that it fits into an MQTT message
constexpr std::size_t kPartOverhead = 96;         // id, revision, offsets: an upper bound
// Of one step: bounds its memory.
constexpr std::size_t kOfferBytes = 2 << 20;
constexpr std::size_t kSampleBytes = 8;  // at most, of one that leaves, but for its string

}  // namespace

// --- Exits --------------------------------------------------------------------------------------

bool SqliteStore::may_leave_by_raw(const Series& series) const {
  return options_.raw_lane && newest_of(series).policy.uplink == sensing::Uplink::kRaw;
}

std::optional<Lane> SqliteStore::exit_of(const Series& series) const {
  const sensing::Policy& policy = newest_of(series).policy;
  if (policy.uplink == sensing::Uplink::kRaw) {
    return offering_ ? options_.raw_lane : std::nullopt;
  }
  return policy.pickup && pickup_ ? options_.pickup_lane : std::nullopt;
}

bool SqliteStore::may_leave(SeriesKey key, Lane lane) const {
  const std::lock_guard lock(state_);
  const Series* series = find(key);
  if (series == nullptr) return false;
  const sensing::Policy& policy = newest_of(*series).policy;
  return lane == options_.pickup_lane ? policy.pickup : policy.uplink == sensing::Uplink::kRaw;
}

Status SqliteStore::open_exit(const char* name, std::atomic<bool>& open) {
  const std::lock_guard offering(offer_);
  if (open) return {};
  const std::lock_guard writing(writer_->mutex());
  std::int64_t through = 0;
  {
    const std::lock_guard lock(state_);
    through = std::max(offered_through_, progress_.bunch);
  }
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  LANDER_TRY(set_meta(*writer_, name, 1));
  LANDER_TRY(set_meta(*writer_, "offered_through", through));
  LANDER_TRY(set_meta(*writer_, "outbox_offered", through));
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  offered_through_ = through;
  open = true;
  return {};
}

Status SqliteStore::start_pickup() {
  if (!options_.pickup_lane) {
    return Error(Code::kInvalid, "starting pickup: this store has no lane for it");
  }
  return open_exit("pickup", pickup_);
}

Result<bool> SqliteStore::offer_raw(std::size_t max_bytes) {
  if (options_.raw_lane) LANDER_TRY(open_exit("offering", offering_));
  if (!any_exit()) return false;
  LANDER_ASSIGN(const bool more, offer(max_bytes));
  if (more) return true;
  return offer_earlier(max_bytes);
}

// --- What came ----------------------------------------------------------------------------------

// Those of which frames are offered: what was before is, or there was nothing.
SqliteStore::Offer SqliteStore::whole_series() const {
  Offer out;
  for (const auto& series : series_) {
    const std::optional<Lane> exit = exit_of(*series);
    if (!exit) continue;
    const bool chunks = std::any_of(series->extents.begin(), series->extents.end(),
                                    [](const Extent& e) { return e.chunked != INT64_MIN; });
    if (series->offered) {
      out.series[series->key] = {*exit, INT64_MIN, *series->offered};
    } else if (!chunks && series->first_frame > offered_through_) {
      out.series[series->key] = {*exit, INT64_MIN, INT64_MAX};
    }
  }
  return out;
}

Result<bool> SqliteStore::offer(std::size_t max_bytes) {
  const std::lock_guard offering(offer_);
  std::vector<TailFrame> frames;
  Offer out;
  {
    const std::lock_guard lock(state_);
    frames = tail_.after(offered_through_);
    out = whole_series();
  }
  if (frames.empty()) return false;
  std::size_t taken = 0;
  // At least one frame, lest one that is too large be the last that ever left.
  for (; taken < frames.size() && out.bytes < std::min(max_bytes, kOfferBytes); ++taken) {
    if (out.series.empty()) continue;
    const auto [connection, lock] = lend_reader();
    LANDER_TRY(gather_raw(*connection, frames[taken], {}, out));
  }
  if (taken == 0) return true;
  out.frames_through = frames[taken - 1].id;
  std::erase_if(out.series, [&](const auto& of) { return !out.gathered.contains(of.first); });
  cut_gathered(out);
  if (out.parts.empty()) {
    // Not worth a write: after a restart they are looked at again, to the same end.
    const std::lock_guard lock(state_);
    offered_through_ = out.frames_through;
    return taken < frames.size();
  }
  LANDER_ASSIGN(const bool written, write_offer(out));
  return !written || taken < frames.size();
}

Status SqliteStore::gather_raw(Connection& connection, const TailFrame& frame,
                               const Progress& in_chunks, Offer& out) {
  const Book book = this->book();
  LANDER_ASSIGN(const StoredFrame stored, load_frame(connection, frame.id));
  const auto take = [&]() -> Status {
    LANDER_ASSIGN(FrameReader reader, FrameReader::open(stored.data));
    const Placer place(*book, stored.stamp);
    Samples samples;
    for (const auto& [key, of] : out.series) {
      if (frame.id <= in_chunks.of(key)) continue;
      LANDER_ASSIGN(const bool here, reader.find(key));
      if (!here) continue;
      samples.cut(0);
      LANDER_TRY(reader.append_to(kind_of(key), samples));
      samples.sequences.clear();
      for (std::size_t at = 0; at < samples.size(); ++at) {
        const TimeUs time = samples.block.times[at];
        if (time < of.from || time > of.through) continue;
        Samples& into = out.gathered[key][place(time)];
        into.block.kind = samples.block.kind;
        append(into, samples, at);
        out.bytes += kSampleBytes;
        if (!samples.block.strings.empty()) out.bytes += samples.block.strings[at].size();
      }
    }
    return {};
  };
  if (auto taken = take(); !taken.ok()) {
    found_damage(lost_with(frame), *book, taken.error());
  }
  return {};
}

void SqliteStore::cut_gathered(Offer& out) const {
  for (auto& [key, by_segment] : out.gathered) {
    std::vector<RawPart>& parts = out.parts[out.series.at(key).lane];
    for (auto& [segment, samples] : by_segment) {
      if (!ascends(samples)) sort_by_time(samples);
      for (Rewrite::Chunk& chunk : cut(samples)) {
        parts.push_back({key, segment, std::move(chunk.data)});
      }
    }
  }
}

// --- What was there before -----------------------------------------------------------------------

// Those of which something is left that was stored before they had an exit.
SqliteStore::Offer SqliteStore::begun_series() const {
  Offer out;
  for (const auto& series : series_) {
    const std::optional<Lane> exit = exit_of(*series);
    if (!exit || series->extents.empty() || series->offered == INT64_MAX) continue;
    out.series[series->key] = {*exit, series->offered ? plus(*series->offered, 1) : INT64_MIN,
                               INT64_MAX};
  }
  return out;
}

// It must not be that thinning makes room for copies.
Status SqliteStore::has_room_for_copies(std::size_t bytes) {
  if (!options_.free_bytes) return {};
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(const std::uint64_t room, this->room(*writer_));
  const std::uint64_t wanted =
      std::max(options_.reserve_bytes, options_.thin_below_bytes) + 2 * bytes;
  if (room >= wanted) return {};
  return Error(Code::kExhausted, "offering what was stored before: " + std::to_string(room) +
                                     " bytes are free on the disk, expected " +
                                     std::to_string(wanted) +
                                     ": let what waits leave, or free some; it goes on then");
}

Result<bool> SqliteStore::offer_earlier(std::size_t max_bytes) {
  const std::lock_guard offering(offer_);
  Offer out;
  {
    const std::lock_guard lock(state_);
    out = begun_series();
    out.frames_through = offered_through_;
  }
  if (out.series.empty()) return false;
  max_bytes = std::min(max_bytes, kOfferBytes);
  LANDER_TRY(has_room_for_copies(max_bytes));
  {
    LANDER_ASSIGN(const std::unique_ptr<Reading> reading, Reading::begin(*this));
    // At least one chunk, for the same reason.
    auto next = out.series.begin();
    for (; next != out.series.end() && (out.bytes == 0 || out.bytes < max_bytes); ++next) {
      LANDER_TRY(copy_chunks(*reading, next->first, max_bytes, out));
    }
    out.series.erase(next, out.series.end());
    for (const TailFrame& frame : reading->frames()) {
      const auto overlaps = [&](const auto& of) {
        return of.second.from <= frame.last && of.second.through >= frame.first;
      };
      if (frame.id > out.frames_through) break;
      if (std::none_of(out.series.begin(), out.series.end(), overlaps)) continue;
      LANDER_TRY(gather_raw(reading->connection(), frame, reading->progress(), out));
    }
  }
  cut_gathered(out);
  LANDER_TRY(write_offer(out));
  return true;
}

// The earliest of its chunks, as many as fit; its part of the offer ends with them.
Status SqliteStore::copy_chunks(Reading& reading, SeriesKey key, std::size_t max_bytes,
                                Offer& out) {
  Offer::Of& of = out.series.at(key);
  std::vector<Extent> extents;
  {
    const std::lock_guard lock(state_);
    extents = find(key)->extents;
  }
  std::vector<std::pair<Segment, ChunkScan>> scans;
  for (const Extent& extent : extents) {
    LANDER_ASSIGN(ChunkScan scan,
                  ChunkScan::begin(reading.connection(), key, extent.segment, of.from, INT64_MAX));
    if (scan.ready()) scans.emplace_back(extent.segment, std::move(scan));
  }
  for (;;) {
    const auto first =
        std::min_element(scans.begin(), scans.end(), [](const auto& a, const auto& b) {
          if (!a.second.ready() || !b.second.ready()) {
            return a.second.ready();
          }
          return a.second.last() < b.second.last();
        });
    if (first == scans.end() || !first->second.ready()) return {};
    if (out.bytes >= max_bytes) break;
    of.through = first->second.last();
    LANDER_TRY(copy_chunk(first->second, key, first->first, reading.book(), out));
    LANDER_TRY(first->second.next());
    if (out.bytes < max_bytes) of.through = INT64_MAX;
  }
  // What others have up to there goes with it, so that one time parts all that it holds.
  for (auto& [segment, scan] : scans) {
    while (scan.ready() && scan.first() <= of.through) {
      LANDER_TRY(copy_chunk(scan, key, segment, reading.book(), out));
      LANDER_TRY(scan.next());
    }
  }
  return {};
}

Status SqliteStore::copy_chunk(const ChunkScan& scan, SeriesKey key, Segment segment,
                               const sensing::ClockBook& book, Offer& out) {
  const Offer::Of& of = out.series.at(key);
  sensing::Block block;
  auto decoded = sensing::decode_chunk(scan.data(), block);
  if (decoded.ok() && (block.kind != kind_of(key) || block.size() != scan.count())) {
    decoded = Error(Code::kCorrupt, "expected " + std::to_string(scan.count()) +
                                        " samples of the datastream's kind");
  }
  if (!decoded.ok()) {
    found_damage(scan.lost(), book, decoded.error());
    return {};
  }
  base::Bytes chunk(scan.data().begin(), scan.data().end());
  if (scan.first() < of.from || scan.last() > of.through) {
    sensing::Block part;
    part.kind = block.kind;
    for (std::size_t at = 0; at < block.size(); ++at) {
      if (block.times[at] >= of.from && block.times[at] <= of.through) append(part, block, at);
    }
    if (part.size() == 0) return {};
    chunk = sensing::encode_chunk(part);
  }
  out.bytes += chunk.size() + kPartOverhead;
  out.parts[of.lane].push_back({key, segment, std::move(chunk)});
  return {};
}

// --- Both ---------------------------------------------------------------------------------------

// What the clock's offset is, is told as it is known when they leave.
Status SqliteStore::write_raw_items(Lane lane, const std::vector<RawPart>& parts) {
  const base::TimeUs created = utc_now().time;
  for (std::size_t from = 0; from < parts.size();) {
    std::size_t bytes = 0, end = from;
    for (; end < parts.size(); ++end) {
      bytes += parts[end].chunk.size() + kPartOverhead;
      if (bytes > kRawItemBytes && end > from) break;
    }
    NewItem item{
        lane, "blocks", encode_raw(std::span(parts).subspan(from, end - from)), options_.raw_worth,
        0,    {}};
    if (options_.raw_expires > 0) item.expires = plus(created, options_.raw_expires);
    LANDER_ASSIGN(const std::uint64_t number, number_item(lane));
    LANDER_TRY(write_item(item, number, created, true));
    from = end;
  }
  return {};
}

Result<bool> SqliteStore::write_offer(const Offer& offer) {
  const std::lock_guard writing(writer_->mutex());
  {
    // declare() waits for the same lock: what it forbids from here on, it marks.
    const std::lock_guard lock(state_);
    for (const auto& [key, of] : offer.series) {
      if (exit_of(*find(key)) != of.lane) return false;
    }
  }
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  for (const auto& [lane, parts] : offer.parts) LANDER_TRY(write_raw_items(lane, parts));
  for (const auto& [key, of] : offer.series) {
    LANDER_ASSIGN(Query query,
                  writer_->query("INSERT INTO offered(series,through,incomplete) VALUES(?,?,0)"
                                 " ON CONFLICT DO UPDATE SET through=excluded.through"));
    query->bind(1, std::int64_t{key}).bind(2, of.through);
    LANDER_TRY(query->run());
  }
  LANDER_TRY(set_meta(*writer_, "offered_through", offer.frames_through));
  LANDER_TRY(set_meta(*writer_, "outbox_offered", offer.frames_through));
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  offered_through_ = offer.frames_through;
  for (const auto& [key, of] : offer.series) find(key)->offered = of.through;
  return true;
}

}  // namespace lander::store
