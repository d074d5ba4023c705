// Items that wait to leave: numbered by lane without gaps, never twice.
#include <algorithm>

#include "os/log.h"
#include "sensing/chunk.h"
#include "store/compact.h"
#include "store/schema.h"

namespace lander::store {
namespace {

using base::Result;
using base::Status;
using sensing::SeriesBlock;

constexpr std::size_t kRawItemBytes = 512 << 10;
constexpr std::size_t kPartOverhead = 96;  // id, revision, offsets: an upper bound
// Of one step of offer_raw(): bounds its memory.
constexpr std::size_t kOfferBytes = 2 << 20;
constexpr std::size_t kSampleBytes = 8;  // at most, of one that leaves, but for its string

// Adds the chunk's samples with what their UTC differs from the claimed time by; a chunk of one
// difference, which nearly all are, keeps its bytes.
Status place_chunk(const sensing::ClockBook& book, Segment segment, base::ByteView bytes,
                   const sensing::Datastream& datastream, std::vector<SeriesBlock>& out) {
  sensing::Block block;
  LANDER_TRY(sensing::decode_chunk(bytes, block));
  const auto& times = block.times;
  const auto offset_at = [&](std::size_t at) {
    return minus(to_utc(book, segment, times[at]).time, times[at]);
  };
  const auto add = [&](std::size_t from, std::size_t to, base::Bytes chunk) {
    // The error grows away from where the clock was checked: an end has the largest.
    const base::DurationUs error = std::max(to_utc(book, segment, times[from]).error,
                                            to_utc(book, segment, times[to - 1]).error);
    out.push_back({datastream.id, datastream.revision, offset_at(from), error, std::move(chunk)});
  };
  if (offset_at(0) == offset_at(times.size() - 1)) {
    add(0, times.size(), {bytes.begin(), bytes.end()});
    return {};
  }
  // Claims of the box's clock and of a source's own: they part at one time.
  std::size_t middle = 0;
  while (offset_at(middle) == offset_at(0)) ++middle;
  for (const auto& [from, to] : {std::pair{std::size_t{0}, middle}, {middle, times.size()}}) {
    sensing::Block part;
    part.kind = block.kind;
    for (std::size_t at = from; at < to; ++at) append(part, block, at);
    add(from, to, sensing::encode_chunk(part));
  }
  return {};
}

}  // namespace

Result<std::uint64_t> SqliteStore::number_item(Lane lane) {
  LANDER_ASSIGN(
      Query query,
      writer_->query("INSERT INTO lane(lane,last) VALUES(?,1) ON CONFLICT DO UPDATE SET last=last+1"
                     " RETURNING last"));
  query->bind(1, std::int64_t{lane});
  LANDER_ASSIGN(const bool row, query->step());
  LANDER_CHECK(row);
  const auto number = static_cast<std::uint64_t>(query->integer(0));
  LANDER_TRY(query->run());
  return number;
}

Status SqliteStore::write_item(Lane lane, std::uint64_t number, std::string_view type,
                               base::TimeUs created, bool raw, base::ByteView body) {
  LANDER_ASSIGN(Query query, writer_->query("INSERT INTO item(lane,number,type,created,raw,body)"
                                            " VALUES(?,?,?,?,?,?)"));
  query->bind(1, std::int64_t{lane}).bind(2, static_cast<std::int64_t>(number)).bind(3, type);
  query->bind(4, created).bind(5, std::int64_t{raw}).bind(6, body);
  return query->run();
}

bool SqliteStore::may_leave(SeriesKey key) const {
  const std::lock_guard lock(state_);
  const Series* series = find(key);
  if (series == nullptr) return false;
  return newest_of(*series).policy.uplink == sensing::Uplink::kRaw;
}

// What the clock's offset is, is told as it is known when they leave.
Status SqliteStore::write_raw_items(const std::vector<RawPart>& parts, std::int64_t through) {
  const std::lock_guard writing(writer_->mutex());
  const base::TimeUs created = utc_now().time;
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  for (std::size_t from = 0; from < parts.size();) {
    std::size_t bytes = 0, end = from;
    for (; end < parts.size(); ++end) {
      bytes += parts[end].chunk.size() + kPartOverhead;
      if (bytes > kRawItemBytes && end > from) break;
    }
    LANDER_ASSIGN(const std::uint64_t number, number_item(*options_.raw_lane));
    LANDER_TRY(write_item(*options_.raw_lane, number, "blocks", created, true,
                          encode_raw(std::span(parts).subspan(from, end - from))));
    from = end;
  }
  LANDER_TRY(set_meta(*writer_, "offered_through", through));
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  offered_through_ = through;
  return {};
}

Result<bool> SqliteStore::offer_raw(std::size_t max_bytes) {
  if (!options_.raw_lane) return false;
  if (!offering_) {
    const std::lock_guard writing(writer_->mutex());
    LANDER_TRY(set_meta(*writer_, "offering", 1));
    offering_ = true;
  }
  return offer(max_bytes);
}

Result<bool> SqliteStore::offer(std::size_t max_bytes) {
  const std::lock_guard offering(offer_);
  std::vector<TailFrame> frames;
  std::vector<SeriesKey> keys;
  {
    const std::lock_guard lock(state_);
    frames = tail_.after(offered_through_);
    for (const auto& series : series_) keys.push_back(series->key);
  }
  if (frames.empty()) return false;
  std::erase_if(keys, [&](SeriesKey key) { return !may_leave(key); });
  std::map<SeriesKey, BySegment> gathered;
  std::size_t taken = 0, bytes = 0;
  // At least one frame, lest one that is too large be the last that ever left.
  for (; taken < frames.size() && bytes < std::min(max_bytes, kOfferBytes); ++taken) {
    if (keys.empty()) continue;
    LANDER_ASSIGN(const std::size_t found, gather_raw(frames[taken], keys, gathered));
    bytes += found;
  }
  if (taken == 0) return true;
  std::vector<RawPart> parts;
  for (auto& [key, by_segment] : gathered) {
    for (auto& [segment, samples] : by_segment) {
      if (!ascends(samples)) sort_by_time(samples);
      for (Rewrite::Chunk& chunk : cut(samples)) {
        parts.push_back({key, segment, std::move(chunk.data)});
      }
    }
  }
  if (parts.empty()) {
    // Not worth a write: after a restart they are looked at again, to the same end.
    const std::lock_guard lock(state_);
    offered_through_ = frames[taken - 1].id;
  } else {
    LANDER_TRY(write_raw_items(parts, frames[taken - 1].id));
  }
  return taken < frames.size();
}

Result<std::size_t> SqliteStore::gather_raw(const TailFrame& frame,
                                            const std::vector<SeriesKey>& keys,
                                            std::map<SeriesKey, BySegment>& out) {
  const Book book = this->book();
  StoredFrame stored;
  {
    const auto [connection, lock] = lend_reader();
    LANDER_ASSIGN(stored, load_frame(*connection, frame.id));
  }
  std::size_t found = 0;
  const auto take = [&]() -> Status {
    LANDER_ASSIGN(FrameReader reader, FrameReader::open(stored.data));
    const Placer place(*book, stored.stamp);
    Samples samples;
    for (const SeriesKey key : keys) {
      LANDER_ASSIGN(const bool here, reader.find(key));
      if (!here) continue;
      samples.cut(0);
      LANDER_TRY(reader.append_to(kind_of(key), samples));
      samples.sequences.clear();
      found += samples.size() * kSampleBytes;
      for (const std::string& bytes : samples.block.strings) found += bytes.size();
      for (std::size_t at = 0; at < samples.size(); ++at) {
        Samples& into = out[key][place(samples.block.times[at])];
        into.block.kind = samples.block.kind;
        append(into, samples, at);
      }
    }
    return {};
  };
  if (auto taken = take(); !taken.ok()) {
    found_damage(lost_with(frame), *book, taken.error());
  }
  return found;
}

// A raw item's body as it leaves: chunks with what tells their time, of series that may leave now.
Result<base::Bytes> SqliteStore::placed_body(base::ByteView raw) const {
  const Book book = this->book();
  std::vector<SeriesBlock> out;
  LANDER_ASSIGN(const std::vector<RawPart> parts, decode_raw(raw));
  for (const RawPart& part : parts) {
    if (!may_leave(part.series)) continue;
    const auto datastream = this->datastream(part.series);
    const auto placed = place_chunk(*book, part.segment, part.chunk, *datastream, out);
    if (!placed.ok()) {
      os::log_error("store", "raw observations cannot leave",
                    {{"datastream", datastream->id}, {"error", placed.error().message()}});
    }
  }
  return sensing::encode_blocks(out);
}

Result<std::vector<Item>> SqliteStore::items(Lane lane, std::uint64_t after, std::size_t max_items,
                                             std::size_t max_bytes) const {
  const auto [connection, lock] = lend_reader();
  LANDER_ASSIGN(Query rows, connection->query("SELECT number,type,created,raw,body FROM item"
                                              " WHERE lane=? AND number>? ORDER BY number"));
  rows->bind(1, std::int64_t{lane});
  rows->bind(2, static_cast<std::int64_t>(std::min<std::uint64_t>(after, INT64_MAX)));
  std::vector<Item> out;
  while (out.size() < max_items) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    Item item{lane,
              static_cast<std::uint64_t>(rows->integer(0)),
              std::string(rows->text(1)),
              rows->integer(2),
              {}};
    const base::ByteView body = rows->bytes(4);
    if (body.size() > max_bytes) break;
    if (rows->integer(3) != 0) {
      auto placed = placed_body(body);
      if (!placed.ok()) {
        found_damage({.place = "item " + std::to_string(lane) + "/" + std::to_string(item.number),
                      .first = item.created,
                      .last = item.created},
                     *book(), placed.error());
      }
      // The lane is not held up by it.
      item.body = placed.ok() ? std::move(*placed) : sensing::encode_blocks({});
    } else {
      item.body.assign(body.begin(), body.end());
    }
    if (item.body.size() > max_bytes) break;
    max_bytes -= item.body.size();
    out.push_back(std::move(item));
  }
  return out;
}

Status SqliteStore::forget_items(Lane lane, std::uint64_t through) {
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(Query query, writer_->query("DELETE FROM item WHERE lane=? AND number<=?"));
  query->bind(1, std::int64_t{lane});
  query->bind(2, static_cast<std::int64_t>(std::min<std::uint64_t>(through, INT64_MAX)));
  return query->run();
}

Result<std::vector<Store::LaneState>> SqliteStore::lanes() const {
  std::vector<LaneState> out;
  {
    const auto [connection, lock] = lend_reader();
    LANDER_ASSIGN(
        Query rows,
        connection->query("SELECT lane,last,(SELECT min(number) FROM item i WHERE"
                          " i.lane=lane.lane),(SELECT created FROM item i WHERE"
                          " i.lane=lane.lane ORDER BY number LIMIT 1) FROM lane ORDER BY lane"));
    for (;;) {
      LANDER_ASSIGN(const bool row, rows->step());
      if (!row) break;
      LaneState state{static_cast<Lane>(rows->integer(0)),
                      static_cast<std::uint64_t>(rows->integer(1)), 0, rows->integer(3)};
      // Without gaps: those from the first that is there to the last that was given.
      if (!rows->is_null(2)) {
        state.waiting = state.last - static_cast<std::uint64_t>(rows->integer(2)) + 1;
      }
      out.push_back(state);
    }
  }
  if (!options_.raw_lane) return out;
  const std::lock_guard lock(state_);
  if (tail_.frames().empty() || tail_.frames().back().id <= offered_through_) return out;
  const bool any = std::any_of(series_.begin(), series_.end(), [&](const auto& series) {
    return newest_of(*series).policy.uplink == sensing::Uplink::kRaw;
  });
  if (!any) return out;
  auto at = std::lower_bound(out.begin(), out.end(), *options_.raw_lane,
                             [](const LaneState& state, Lane lane) { return state.lane < lane; });
  if (at == out.end() || at->lane != *options_.raw_lane) {
    at = out.insert(at, LaneState{*options_.raw_lane});
  }
  at->unoffered = true;
  return out;
}

std::uint64_t SqliteStore::epoch() const {
  const std::lock_guard lock(state_);
  return epoch_;
}

Status SqliteStore::renew_epoch() {
  const std::lock_guard writing(writer_->mutex());
  os::Random& random = options_.random != nullptr ? *options_.random : os::system_random();
  const std::uint64_t epoch = fresh_epoch(random);
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  // By way of negative numbers, so that no two rows meet on the way.
  LANDER_TRY(writer_->database().execute(
      "UPDATE item SET number=-r.place FROM (SELECT rowid AS id, row_number() OVER"
      " (PARTITION BY lane ORDER BY number) AS place FROM item) r WHERE r.id=item.rowid;"
      "UPDATE item SET number=-number;"
      "UPDATE lane SET last=(SELECT count(*) FROM item i WHERE i.lane=lane.lane)"));
  LANDER_TRY(set_meta(*writer_, "epoch", static_cast<std::int64_t>(epoch)));
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  epoch_ = epoch;
  return {};
}

}  // namespace lander::store
