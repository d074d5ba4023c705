// Items that go without a receipt, each told in `gone` by the same transaction; and those that were
// receipted, once they need not be kept any more.
#include <algorithm>

#include "os/log.h"
#include "sensing/chunk.h"
#include "store/compact.h"
#include "store/schema.h"

namespace lander::store {
namespace {

using base::Result;
using base::Status;

constexpr std::size_t kDropItems = 512;  // in one step, as far as they have no more than:
constexpr std::uint64_t kDropBytes = 4 << 20;
constexpr base::DurationUs kReceiptUnit = base::kHour;  // so many receipts become one row

}  // namespace

// --- What is gone -------------------------------------------------------------------------------

Status SqliteStore::note_gone(Lane lane, std::uint64_t first, std::uint64_t last, store::Gone why) {
  auto from = static_cast<std::int64_t>(first), to = static_cast<std::int64_t>(last);
  const std::int64_t reason = static_cast<std::int64_t>(why);
  // At most one stands just before it, and one just after it.
  const auto join = [&](const char* sql, std::int64_t at, std::int64_t& end) -> Status {
    LANDER_ASSIGN(Query row, writer_->query(sql));
    row->bind(1, std::int64_t{lane}).bind(2, at).bind(3, reason);
    LANDER_ASSIGN(const bool found, row->step());
    if (found) end = row->integer(0);
    return row->run();
  };
  LANDER_TRY(
      join("SELECT first FROM (SELECT first,last,why FROM gone WHERE lane=?1 AND first<=?2"
           " ORDER BY first DESC LIMIT 1) WHERE last=?2 AND why=?3",
           from - 1, from));
  LANDER_TRY(
      join("DELETE FROM gone WHERE lane=?1 AND first=?2 AND why=?3 RETURNING last", to + 1, to));
  LANDER_ASSIGN(Query query,
                writer_->query("INSERT OR REPLACE INTO gone(lane,first,last,why) VALUES(?,?,?,?)"));
  query->bind(1, std::int64_t{lane}).bind(2, from).bind(3, to).bind(4, reason);
  return query->run();
}

// What its observations are of was not carried off whole.
Status SqliteStore::mark_incomplete(base::ByteView raw) {
  const auto parts = decode_raw(raw);
  if (!parts.ok()) {  // of whom nobody knows
    LANDER_ASSIGN(Query query, writer_->query("UPDATE offered SET incomplete=1"));
    return query->run();
  }
  for (const RawPart& part : *parts) {
    LANDER_ASSIGN(Query query, writer_->query("UPDATE offered SET incomplete=1 WHERE series=?"));
    query->bind(1, std::int64_t{part.series});
    LANDER_TRY(query->run());
  }
  return {};
}

Status SqliteStore::make_gone(Lane lane, std::uint64_t number, store::Gone why) {
  base::Bytes raw;
  {
    LANDER_ASSIGN(Query row, writer_->query("DELETE FROM item WHERE lane=? AND number=?"
                                            " RETURNING CASE raw WHEN 1 THEN body END"));
    row->bind(1, std::int64_t{lane}).bind(2, static_cast<std::int64_t>(number));
    LANDER_ASSIGN(const bool found, row->step());
    if (!found) return {};
    const base::ByteView body = row->bytes(0);
    raw.assign(body.begin(), body.end());
    LANDER_TRY(row->run());
  }
  if (!raw.empty()) LANDER_TRY(mark_incomplete(raw));
  return note_gone(lane, number, number, why);
}

// Of the numbers after `after` those without an item are lost.
Status SqliteStore::note_missing(Lane lane, std::uint64_t after, std::uint64_t through) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> missing;
  {
    LANDER_ASSIGN(Query rows,
                  writer_->query("SELECT number FROM item INDEXED BY item_head WHERE lane=? AND"
                                 " number>? AND number<=? ORDER BY number"));
    rows->bind(1, std::int64_t{lane}).bind(2, static_cast<std::int64_t>(after));
    rows->bind(3, static_cast<std::int64_t>(through));
    for (std::uint64_t next = after + 1;;) {
      LANDER_ASSIGN(const bool row, rows->step());
      const std::uint64_t number = row ? static_cast<std::uint64_t>(rows->integer(0)) : through + 1;
      if (number > next) missing.emplace_back(next, number - 1);
      if (!row) break;
      next = number + 1;
    }
  }
  for (const auto& [first, last] : missing) {
    LANDER_TRY(note_gone(lane, first, last, store::Gone::kLost));
  }
  return {};
}

// Those that did not verify when they were to leave.
Result<bool> SqliteStore::drop_damaged() {
  std::set<std::pair<Lane, std::uint64_t>> damaged;
  {
    const std::lock_guard lock(state_);
    damaged = damaged_items_;
  }
  if (damaged.empty()) return false;
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  for (const auto& [lane, number] : damaged) {
    LANDER_ASSIGN(const auto bounds, bounds_of(lane));
    // Receipted meanwhile, it explains itself.
    if (number > bounds.first) LANDER_TRY(make_gone(lane, number, store::Gone::kLost));
  }
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  for (const auto& item : damaged) damaged_items_.erase(item);
  return true;
}

Result<bool> SqliteStore::drop_expired() {
  const base::TimeUs now = utc_now().time;
  const std::lock_guard writing(writer_->mutex());
  std::vector<std::pair<Lane, std::uint64_t>> waiting;
  std::vector<std::int64_t> receipted;  // rows: kept for nothing, they would expire when recalled
  {
    LANDER_ASSIGN(Query rows,
                  writer_->query("SELECT i.lane,i.number,i.number>l.floor,i.rowid FROM item i"
                                 " INDEXED BY item_expires JOIN lane l ON l.lane=i.lane WHERE"
                                 " i.expires>0 AND i.expires<=? ORDER BY i.expires LIMIT ?"));
    rows->bind(1, now).bind(2, static_cast<std::int64_t>(kDropItems));
    for (;;) {
      LANDER_ASSIGN(const bool row, rows->step());
      if (!row) break;
      if (rows->integer(2) != 0) {
        waiting.emplace_back(static_cast<Lane>(rows->integer(0)),
                             static_cast<std::uint64_t>(rows->integer(1)));
      } else {
        receipted.push_back(rows->integer(3));
      }
    }
  }
  if (waiting.empty() && receipted.empty()) return false;
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  for (const auto& [lane, number] : waiting) {
    LANDER_TRY(make_gone(lane, number, store::Gone::kExpired));
  }
  for (const std::int64_t row : receipted) {
    LANDER_ASSIGN(Query query, writer_->query("DELETE FROM item WHERE rowid=?"));
    query->bind(1, row);
    LANDER_TRY(query->run());
  }
  if (!receipted.empty()) receipted_bytes_.reset();
  LANDER_TRY(transaction.commit());
  return true;
}

// --- For room ------------------------------------------------------------------------------------

// The oldest raw items: what they hold stays in the store as far as thinning left it.
Result<bool> SqliteStore::drop_raw() {
  if (!short_of_room_) return false;
  const std::lock_guard writing(writer_->mutex());
  std::optional<std::pair<Lane, std::uint64_t>> oldest;
  std::uint64_t observations = 0;
  base::TimeUs created = 0;
  {
    LANDER_ASSIGN(Query row,
                  writer_->query("SELECT i.lane,i.number,i.created,i.body FROM lane l JOIN item i"
                                 " ON i.rowid=(SELECT j.rowid FROM item j INDEXED BY item_head"
                                 " WHERE j.lane=l.lane AND j.number>l.floor AND j.raw=1 ORDER BY"
                                 " j.number LIMIT 1) ORDER BY i.created LIMIT 1"));
    LANDER_ASSIGN(const bool found, row->step());
    if (!found) return false;
    oldest.emplace(static_cast<Lane>(row->integer(0)), static_cast<std::uint64_t>(row->integer(1)));
    created = row->integer(2);
    if (const auto parts = decode_raw(row->bytes(3)); parts.ok()) {
      sensing::Block block;
      for (const RawPart& part : *parts) {
        if (sensing::decode_chunk(part.chunk, block).ok()) observations += block.size();
      }
    }
  }
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  LANDER_TRY(make_gone(oldest->first, oldest->second, store::Gone::kThinned));
  LANDER_TRY(note_or_extend({Incident::Kind::kThinned,
                             0,
                             utc_now().time,
                             {},
                             created,
                             created,
                             observations,
                             "raw observations that waited in lane " +
                                 std::to_string(oldest->first) + " will not leave"}));
  LANDER_TRY(transaction.commit());
  return true;
}

// --- Receipted -----------------------------------------------------------------------------------

// The floor rises; what it passes is kept from now on.
Status SqliteStore::keep_receipt(Lane lane, std::uint64_t floor, std::uint64_t through) {
  LANDER_TRY(set_floor(lane, through));
  const auto bound = [&](const char* sql) -> Result<Query> {
    LANDER_ASSIGN(Query query, writer_->query(sql));
    query->bind(1, std::int64_t{lane}).bind(2, static_cast<std::int64_t>(through));
    return query;
  };
  LANDER_ASSIGN(Query drop, bound("DELETE FROM gone WHERE lane=? AND last<=?"));
  LANDER_TRY(drop->run());
  LANDER_ASSIGN(Query cut, bound("UPDATE gone SET first=?2+1 WHERE lane=?1 AND first<=?2"));
  LANDER_TRY(cut->run());
  // Rounded up: nothing is kept for less than it should be.
  const base::TimeUs time = ceil_to(plus(utc_now().time, 1), kReceiptUnit);
  LANDER_ASSIGN(Query extend, bound("UPDATE receipt SET through=?2 WHERE lane=?1 AND time=?3 AND"
                                    " through=(SELECT max(through) FROM receipt WHERE lane=?1)"));
  extend->bind(3, time);
  LANDER_TRY(extend->run());
  if (writer_->database().changes() == 0) {
    LANDER_ASSIGN(Query insert,
                  bound("INSERT OR REPLACE INTO receipt(lane,through,time) VALUES(?,?,?)"));
    insert->bind(3, time);
    LANDER_TRY(insert->run());
  }
  if (!receipted_bytes_) return {};
  LANDER_ASSIGN(Query sum, bound("SELECT coalesce(sum(bytes),0) FROM item INDEXED BY item_head"
                                 " WHERE lane=? AND number<=? AND number>?"));
  sum->bind(3, static_cast<std::int64_t>(floor));
  LANDER_ASSIGN(const bool row, sum->step());
  // Too much when the transaction fails: then something goes too early, once.
  if (row) *receipted_bytes_ += static_cast<std::uint64_t>(sum->integer(0));
  return {};
}

Result<std::uint64_t> SqliteStore::sum_receipted() {
  if (!receipted_bytes_) {
    LANDER_ASSIGN(const std::int64_t sum,
                  pragma(*writer_,
                         "SELECT coalesce(sum(i.bytes),0) FROM lane l JOIN item i"
                         " INDEXED BY item_head ON i.lane=l.lane AND"
                         " i.number<=l.floor"));
    receipted_bytes_ = static_cast<std::uint64_t>(sum);
  }
  return *receipted_bytes_;
}

Result<bool> SqliteStore::drop_receipted() {
  LANDER_ASSIGN(const bool urgent, is_short_of_room());
  const std::lock_guard writing(writer_->mutex());
  std::int64_t lane = 0, through = 0;
  base::TimeUs time = 0;
  {
    LANDER_ASSIGN(Query row, writer_->query("SELECT lane,through,time FROM receipt"
                                            " ORDER BY time,lane,through LIMIT 1"));
    LANDER_ASSIGN(const bool found, row->step());
    if (!found) return false;
    lane = row->integer(0);
    through = row->integer(1);
    time = row->integer(2);
  }
  LANDER_ASSIGN(const std::uint64_t kept, sum_receipted());
  const bool old =
      options_.keep_receipted == 0 || time <= minus(utc_now().time, options_.keep_receipted);
  if (!urgent && !old && kept <= options_.keep_receipted_bytes) return false;
  const std::uint64_t most =
      urgent || old ? kDropBytes : std::min(kDropBytes, kept - options_.keep_receipted_bytes);
  std::vector<std::int64_t> numbers;
  std::uint64_t bytes = 0;
  bool all = false;
  {
    LANDER_ASSIGN(Query rows,
                  writer_->query("SELECT number,bytes FROM item INDEXED BY item_head WHERE lane=?"
                                 " AND number<=? ORDER BY number"));
    rows->bind(1, lane).bind(2, through);
    while (numbers.size() < kDropItems && bytes < most) {
      LANDER_ASSIGN(const bool row, rows->step());
      if ((all = !row)) break;
      numbers.push_back(rows->integer(0));
      bytes += static_cast<std::uint64_t>(rows->integer(1));
    }
  }
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  for (const std::int64_t number : numbers) {
    LANDER_ASSIGN(Query query, writer_->query("DELETE FROM item WHERE lane=? AND number=?"));
    query->bind(1, lane).bind(2, number);
    LANDER_TRY(query->run());
  }
  if (all) {
    LANDER_ASSIGN(Query query, writer_->query("DELETE FROM receipt WHERE lane=? AND through=?"));
    query->bind(1, lane).bind(2, through);
    LANDER_TRY(query->run());
  }
  LANDER_TRY(transaction.commit());
  receipted_bytes_ = kept - std::min(kept, bytes);
  return true;
}

// --- What an older release left ------------------------------------------------------------------

// It works on the same tables, and knows neither floors nor what is gone, nor who was offered what.
Status SqliteStore::settle_outbox() {
  LANDER_ASSIGN(const std::int64_t epoch, meta(*writer_, "outbox_epoch"));
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  if (epoch != static_cast<std::int64_t>(epoch_)) {
    LANDER_TRY(writer_->database().execute(
        "DELETE FROM gone; DELETE FROM receipt; UPDATE lane SET floor=0"));
    LANDER_TRY(set_meta(*writer_, "outbox_epoch", static_cast<std::int64_t>(epoch_)));
  }
  LANDER_TRY(settle_floors());
  LANDER_TRY(settle_exits());
  return transaction.commit();
}

Status SqliteStore::settle_floors() {
  struct Row {
    Lane lane;
    std::uint64_t floor, last;
  };
  std::vector<Row> unexplained;
  {
    LANDER_ASSIGN(Query rows,
                  writer_->query("SELECT lane,floor,last FROM lane l WHERE last-floor<>"
                                 "(SELECT count(*) FROM item i INDEXED BY item_head WHERE"
                                 " i.lane=l.lane AND i.number>l.floor)+(SELECT"
                                 " coalesce(sum(g.last-g.first+1),0) FROM gone g WHERE"
                                 " g.lane=l.lane)"));
    for (;;) {
      LANDER_ASSIGN(const bool row, rows->step());
      if (!row) break;
      unexplained.push_back({static_cast<Lane>(rows->integer(0)),
                             static_cast<std::uint64_t>(rows->integer(1)),
                             static_cast<std::uint64_t>(rows->integer(2))});
    }
  }
  for (const Row& row : unexplained) LANDER_TRY(settle_floor(row.lane, row.floor, row.last));
  return {};
}

// What is missing before the first that waits was receipted; after it nothing should be.
Status SqliteStore::settle_floor(Lane lane, std::uint64_t floor, std::uint64_t last) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> missing;
  std::uint64_t next = floor + 1, first_waiting = last + 1;
  {
    LANDER_ASSIGN(Query rows,
                  writer_->query("SELECT number,number,0 FROM item INDEXED BY item_head WHERE"
                                 " lane=?1 AND number>?2 UNION ALL SELECT first,last,1 FROM gone"
                                 " WHERE lane=?1 ORDER BY 1"));
    rows->bind(1, std::int64_t{lane}).bind(2, static_cast<std::int64_t>(floor));
    for (;;) {
      LANDER_ASSIGN(const bool row, rows->step());
      const auto number = row ? static_cast<std::uint64_t>(rows->integer(0)) : last + 1;
      if (number > next) missing.emplace_back(next, number - 1);
      if (!row) break;
      if (rows->integer(2) == 0) first_waiting = std::min(first_waiting, number);
      next = static_cast<std::uint64_t>(rows->integer(1)) + 1;
    }
  }
  std::uint64_t receipted = floor;
  for (const auto& [first, end] : missing) {
    if (first < first_waiting) receipted = end;
  }
  if (receipted > floor) LANDER_TRY(keep_receipt(lane, floor, receipted));
  for (const auto& [first, end] : missing) {
    if (first > receipted) LANDER_TRY(note_gone(lane, first, end, store::Gone::kLost));
  }
  return {};
}

// It offered what is Uplink::kRaw, all of it alike, from the first offer on; by pickup nothing
// left.
Status SqliteStore::settle_exits() {
  LANDER_ASSIGN(const std::int64_t known, meta(*writer_, "outbox_offered"));
  const bool behind = any_exit() && progress_.bunch > offered_through_;
  if (known == offered_through_ && !behind) return {};
  if (any_exit()) offered_through_ = std::max(offered_through_, progress_.bunch);
  LANDER_ASSIGN(Query all, writer_->query("UPDATE offered SET incomplete=1"));
  LANDER_TRY(all->run());
  for (const auto& series : series_) {
    if (!offering_ || series->extents.empty() || !may_leave_by_raw(*series)) continue;
    series->offered = INT64_MAX;
    LANDER_ASSIGN(Query query, writer_->query("INSERT OR REPLACE INTO offered(series,through,"
                                              "incomplete) VALUES(?,?,1)"));
    query->bind(1, std::int64_t{series->key}).bind(2, INT64_MAX);
    LANDER_TRY(query->run());
  }
  LANDER_TRY(set_meta(*writer_, "offered_through", offered_through_));
  return set_meta(*writer_, "outbox_offered", offered_through_);
}

}  // namespace lander::store
