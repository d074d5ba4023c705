// Wiping: what was carried off goes, like what is thinned, and is told as such.
//
// Upkeep waits meanwhile, so chunks hold only what was offered or was there before its datastream
// had an exit; what is offered while this runs does not stand in them.
#include <algorithm>

#include "os/log.h"
#include "sensing/chunk.h"
#include "store/compact.h"
#include "store/cut.h"

namespace lander::store {

using base::Result;
using base::Status;
using base::TimeUs;

// What may go of a series, and what holds back the rest. Times are claimed.
struct SqliteStore::Wipe {
  std::optional<Wiped::Kept::Why> all;  // of it stays
  TimeUs offered = INT64_MIN;           // up to here
  TimeUs waiting = INT64_MAX;           // from here on
};

Result<std::map<SeriesKey, SqliteStore::Wipe>> SqliteStore::begin_wipe() {
  using Why = Wiped::Kept::Why;
  std::map<SeriesKey, Wipe> out;
  {
    const std::lock_guard lock(state_);
    for (const auto& series : series_) {
      Wipe& wipe = out[series->key];
      wipe.offered = series->offered.value_or(INT64_MIN);
      if (series->datastream.kind == sensing::Kind::kObject) wipe.all = Why::kObjects;
      if (!exit_of(*series)) wipe.all = Why::kNoExit;
    }
  }
  const std::lock_guard reading(background().mutex());
  LANDER_ASSIGN(Query rows, background().query("SELECT series FROM offered WHERE incomplete<>0"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return out;
    auto& all = out[static_cast<SeriesKey>(rows->integer(0))].all;
    if (!all) all = Why::kIncomplete;
  }
}

// The earliest that waits, of each series.
Status SqliteStore::find_waiting(std::map<SeriesKey, Wipe>& series) {
  std::pair<std::int64_t, std::int64_t> at{-1, 0};
  sensing::Block block;
  for (;;) {
    std::vector<RawPart> parts;
    {
      const auto [connection, lock] = lend_reader();
      LANDER_ASSIGN(Query row,
                    connection->query("SELECT i.lane,i.number,i.body FROM item i"
                                      " INDEXED BY item_head JOIN lane l"
                                      " ON l.lane=i.lane WHERE (i.lane,i.number)>(?,?) AND"
                                      " i.raw=1 AND i.number>l.floor ORDER BY i.lane,i.number"
                                      " LIMIT 1"));
      row->bind(1, at.first).bind(2, at.second);
      LANDER_ASSIGN(const bool found, row->step());
      if (!found) return {};
      at = {row->integer(0), row->integer(1)};
      auto decoded = decode_raw(row->bytes(2));
      if (!decoded.ok()) {
        return decoded.error().context("item " + std::to_string(at.first) + "/" +
                                       std::to_string(at.second) + " waits");
      }
      parts = std::move(*decoded);
    }
    for (const RawPart& part : parts) {
      Wipe& wipe = series[part.series];
      const bool verifies = sensing::decode_chunk(part.chunk, block).ok();
      wipe.waiting = std::min(wipe.waiting, verifies ? block.times.front() : INT64_MIN);
    }
  }
}

Status SqliteStore::wipe_series(SeriesKey key, const Wipe& wipe, TimeUs before, Wiped& out) {
  if (wipe.all) return {};
  std::vector<Extent> extents;
  {
    const std::lock_guard lock(state_);
    extents = find(key)->extents;
  }
  const Book book = this->book();
  const TimeUs now = utc_now().time;
  for (const Extent& extent : extents) {
    TimeUs end = std::min(plus(wipe.offered, 1), wipe.waiting);
    if (wipe.offered == INT64_MAX) end = wipe.waiting;
    for (const base::DurationUs offset : offsets_in(*book, extent.segment)) {
      end = std::min(end, minus(before, offset));
    }
    end = floor_to(end, base::kHour);
    for (;;) {
      std::optional<Cut> cut;
      {
        const std::lock_guard reading(background().mutex());
        LANDER_ASSIGN(cut, chunks_before(key, extent.segment, Level::kMinute, end));
      }
      if (!cut) break;
      cut->wiped = true;
      LANDER_ASSIGN(const Dropped dropped, apply_cut(*cut, now));
      out.observations += dropped.observations;
      out.bytes += dropped.bytes;
      LANDER_TRY(checkpoint());
    }
  }
  return {};
}

Status SqliteStore::tell_kept(SeriesKey key, const Wipe& wipe, TimeUs before, Wiped& out) {
  std::vector<Extent> extents;
  std::string id;
  {
    const std::lock_guard lock(state_);
    extents = find(key)->extents;
    id = find(key)->datastream.id;
  }
  const Book book = this->book();
  for (const Extent& extent : extents) {
    const std::lock_guard reading(background().mutex());
    LANDER_ASSIGN(Query row, background().query("SELECT t_first FROM chunk WHERE series=? AND"
                                                " segment=? ORDER BY t_last,part LIMIT 1"));
    row->bind(1, std::int64_t{key}).bind(2, std::int64_t{extent.segment});
    LANDER_ASSIGN(const bool found, row->step());
    if (!found) continue;
    const TimeUs first = row->integer(0), from = to_utc(*book, extent.segment, first).time;
    if (from >= before) continue;
    Wiped::Kept kept{Wiped::Kept::Why::kNotReceipted, id, from};
    if (wipe.all) {
      kept.why = *wipe.all;
    } else if (floor_to(wipe.offered, base::kHour) <= first && wipe.offered != INT64_MAX) {
      kept.why = Wiped::Kept::Why::kNotOffered;
    } else if (floor_to(wipe.waiting, base::kHour) > first) {
      continue;  // of the hour that `before` is in
    }
    const auto known = std::find_if(out.kept.begin(), out.kept.end(),
                                    [&](const auto& other) { return other.datastream == id; });
    if (known == out.kept.end()) {
      out.kept.push_back(std::move(kept));
    } else if (from < known->from) {
      *known = std::move(kept);
    }
  }
  return {};
}

Result<Wiped> SqliteStore::wipe(TimeUs before) {
  const std::lock_guard lock(upkeep_);
  Wiped out;
  const auto all = [&]() -> Status {
    LANDER_ASSIGN(auto series, begin_wipe());
    LANDER_TRY(find_waiting(series));
    for (const auto& [key, wipe] : series) {
      LANDER_TRY(wipe_series(key, wipe, before, out));
      LANDER_TRY(tell_kept(key, wipe, before, out));
    }
    return {};
  };
  if (auto done = all(); !done.ok()) {
    return done.error().context("wiping what was carried off, after " +
                                std::to_string(out.observations) + " observations");
  }
  return out;
}

}  // namespace lander::store
