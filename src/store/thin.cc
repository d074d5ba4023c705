// Thinning: what goes when the disk fills, in the order that the datastreams' policies declare.
//
// Whole hours of claimed time go, so that no summary is of what went and of what stays. `thinned`
// says what went, and which summaries remain of it; an incident tells people.
#include <algorithm>

#include "sensing/chunk.h"
#include "sensing/value.h"
#include "store/compact.h"
#include "store/cut.h"
#include "store/schema.h"

namespace lander::store {
namespace {

using base::Result;
using base::Status;
using base::TimeUs;

constexpr std::size_t kMaxSteps = 8;      // of one policy
constexpr std::size_t kChunksAtOnce = 8;  // or an hour's, where that is more
// Of a datastream, and of what remains: it grows rather than repeats. `thinned` has all.
constexpr base::DurationUs kOneIncident = 7 * base::kDay;

// Coarser keeps less. What stands in chunks is the finest.
int rank(std::optional<Level> level) { return !level ? 2 : *level == Level::kHour ? 1 : 0; }
std::optional<Level> level_of(const sensing::Thinning& step) {
  if (step.summaries == 0) return std::nullopt;
  return step.summaries == base::kMinute ? Level::kMinute : Level::kHour;
}
void bind_level(Query& query, int at, std::optional<Level> level) {
  if (level) {
    query->bind(at, static_cast<std::int64_t>(*level));
  } else {
    query->bind_null(at);
  }
}

}  // namespace

// What a cut lets go.
struct SqliteStore::Going {
  std::uint64_t count = 0, lost = 0;  // lost: what chunks counted that do not verify
  std::uint64_t bytes = 0;            // of the chunks
  Rollups minutes;
  std::vector<std::string> objects;  // as bytes
};

// The oldest that this step of this series lets go; nothing: none.
Result<std::optional<SqliteStore::Cut>> SqliteStore::oldest_cut(SeriesKey key,
                                                                const sensing::Thinning& step,
                                                                TimeUs now) {
  const std::lock_guard reading(background().mutex());
  const Book book = this->book();
  std::vector<Extent> extents;
  {
    const std::lock_guard lock(state_);
    extents = find(key)->extents;
  }
  const std::optional<Level> keep = level_of(step);
  for (const Extent& extent : extents) {
    const base::DurationUs offset =
        minus(to_utc(*book, extent.segment, extent.first).time, extent.first);
    const TimeUs before = floor_to(minus(minus(now, step.beyond), offset), base::kHour);
    if (extent.first >= before) continue;
    LANDER_ASSIGN(std::optional<Cut> cut, chunks_before(key, extent.segment, keep, before));
    if (cut) return cut;
    LANDER_ASSIGN(cut, oldest_summaries(key, extent.segment, keep, before));
    if (cut) return cut;
  }
  return std::optional<Cut>();
}

// The oldest chunks that begin before that time, a whole hour. The background's mutex is held.
Result<std::optional<SqliteStore::Cut>> SqliteStore::chunks_before(SeriesKey key, Segment segment,
                                                                   std::optional<Level> keep,
                                                                   TimeUs before) {
  std::optional<Cut> cut;
  {
    LANDER_ASSIGN(Query rows, background().query("SELECT t_first,t_last FROM chunk WHERE series=?"
                                                 " AND segment=? ORDER BY t_last,part LIMIT ?"));
    rows->bind(1, std::int64_t{key}).bind(2, std::int64_t{segment});
    rows->bind(3, static_cast<std::int64_t>(kChunksAtOnce));
    for (;;) {
      LANDER_ASSIGN(const bool row, rows->step());
      if (!row || rows->integer(0) >= before) break;
      if (!cut) cut = Cut{key, segment, keep, floor_to(rows->integer(0), base::kHour)};
      cut->from = std::min(cut->from, floor_to(rows->integer(0), base::kHour));
      // Whole hours only; where one hour has more than these chunks, all of that hour.
      cut->to = std::min(
          before, std::max(floor_to(rows->integer(1), base::kHour), plus(cut->from, base::kHour)));
    }
  }
  if (cut) LANDER_TRY(fit_spans(*cut));
  return cut;
}

// Spans never overlap: what falls into one that is there keeps what that one keeps, and ends with
// it.
Status SqliteStore::fit_spans(Cut& cut) {
  LANDER_ASSIGN(Query row, background().query(
                               "SELECT t_first,t_last,level FROM thinned WHERE series=? AND"
                               " segment=? AND t_last>=? AND t_first<? ORDER BY t_first LIMIT 1"));
  row->bind(1, std::int64_t{cut.key}).bind(2, std::int64_t{cut.segment});
  row->bind(3, cut.from).bind(4, cut.to);
  LANDER_ASSIGN(const bool found, row->step());
  if (!found) return {};
  if (row->integer(0) > cut.from) {
    cut.to = row->integer(0);
    return {};
  }
  cut.to = std::min(cut.to, plus(row->integer(1), 1));
  cut.within = true;
  cut.keep = std::nullopt;
  if (!row->is_null(2)) cut.keep = static_cast<Level>(row->integer(2));
  return {};
}

// What an earlier step kept more of than this one does.
Result<std::optional<SqliteStore::Cut>> SqliteStore::oldest_summaries(SeriesKey key,
                                                                      Segment segment,
                                                                      std::optional<Level> keep,
                                                                      TimeUs before) {
  LANDER_ASSIGN(Query rows,
                background().query("SELECT t_first,t_last,level FROM thinned WHERE series=? AND"
                                   " segment=? AND level IS NOT NULL ORDER BY t_first"));
  rows->bind(1, std::int64_t{key}).bind(2, std::int64_t{segment});
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row || rows->integer(0) >= before) return std::optional<Cut>();
    if (rank(static_cast<Level>(rows->integer(2))) >= rank(keep)) continue;
    const TimeUs from = rows->integer(0);
    return std::optional<Cut>(
        Cut{key, segment, keep, from, std::min(before, plus(rows->integer(1), 1)), true});
  }
}

// Reads what the chunks of the span hold; what they hold after it is written again.
Status SqliteStore::read_cut(const Cut& cut, Rewrite& rewrite, Going& gone) {
  LANDER_ASSIGN(ChunkScan scan,
                ChunkScan::begin(background(), cut.key, cut.segment, INT64_MIN, INT64_MAX));
  const sensing::Kind kind = kind_of(cut.key);
  const Book book = this->book();
  Samples samples, goes, stays;
  goes.block.kind = stays.block.kind = kind;
  // Those that end together stay together, so that their parts are in order.
  TimeUs last = INT64_MIN;
  while (scan.ready() && (scan.first() < cut.to || scan.last() == last)) {
    auto decoded = sensing::decode_chunk(scan.data(), samples.block);
    if (decoded.ok() && samples.block.kind != kind) {
      decoded = base::Error(base::Code::kCorrupt, "of another kind than its datastream");
    }
    if (decoded.ok()) {
      samples.sequences.clear();
      goes.cut(0);
      for (std::size_t at = 0; at < samples.size(); ++at) {
        append(samples.block.times[at] < cut.to ? goes : stays, samples, at);
      }
      gone.count += goes.size();
      if (kind == sensing::Kind::kObject) {
        gone.objects.insert(gone.objects.end(), goes.block.strings.begin(),
                            goes.block.strings.end());
      }
      if (cut.keep == Level::kMinute && !cut.within) {
        for (const auto& [time, summary] : roll_up(goes.block, Level::kMinute, INT64_MIN)) {
          gone.minutes[time].add(summary);
        }
      }
    } else {
      found_damage(scan.lost(), *book, decoded.error());
      gone.lost += scan.count();
    }
    gone.bytes += scan.data().size() + (scan.has_sequences() ? scan.sequences().size() : 0);
    rewrite.gone.emplace_back(scan.last(), scan.part());
    last = scan.last();
    LANDER_TRY(scan.next());
  }
  if (stays.size() > 0) {
    if (!ascends(stays)) sort_by_time(stays);
    rewrite.chunks = store::cut(stays);
    for (const Rewrite::Chunk& chunk : rewrite.chunks) {
      gone.bytes -= std::min<std::uint64_t>(gone.bytes, chunk.data.size());
    }
  }
  return {};
}

// Late ones of a span that is there already.
Status SqliteStore::add_to_thinned(const Cut& cut, std::uint64_t count) {
  LANDER_ASSIGN(Query query,
                writer_->query("UPDATE thinned SET count=count+?1,wiped=wiped+?1*?6 WHERE series=?2"
                               " AND segment=?3 AND t_first<=?4 AND t_last>=?5"));
  query->bind(1, static_cast<std::int64_t>(count)).bind(2, std::int64_t{cut.key});
  query->bind(3, std::int64_t{cut.segment}).bind(4, cut.from).bind(5, minus(cut.to, 1));
  query->bind(6, std::int64_t{cut.wiped});
  return query->run();
}

Status SqliteStore::write_thinned(const Cut& cut, std::uint64_t count) {
  const auto bound = [&](Query& query) {
    query->bind(1, std::int64_t{cut.key}).bind(2, std::int64_t{cut.segment});
  };
  TimeUs first = cut.from;
  std::int64_t before = 0, wiped = 0;
  std::vector<TimeUs> merged;
  {
    // With those within it, and with the one before it that is of the same level.
    LANDER_ASSIGN(Query rows,
                  writer_->query("SELECT t_first,t_last,count,level,wiped FROM thinned WHERE"
                                 " series=? AND segment=? AND t_last>=? AND t_first<?"));
    bound(rows);
    rows->bind(3, minus(cut.from, 1)).bind(4, cut.to);
    for (;;) {
      LANDER_ASSIGN(const bool row, rows->step());
      if (!row) break;
      const bool same = rows->is_null(3)
                            ? !cut.keep
                            : cut.keep && rows->integer(3) == static_cast<std::int64_t>(*cut.keep);
      if (rows->integer(1) < cut.from && !same) continue;
      if (rows->integer(1) >= cut.to) continue;  // a part of it: split_thinned() made another of it
      merged.push_back(rows->integer(0));
      first = std::min(first, rows->integer(0));
      before += rows->integer(2);
      wiped += rows->integer(4);
    }
  }
  for (const TimeUs at : merged) {
    LANDER_ASSIGN(Query query, writer_->query("DELETE FROM thinned WHERE series=? AND segment=? AND"
                                              " t_first=?"));
    bound(query);
    query->bind(3, at);
    LANDER_TRY(query->run());
  }
  LANDER_ASSIGN(Query query, writer_->query("INSERT INTO thinned(series,segment,t_first,t_last,"
                                            "level,count,wiped) VALUES(?,?,?,?,?,?,?)"));
  bound(query);
  query->bind(3, first).bind(4, minus(cut.to, 1));
  bind_level(query, 5, cut.keep);
  query->bind(6, before + static_cast<std::int64_t>(count));
  query->bind(7, wiped + (cut.wiped ? static_cast<std::int64_t>(count) : 0));
  return query->run();
}

// A span of summaries of which only the older part goes becomes two. How many each is of, the hours
// tell.
Status SqliteStore::split_thinned(const Cut& cut) {
  LANDER_ASSIGN(
      Query query,
      writer_->query("INSERT INTO thinned(series,segment,t_first,t_last,level,count,wiped)"
                     " SELECT series,segment,?4,t_last,level,newer,min(newer,wiped) FROM"
                     " (SELECT *,min(count,"
                     "(SELECT coalesce(sum(r.count+r.others),0) FROM rollup r WHERE"
                     " r.series=?1 AND r.segment=?2 AND r.level=1 AND r.t>=?4 AND"
                     " r.t<=t_last)) AS newer FROM thinned WHERE"
                     " series=?1 AND segment=?2 AND t_first=?3 AND t_last>=?4)"));
  query->bind(1, std::int64_t{cut.key}).bind(2, std::int64_t{cut.segment});
  query->bind(3, cut.from).bind(4, cut.to);
  LANDER_TRY(query->run());
  LANDER_ASSIGN(Query shorten,
                writer_->query("UPDATE thinned SET t_last=?4-1,(count,wiped)=(SELECT"
                               " thinned.count-t.count,thinned.wiped-t.wiped FROM"
                               " thinned t WHERE t.series=?1 AND t.segment=?2 AND t.t_first=?4)"
                               " WHERE series=?1 AND segment=?2 AND t_first=?3 AND t_last>=?4"));
  shorten->bind(1, std::int64_t{cut.key}).bind(2, std::int64_t{cut.segment});
  shorten->bind(3, cut.from).bind(4, cut.to);
  return shorten->run();
}

Status SqliteStore::drop_rollups(const Cut& cut) {
  for (const Level level : {Level::kMinute, Level::kHour}) {
    if (cut.keep && static_cast<int>(level) >= static_cast<int>(*cut.keep)) continue;
    LANDER_ASSIGN(Query query, writer_->query("DELETE FROM rollup WHERE series=? AND segment=? AND"
                                              " level=? AND t>=? AND t<?"));
    query->bind(1, std::int64_t{cut.key}).bind(2, std::int64_t{cut.segment});
    query->bind(3, static_cast<std::int64_t>(level)).bind(4, cut.from).bind(5, cut.to);
    LANDER_TRY(query->run());
  }
  return {};
}

Status SqliteStore::release_objects(const std::vector<std::string>& objects) {
  for (const std::string& bytes : objects) {
    const auto value = sensing::from_bytes(sensing::Kind::kObject, base::as_bytes(bytes));
    if (!value.ok()) continue;  // refers to nothing
    const auto& object = *std::get<std::shared_ptr<const sensing::Object>>(*value);
    LANDER_ASSIGN(Query query, writer_->query("UPDATE object SET uses=uses-1 WHERE sha256=?"));
    query->bind(1, base::ByteView(object.sha256));
    LANDER_TRY(query->run());
  }
  return {};
}

Status SqliteStore::note_thinned(const Cut& cut, std::uint64_t count, TimeUs now) {
  const Book book = this->book();
  const std::string id = datastream(cut.key)->id;
  const TimeUs from = to_utc(*book, cut.segment, cut.from).time;
  const TimeUs to = to_utc(*book, cut.segment, minus(cut.to, 1)).time;
  const std::string detail = !cut.keep                     ? "nothing remains"
                             : *cut.keep == Level::kMinute ? "minute summaries remain"
                                                           : "hour summaries remain";
  return note_or_extend({cut.wiped ? Incident::Kind::kWiped : Incident::Kind::kThinned, 0, now, id,
                         from, to, count, detail});
}

// One of the same kind, datastream and detail that is not a week old grows.
Status SqliteStore::note_or_extend(const Incident& incident) {
  LANDER_ASSIGN(Query query,
                writer_->query("UPDATE incident SET t_first=min(t_first,?1),t_last=max(t_last,?2),"
                               "observations=observations+?3 WHERE id=(SELECT max(id) FROM incident"
                               " WHERE datastream=?4 AND kind=?7 AND detail=?5) AND time>?6"));
  query->bind(1, incident.from).bind(2, incident.to);
  query->bind(3, static_cast<std::int64_t>(incident.observations));
  query->bind(4, std::string_view(incident.datastream));
  query->bind(5, std::string_view(incident.detail)).bind(6, minus(incident.time, kOneIncident));
  query->bind(7, static_cast<std::int64_t>(incident.kind));
  LANDER_TRY(query->run());
  if (writer_->database().changes() > 0) return {};
  return write_incident(incident, incident.time);
}

Result<SqliteStore::Dropped> SqliteStore::apply_cut(const Cut& cut, TimeUs now) {
  Rewrite rewrite;
  rewrite.segment = cut.segment;
  Going gone;
  {
    const std::lock_guard reading(background().mutex());
    if (!cut.summaries) LANDER_TRY(read_cut(cut, rewrite, gone));
    LANDER_ASSIGN(Query row, background().query("SELECT minutes_from FROM extent WHERE series=? AND"
                                                " segment=?"));
    row->bind(1, std::int64_t{cut.key}).bind(2, std::int64_t{cut.segment});
    LANDER_ASSIGN(const bool known, row->step());
    // From there on they are there already.
    if (known && !row->is_null(0)) {
      gone.minutes.erase(gone.minutes.lower_bound(row->integer(0)), gone.minutes.end());
    }
  }
  const std::uint64_t count = gone.count, lost = gone.lost;
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  LANDER_TRY(write_chunks(cut.key, rewrite));
  LANDER_TRY(drop_rollups(cut));
  LANDER_TRY(add_rollups(*writer_, cut.key, cut.segment, Level::kMinute, gone.minutes));
  if (cut.within) {
    LANDER_TRY(add_to_thinned(cut, count));
  } else {
    LANDER_TRY(split_thinned(cut));
    LANDER_TRY(write_thinned(cut, count));
  }
  LANDER_TRY(release_objects(gone.objects));
  LANDER_TRY(note_thinned(cut, count, now));
  {
    LANDER_ASSIGN(Query query, writer_->query("UPDATE extent SET count=count-? WHERE series=? AND"
                                              " segment=?"));
    query->bind(1, static_cast<std::int64_t>(count + lost)).bind(2, std::int64_t{cut.key});
    query->bind(3, std::int64_t{cut.segment});
    LANDER_TRY(query->run());
  }
  const std::lock_guard visible(visible_);
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  extent_of(find(cut.key)->extents, cut.segment, cut.from).count -= count + lost;
  stats_.observations -= count + lost;
  (cut.wiped ? stats_.wiped : stats_.thinned) += count;
  return Dropped{count, gone.bytes};
}

Result<bool> SqliteStore::is_short_of_room() {
  if (!options_.free_bytes) return false;
  const std::lock_guard reading(background().mutex());
  LANDER_ASSIGN(const std::uint64_t room, this->room(background()));
  return room < options_.thin_below_bytes;
}

Result<bool> SqliteStore::thin() {
  short_of_room_ = false;
  LANDER_ASSIGN(const bool wanted, is_short_of_room());
  if (!wanted) return false;
  const TimeUs now = utc_now().time;
  std::vector<std::pair<SeriesKey, std::vector<sensing::Thinning>>> policies;
  {
    const std::lock_guard lock(state_);
    for (const auto& series : series_) {
      const sensing::Datastream& newest = newest_of(*series);
      policies.emplace_back(series->key, newest.policy.thinning.empty()
                                             ? sensing::default_thinning(newest.kind)
                                             : newest.policy.thinning);
    }
  }
  for (std::size_t step = 0; step < kMaxSteps; ++step) {
    std::optional<Cut> oldest;
    for (const auto& [key, steps] : policies) {
      if (step >= steps.size()) continue;
      LANDER_ASSIGN(const std::optional<Cut> cut, oldest_cut(key, steps[step], now));
      if (cut && (!oldest || cut->from < oldest->from)) oldest = cut;
    }
    if (!oldest) continue;
    LANDER_ASSIGN([[maybe_unused]] const Dropped dropped, apply_cut(*oldest, now));
    return true;
  }
  short_of_room_ = true;  // all that the policies let go is gone, of what stands in chunks
  return false;
}

}  // namespace lander::store
