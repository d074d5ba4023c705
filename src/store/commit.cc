// One batch, one transaction: sorts out repeats, makes a frame, writes all of it, and only then
// changes what is in memory.
#include <algorithm>
#include <cmath>

#include "sensing/value.h"
#include "store/schema.h"
#include "store/sqlite_store.h"

namespace lander::store {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;
using sensing::Observation;

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

}  // namespace

Status SqliteStore::admit(const Batch& batch) const {
  for (const Observation& observation : batch.observations) {
    const Series* series = find(observation.series);
    if (series == nullptr) {
      return invalid("observation of series " + std::to_string(observation.series) +
                     ", which was never declared");
    }
    if (observation.value.index() != static_cast<std::size_t>(series->datastream.kind)) {
      return invalid("observation of " + series->datastream.id + " is not a " +
                     std::string(sensing::to_string(series->datastream.kind)));
    }
    if (sensing::is_numeric(series->datastream.kind)) continue;
    if (auto valid = sensing::valid(observation.value); !valid.ok()) {
      return valid.error().context("observation of " + series->datastream.id);
    }
  }
  for (const NewItem& item : batch.items) {
    if (item.type.empty()) return invalid("an item without a type");
    if (item.body.size() > kMaxItemBytes) {
      return invalid("item of type " + item.type + " is over 1 MiB");
    }
    if (item.subject.size() > kMaxSubjectBytes) {
      return invalid("item of type " + item.type + ": its subject is over 256 bytes");
    }
    if (!std::isfinite(item.worth) || item.expires < 0) {
      return invalid("item of type " + item.type +
                     ": expected a finite worth, and a time to expire or 0");
    }
  }
  for (const Record& record : batch.records) {
    if (record.body.size() > kMaxRecordBytes) {
      return invalid("record " + record.kind + "/" + record.key + " is over 64 MiB");
    }
  }
  if (batch.observations.empty() || !options_.free_bytes) return {};
  LANDER_ASSIGN(const std::uint64_t room, this->room(*writer_));
  if (room >= options_.reserve_bytes) return {};
  return Error(Code::kExhausted, "disk full: " + std::to_string(room) + " bytes are free, " +
                                     std::to_string(options_.reserve_bytes) +
                                     " are kept for alerts and records");
}

Status SqliteStore::sort_out(const Batch& batch, Prepared& prepared,
                             std::vector<Series*>& touched) {
  std::vector<Series*> strangers;
  for (const Observation& observation : batch.observations) {
    Series& series = *series_[observation.series - 1];  // admitted
    if (series.pending.empty()) {
      touched.push_back(&series);
      if (!series.dedup) strangers.push_back(&series);
    }
    series.pending.push_back(&observation);
  }
  if (!strangers.empty()) {
    LANDER_TRY(load_dedup(strangers));
  }
  std::sort(touched.begin(), touched.end(),
            [](const Series* a, const Series* b) { return a->key < b->key; });
  for (std::size_t i = 0; i < touched.size(); ++i) {
    auto& pending = touched[i]->pending;
    // A large batch is in no cache, and not in the order of its series.
    if (i + 1 < touched.size()) {
      for (const Observation* next : touched[i + 1]->pending) __builtin_prefetch(next);
    }
    const auto repeated = [&](const Observation* o) { return touched[i]->dedup->repeated(*o); };
    prepared.result.duplicates += std::erase_if(pending, repeated);
    prepared.result.stored += pending.size();
  }
  return {};
}

void SqliteStore::frame(std::vector<Series*>& touched, const sensing::ClockBook& book,
                        const Stamp& stamp, Prepared& prepared) {
  const auto earlier = [](const Observation* a, const Observation* b) { return a->time < b->time; };
  TailFrame& frame = prepared.frame;
  frame.first = INT64_MAX;
  frame.last = INT64_MIN;
  for (Series* series : touched) {
    auto& order = series->pending;
    if (order.empty()) continue;
    if (!std::is_sorted(order.begin(), order.end(), earlier)) {
      std::stable_sort(order.begin(), order.end(), earlier);
    }
    frame.first = std::min(frame.first, order.front()->time);
    frame.last = std::max(frame.last, order.back()->time);
  }
  const Placer place(book, stamp);
  FrameWriter writer(frame.first);
  prepared.deltas.reserve(touched.size());
  for (Series* series : touched) {
    if (series->pending.empty()) continue;
    writer.add(series->key, series->pending);
    Delta& delta = prepared.deltas.emplace_back();
    delta.series = series;
    const Observation &first = *series->pending.front(), &last = *series->pending.back();
    delta.newest = {place(last.time), last};
    if (place.only_one()) {
      delta.extents = {{delta.newest.segment, first.time, last.time, series->pending.size()}};
      continue;
    }
    for (const Observation* observation : series->pending) {
      Extent& extent = extent_of(delta.extents, place(observation->time), observation->time);
      extent.first = std::min(extent.first, observation->time);
      extent.last = std::max(extent.last, observation->time);
      ++extent.count;
    }
  }
  frame.segment = place(frame.first);
  frame.count = static_cast<std::uint32_t>(prepared.result.stored);
  prepared.data = writer.finish();
  frame.bytes = static_cast<std::uint32_t>(prepared.data.size());
}

Status SqliteStore::write_records(const std::vector<Record>& records) {
  for (const Record& record : records) {
    LANDER_ASSIGN(
        Query query,
        writer_->query(record.body.empty() ? "DELETE FROM record WHERE kind=? AND key=?"
                                           : "INSERT INTO record(kind,key,body) VALUES(?,?,?)"
                                             " ON CONFLICT DO UPDATE SET body=excluded.body"));
    query->bind(1, std::string_view(record.kind)).bind(2, std::string_view(record.key));
    if (!record.body.empty()) query->bind(3, base::ByteView(record.body));
    LANDER_TRY(query->run());
  }
  return {};
}

Result<std::int64_t> SqliteStore::boot_number(const std::string& boot) {
  if (boot_.second != 0 && boot_.first == boot) return boot_.second;
  {
    LANDER_ASSIGN(Query insert, writer_->query("INSERT OR IGNORE INTO boot(name) VALUES(?)"));
    insert->bind(1, std::string_view(boot));
    LANDER_TRY(insert->run());
  }
  LANDER_ASSIGN(Query query, writer_->query("SELECT id FROM boot WHERE name=?"));
  query->bind(1, std::string_view(boot));
  LANDER_ASSIGN(const bool row, query->step());
  LANDER_CHECK(row);
  return query->integer(0);
}

Status SqliteStore::write_frame(const Stamp& stamp, base::TimeUs wall, Prepared& prepared) {
  LANDER_ASSIGN(prepared.boot, boot_number(stamp.boot));
  prepared.frame.id = last_frame_ + 1;
  LANDER_ASSIGN(Query query,
                writer_->query("INSERT INTO frame(id,boot,monotonic,wall,t_first,t_last,count,data)"
                               " VALUES(?,?,?,?,?,?,?,?)"));
  query->bind(1, prepared.frame.id).bind(2, prepared.boot).bind(3, stamp.monotonic).bind(4, wall);
  query->bind(5, prepared.frame.first).bind(6, prepared.frame.last);
  query->bind(7, std::int64_t{prepared.frame.count}).bind(8, base::ByteView(prepared.data));
  return query->run();
}

Status SqliteStore::write_items(const Batch& batch, base::TimeUs created, Prepared& prepared) {
  for (const NewItem& item : batch.items) {
    if (!item.subject.empty()) LANDER_TRY(supersede(item));
    LANDER_ASSIGN(const std::uint64_t number, number_item(item.lane));
    LANDER_TRY(write_item(item, number, created, false));
    prepared.result.item_numbers.push_back(number);
  }
  return {};
}

Status SqliteStore::write(const Batch& batch, const Stamp& stamp, base::TimeUs wall,
                          base::TimeUs created, const Book& next, Prepared& prepared) {
  LANDER_ASSIGN(prepared.segments, write_segments(next));
  if (!prepared.data.empty()) LANDER_TRY(write_frame(stamp, wall, prepared));
  LANDER_TRY(write_objects(prepared.deltas));
  LANDER_TRY(write_records(batch.records));
  return write_items(batch, created, prepared);
}

void SqliteStore::apply(Prepared& prepared, Book next) {
  keep_segments(std::move(prepared.segments), next);
  const std::lock_guard lock(state_);
  if (book_ != next) {
    book_ = std::move(next);
    for (const auto& series : series_) series->latest.reset();  // another may be the newest now
  }
  for (Delta& delta : prepared.deltas) {
    Series& series = *delta.series;
    merge(series.extents, delta.extents);
    if (series.first_frame == 0) series.first_frame = prepared.frame.id;
    series.last_frame = prepared.frame.id;
    const Extent* best = newest_extent(*book_, series.extents);
    const auto ends_at_best = [&](const Extent& extent) {
      return extent.segment == best->segment && extent.last == best->last;
    };
    if (delta.newest.segment == best->segment && delta.newest.observation.time == best->last) {
      delta.newest.observation.sequence = 0;
      series.latest = std::move(delta.newest);
    } else if (std::any_of(delta.extents.begin(), delta.extents.end(), ends_at_best)) {
      series.latest.reset();  // the newest came with it, but is not the one that claims to be
    }
  }
  stats_.observations += prepared.result.stored;
  stats_.duplicates += prepared.result.duplicates;
  if (prepared.data.empty()) return;
  ++stats_.commits;
  last_frame_ = prepared.frame.id;
  tail_.add(prepared.frame);
}

Result<Committed> SqliteStore::commit(const Batch& batch) {
  const std::lock_guard writing(writer_->mutex());
  auto admitted = admit(batch);
  if (!admitted.ok()) {
    note_refused(batch, admitted.error());
    return admitted.error().context("committing to the store");
  }
  os::Clock& clock = *options_.clock;
  const Stamp stamp{clock.boot_id(), clock.monotonic_us()};
  const base::TimeUs wall = clock.wall_us();
  Book next = book();
  if (!next->expects(stamp.boot, stamp.monotonic, wall)) {
    auto changed = std::make_shared<sensing::ClockBook>(*next);
    changed->observe(stamp.boot, stamp.monotonic, wall);
    next = std::move(changed);
  }

  Prepared prepared;
  std::vector<Series*> touched;
  const auto forget_touched = [&](bool committed) {
    for (Series* series : touched) {
      // What a failed batch taught about repeats is wrong: the store knows better.
      if (!committed) series->dedup.reset();
      series->pending.clear();
      if (series->pending.capacity() > 1024) series->pending.shrink_to_fit();
    }
  };
  const auto all = [&]() -> Status {
    LANDER_TRY(sort_out(batch, prepared, touched));
    if (prepared.result.stored > 0) frame(touched, *next, stamp, prepared);
    if (prepared.result.stored == 0 && batch.records.empty() && batch.items.empty()) {
      const std::lock_guard lock(state_);
      stats_.duplicates += prepared.result.duplicates;
      return {};
    }
    const base::TimeUs created = next->utc(stamp.boot, stamp.monotonic, wall).time;
    LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
    LANDER_TRY(write(batch, stamp, wall, created, next, prepared));
    const std::lock_guard visible(visible_);
    LANDER_TRY(transaction.commit());
    if (prepared.boot != 0) boot_ = {stamp.boot, prepared.boot};
    apply(prepared, std::move(next));
    return {};
  };
  const Status status = all();
  forget_touched(status.ok());
  if (!status.ok()) {
    note_refused(batch, status.error());
    return status.error().context("committing to the store");
  }
  note_accepted(batch);
  return std::move(prepared.result);
}

}  // namespace lander::store
