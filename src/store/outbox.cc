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

std::int64_t as_bound(std::uint64_t number) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(number, INT64_MAX));
}

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

// --- Made, in the caller's transaction ----------------------------------------------------------

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

Status SqliteStore::write_item(const NewItem& item, std::uint64_t number, base::TimeUs created,
                               bool raw) {
  LANDER_ASSIGN(Query query,
                writer_->query("INSERT INTO item(lane,number,type,created,raw,body,worth,expires,"
                               "subject) VALUES(?,?,?,?,?,?,?,?,?)"));
  query->bind(1, std::int64_t{item.lane}).bind(2, static_cast<std::int64_t>(number));
  query->bind(3, std::string_view(item.type)).bind(4, created).bind(5, std::int64_t{raw});
  query->bind(6, base::ByteView(item.body)).bind(7, item.worth).bind(8, item.expires);
  query->bind(9, std::string_view(item.subject));
  return query->run();
}

// What waits of its lane, type and subject goes.
Status SqliteStore::supersede(const NewItem& item) {
  std::vector<std::uint64_t> older;
  {
    LANDER_ASSIGN(Query rows,
                  writer_->query("SELECT number FROM item INDEXED BY item_subject WHERE lane=?1 AND"
                                 " type=?2 AND subject=?3 AND subject<>'' AND"
                                 " number>(SELECT floor FROM lane WHERE lane=?1)"));
    rows->bind(1, std::int64_t{item.lane}).bind(2, std::string_view(item.type));
    rows->bind(3, std::string_view(item.subject));
    for (;;) {
      LANDER_ASSIGN(const bool row, rows->step());
      if (!row) break;
      older.push_back(static_cast<std::uint64_t>(rows->integer(0)));
    }
  }
  for (const std::uint64_t number : older) {
    LANDER_TRY(make_gone(item.lane, number, store::Gone::kSuperseded));
  }
  return {};
}

// --- Read ---------------------------------------------------------------------------------------

// A raw item's body as it leaves: chunks with what tells their time, of series that may leave now.
Result<base::Bytes> SqliteStore::placed_body(Lane lane, base::ByteView raw) const {
  const Book book = this->book();
  std::vector<SeriesBlock> out;
  LANDER_ASSIGN(const std::vector<RawPart> parts, decode_raw(raw));
  for (const RawPart& part : parts) {
    if (!may_leave(part.series, lane)) continue;
    const auto datastream = this->datastream(part.series);
    const auto placed = place_chunk(*book, part.segment, part.chunk, *datastream, out);
    if (!placed.ok()) {
      os::log_error("store", "raw observations cannot leave",
                    {{"datastream", datastream->id}, {"error", placed.error().message()}});
    }
  }
  return sensing::encode_blocks(out);
}

Result<SqliteStore::Taken> SqliteStore::take_item(Query& row, Lane lane, std::size_t& max_bytes,
                                                  std::vector<Item>& out) const {
  Item item{lane,
            static_cast<std::uint64_t>(row->integer(0)),
            std::string(row->text(1)),
            row->integer(2),
            {}};
  const base::ByteView body = row->bytes(4);
  if (body.size() > max_bytes) return Taken::kFull;
  if (row->integer(3) != 0) {
    auto placed = placed_body(lane, body);
    if (!placed.ok()) {
      found_damage({.place = "item " + std::to_string(lane) + "/" + std::to_string(item.number),
                    .first = item.created,
                    .last = item.created},
                   *book(), placed.error());
      const std::lock_guard lock(state_);
      damaged_items_.emplace(lane, item.number);
      return Taken::kNo;  // the lane is not held up by it
    }
    item.body = std::move(*placed);
  } else {
    item.body.assign(body.begin(), body.end());
  }
  if (item.body.size() > max_bytes) return Taken::kFull;
  max_bytes -= item.body.size();
  out.push_back(std::move(item));
  return Taken::kYes;
}

Result<std::vector<Item>> SqliteStore::items(Lane lane, std::uint64_t after, std::size_t max_items,
                                             std::size_t max_bytes) const {
  const auto [connection, lock] = lend_reader();
  LANDER_ASSIGN(Query rows,
                connection->query("SELECT number,type,created,raw,body FROM item WHERE lane=?1 AND"
                                  " number>max(?2,(SELECT floor FROM lane WHERE lane=?1))"
                                  " ORDER BY number"));
  rows->bind(1, std::int64_t{lane}).bind(2, as_bound(after));
  std::vector<Item> out;
  while (out.size() < max_items) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    LANDER_ASSIGN(const Taken taken, take_item(rows, lane, max_bytes, out));
    if (taken == Taken::kFull) break;
  }
  return out;
}

Result<std::vector<Item>> SqliteStore::items(Lane lane, std::span<const std::uint64_t> numbers,
                                             std::size_t max_bytes) const {
  const auto [connection, lock] = lend_reader();
  std::vector<Item> out;
  for (const std::uint64_t number : numbers) {
    LANDER_ASSIGN(Query rows,
                  connection->query("SELECT number,type,created,raw,body FROM item WHERE lane=?1"
                                    " AND number=?2 AND number>(SELECT floor FROM lane WHERE"
                                    " lane=?1)"));
    rows->bind(1, std::int64_t{lane}).bind(2, as_bound(number));
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) continue;
    LANDER_ASSIGN(const Taken taken, take_item(rows, lane, max_bytes, out));
    if (taken == Taken::kFull) break;
  }
  return out;
}

Result<std::vector<Head>> SqliteStore::heads(Lane lane, std::uint64_t after,
                                             std::size_t max) const {
  const auto [connection, lock] = lend_reader();
  LANDER_ASSIGN(Query rows,
                connection->query("SELECT number,bytes,worth,created,expires FROM item"
                                  " INDEXED BY item_head WHERE lane=?1 AND"
                                  " number>max(?2,(SELECT floor FROM lane WHERE lane=?1))"
                                  " ORDER BY number"));
  rows->bind(1, std::int64_t{lane}).bind(2, as_bound(after));
  std::vector<Head> out;
  while (out.size() < max) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    out.push_back({lane, static_cast<std::uint64_t>(rows->integer(0)),
                   static_cast<std::uint64_t>(rows->integer(1)), rows->real(2), rows->integer(3),
                   rows->integer(4)});
  }
  return out;
}

Result<std::vector<GoneRange>> SqliteStore::gone(Lane lane, std::size_t max) const {
  const auto [connection, lock] = lend_reader();
  LANDER_ASSIGN(Query rows, connection->query("SELECT first,last,why FROM gone WHERE lane=?"
                                              " ORDER BY first"));
  rows->bind(1, std::int64_t{lane});
  std::vector<GoneRange> out;
  while (out.size() < max) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    out.push_back({static_cast<std::uint64_t>(rows->integer(0)),
                   static_cast<std::uint64_t>(rows->integer(1)),
                   static_cast<store::Gone>(rows->integer(2))});
  }
  return out;
}

Result<std::vector<Store::LaneState>> SqliteStore::lanes() const {
  std::vector<LaneState> out;
  {
    const auto [connection, lock] = lend_reader();
    LANDER_ASSIGN(
        Query rows,
        connection->query("SELECT l.lane,l.last,count(i.number),coalesce((SELECT created FROM item"
                          " j INDEXED BY item_head WHERE j.lane=l.lane AND j.number>l.floor"
                          " ORDER BY j.number LIMIT 1),0),l.floor,coalesce(sum(i.bytes),0)"
                          " FROM lane l LEFT JOIN item i INDEXED BY item_head ON i.lane=l.lane AND"
                          " i.number>l.floor GROUP BY l.lane ORDER BY l.lane"));
    for (;;) {
      LANDER_ASSIGN(const bool row, rows->step());
      if (!row) break;
      const auto count = [&](int column) {
        return static_cast<std::uint64_t>(rows->integer(column));
      };
      out.push_back({static_cast<Lane>(count(0)), count(1), count(2), rows->integer(3), false,
                     count(4), count(5)});
    }
  }
  add_unoffered(out);
  return out;
}

void SqliteStore::add_unoffered(std::vector<LaneState>& lanes) const {
  std::set<Lane> exits, unoffered;
  if (pickup_ && options_.pickup_lane) exits.insert(*options_.pickup_lane);
  {
    const std::lock_guard lock(state_);
    const bool tail = !tail_.frames().empty() && tail_.frames().back().id > offered_through_;
    for (const auto& series : series_) {
      std::optional<Lane> exit = exit_of(*series);
      // Before the first offer, which opens it.
      if (!exit && may_leave_by_raw(*series)) exit = options_.raw_lane;
      if (!exit || series->extents.empty()) continue;
      if (tail || series->offered.value_or(INT64_MIN) != INT64_MAX) unoffered.insert(*exit);
    }
  }
  exits.insert(unoffered.begin(), unoffered.end());
  for (const Lane lane : exits) {
    auto at = std::lower_bound(lanes.begin(), lanes.end(), lane,
                               [](const LaneState& state, Lane l) { return state.lane < l; });
    if (at == lanes.end() || at->lane != lane) at = lanes.insert(at, LaneState{lane});
    at->unoffered = unoffered.contains(lane);
  }
}

// --- Receipted -----------------------------------------------------------------------------------

Status SqliteStore::forget_items(Lane lane, std::uint64_t through) {
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(const auto bounds, bounds_of(lane));
  through = std::min(through, bounds.second);
  if (through <= bounds.first) return {};
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  LANDER_TRY(keep_receipt(lane, bounds.first, through));
  return transaction.commit();
}

Status SqliteStore::recall_items(Lane lane, std::uint64_t through) {
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(const auto bounds, bounds_of(lane));
  if (through >= bounds.first) return {};
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  LANDER_TRY(note_missing(lane, through, bounds.first));
  LANDER_TRY(set_floor(lane, through));
  // The receipt of what is still receipted is the one that covered it.
  LANDER_ASSIGN(Query keep, writer_->query("INSERT OR IGNORE INTO receipt(lane,through,time)"
                                           " SELECT ?1,?2,time FROM receipt WHERE lane=?1 AND"
                                           " through>=?2 ORDER BY through LIMIT 1"));
  keep->bind(1, std::int64_t{lane}).bind(2, as_bound(through));
  LANDER_TRY(keep->run());
  LANDER_ASSIGN(Query drop, writer_->query("DELETE FROM receipt WHERE lane=? AND through>?"));
  drop->bind(1, std::int64_t{lane}).bind(2, as_bound(through));
  LANDER_TRY(drop->run());
  receipted_bytes_.reset();
  return transaction.commit();
}

// Floor and last; 0 and 0 when it never had an item.
Result<std::pair<std::uint64_t, std::uint64_t>> SqliteStore::bounds_of(Lane lane) {
  LANDER_ASSIGN(Query row, writer_->query("SELECT floor,last FROM lane WHERE lane=?"));
  row->bind(1, std::int64_t{lane});
  LANDER_ASSIGN(const bool known, row->step());
  if (!known) return std::pair<std::uint64_t, std::uint64_t>(0, 0);
  return std::pair(static_cast<std::uint64_t>(row->integer(0)),
                   static_cast<std::uint64_t>(row->integer(1)));
}

Status SqliteStore::set_floor(Lane lane, std::uint64_t floor) {
  LANDER_ASSIGN(Query query, writer_->query("UPDATE lane SET floor=? WHERE lane=?"));
  query->bind(1, static_cast<std::int64_t>(floor)).bind(2, std::int64_t{lane});
  return query->run();
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
      "DELETE FROM item WHERE number<=(SELECT floor FROM lane l WHERE l.lane=item.lane);"
      "DELETE FROM gone; DELETE FROM receipt;"
      "UPDATE item SET number=-r.place FROM (SELECT rowid AS id, row_number() OVER"
      " (PARTITION BY lane ORDER BY number) AS place FROM item) r WHERE r.id=item.rowid;"
      "UPDATE item SET number=-number;"
      "UPDATE lane SET floor=0,last=(SELECT count(*) FROM item i WHERE i.lane=lane.lane)"));
  LANDER_TRY(set_meta(*writer_, "epoch", static_cast<std::int64_t>(epoch)));
  LANDER_TRY(set_meta(*writer_, "outbox_epoch", static_cast<std::int64_t>(epoch)));
  receipted_bytes_.reset();
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  epoch_ = epoch;
  damaged_items_.clear();
  return {};
}

}  // namespace lander::store
