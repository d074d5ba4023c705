// One batch, one transaction: sorts out repeats, cuts blocks, writes all of it, and only then
// changes what is in memory.
#include <algorithm>

#include "store/schema.h"
#include "store/sqlite_store.h"

namespace lander::store {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;
using sensing::Observation;

// Bounds of one block: what a reader decodes at once, and how far before a time it has to look.
constexpr std::size_t kBlockSamples = 8192;
constexpr std::size_t kBlockTextBytes = 128 << 10;

constexpr base::DurationUs kFlushEvery = base::kMinute;
constexpr std::size_t kFlushObservations = 2'000'000;
constexpr std::size_t kFlushMinutes = 8192;

void append(sensing::Block& block, const Observation& observation) {
  block.times.push_back(observation.time);
  block.qualities.push_back(observation.quality);
  switch (block.kind) {
    case sensing::Kind::kNumber:
      block.numbers.push_back(std::get<double>(observation.value));
      break;
    case sensing::Kind::kInteger:
      block.integers.push_back(std::get<std::int64_t>(observation.value));
      break;
    case sensing::Kind::kBoolean:
      block.booleans.push_back(std::get<bool>(observation.value));
      break;
    case sensing::Kind::kText:
      block.texts.push_back(std::get<std::string>(observation.value));
      break;
  }
}

std::size_t text_bytes(const Observation& observation) {
  const auto* text = std::get_if<std::string>(&observation.value);
  return text != nullptr ? text->size() + 2 : 0;
}

}  // namespace

Status SqliteStore::admit(const Batch& batch) const {
  const auto invalid = [](std::string message) {
    return Error(Code::kInvalid, std::move(message));
  };
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
    if (text_bytes(observation) > sensing::kMaxTextBytes + 2) {
      return invalid("text of " + series->datastream.id + " is over 4096 bytes");
    }
  }
  for (const NewItem& item : batch.items) {
    if (item.type.empty()) return invalid("an item without a type");
    if (item.body.size() > kMaxItemBytes) {
      return invalid("item of type " + item.type + " is over 1 MiB");
    }
  }
  for (const Record& record : batch.records) {
    if (record.body.size() > kMaxRecordBytes) {
      return invalid("record " + record.kind + "/" + record.key + " is over 64 MiB");
    }
  }
  if (batch.observations.empty() || !options_.free_bytes) return {};
  LANDER_ASSIGN(const std::uint64_t free, options_.free_bytes());
  if (free >= options_.reserve_bytes) return {};
  return Error(Code::kExhausted, "disk full: " + std::to_string(free) + " bytes are free, " +
                                     std::to_string(options_.reserve_bytes) +
                                     " are kept for alerts and records");
}

Status SqliteStore::load_dedup(Series& series) {
  series.dedup = std::make_unique<Dedup>();
  if (series.extents.empty()) return {};
  std::size_t wanted = Dedup::kRecent;
  {
    LANDER_ASSIGN(Query row,
                  writer_->query("SELECT high,bits FROM sequence_window WHERE series=?"));
    row->bind(1, std::int64_t{series.key});
    LANDER_ASSIGN(const bool found, row->step());
    if (found) {
      series.dedup->restore_window(static_cast<std::uint64_t>(row->integer(0)), row->bytes(1));
      wanted = Dedup::kWindow;
    }
  }
  std::vector<Observation> latest;
  LANDER_ASSIGN(Query rows, writer_->query("SELECT data,sequences,count FROM block WHERE series=?"
                                           " ORDER BY t_first DESC, id DESC"));
  rows->bind(1, std::int64_t{series.key});
  while (latest.size() < wanted) {
    LANDER_ASSIGN(const bool found, rows->step());
    if (!found) break;
    auto block = sensing::decode_block(rows->bytes(0));
    if (!block.ok()) continue;  // reading it tells; here it only means that a repeat may pass
    std::vector<std::uint64_t> sequences(block->size());
    if (!rows->is_null(1)) {
      auto stored = decode_sequences(rows->bytes(1), block->size());
      if (stored.ok()) sequences = std::move(*stored);
    }
    for (std::size_t i = block->size(); i-- > 0;) {
      latest.push_back(
          {series.key, block->qualities[i], block->times[i], sequences[i], value_at(*block, i)});
    }
  }
  for (auto at = latest.rbegin(); at != latest.rend(); ++at) series.dedup->restore(*at);
  for (const Extent& extent : series.extents) series.dedup->restore_newest(extent.last);
  return {};
}

Status SqliteStore::sort_out(const Batch& batch, Prepared& prepared,
                             std::vector<Series*>& touched) {
  for (std::size_t i = 0; i < batch.observations.size(); ++i) {
    const Observation& observation = batch.observations[i];
    Series& series = *find(observation.series);
    if (!series.dedup) LANDER_TRY(load_dedup(series));
    if (series.pending.empty())
      touched.push_back(&series);  // first: its dedup changes from here on
    if (series.dedup->repeated(observation)) {
      ++prepared.result.duplicates;
      if (series.pending.empty()) touched.pop_back();
      continue;
    }
    series.pending.push_back(static_cast<std::uint32_t>(i));
    ++prepared.result.stored;
  }
  return {};
}

void SqliteStore::cut_blocks(const Batch& batch, Series& series, const sensing::ClockBook& book,
                             const Stamp& stamp, Prepared& prepared) {
  std::vector<std::uint32_t>& order = series.pending;
  const auto time = [&](std::uint32_t at) { return batch.observations[at].time; };
  const auto earlier = [&](std::uint32_t a, std::uint32_t b) { return time(a) < time(b); };
  if (!std::is_sorted(order.begin(), order.end(), earlier)) {
    std::stable_sort(order.begin(), order.end(), earlier);
  }
  Delta delta{&series, {}, {}, {}};
  for (std::size_t from = 0; from < order.size();) {
    StoredBlock stored{0, stamp, {}};
    stored.block.kind = series.datastream.kind;
    std::vector<std::uint64_t> sequences;
    bool counted = false;
    std::size_t texts = 0, end = from;
    for (; end < order.size() && end - from < kBlockSamples; ++end) {
      const Observation& observation = batch.observations[order[end]];
      texts += text_bytes(observation);
      const bool far = minus(observation.time, time(order[from])) > kMaxBlockSpan;
      if (far || (texts > kBlockTextBytes && end > from)) break;
      append(stored.block, observation);
      sequences.push_back(observation.sequence);
      counted = counted || observation.sequence != 0;
    }
    count_block(stored, book, delta.minutes, delta.extents);
    const Observation& last = batch.observations[order[end - 1]];
    delta.newest.push_back({place(book, stamp, last.time), last});
    const bool raw = series.datastream.policy.uplink == sensing::Uplink::kRaw;
    (raw ? prepared.raw : prepared.others)
        .push_back({series.key, time(order[from]), last.time, end - from,
                    counted ? encode_sequences(sequences) : base::Bytes(),
                    sensing::encode(stored.block)});
    from = end;
  }
  prepared.deltas.push_back(std::move(delta));
}

Status SqliteStore::write_block(const NewBlock& block, std::int64_t commit) {
  LANDER_ASSIGN(Query query,
                writer_->query("INSERT INTO block(series,commit_id,t_first,t_last,count,sequences,"
                               "data) VALUES(?,?,?,?,?,?,?)"));
  query->bind(1, std::int64_t{block.series}).bind(2, commit).bind(3, block.first);
  query->bind(4, block.last).bind(5, static_cast<std::int64_t>(block.count));
  if (block.sequences.empty()) {
    query->bind_null(6);
  } else {
    query->bind(6, base::ByteView(block.sequences));
  }
  query->bind(7, base::ByteView(block.data));
  return query->run();
}

Status SqliteStore::write_windows(const std::vector<Delta>& deltas) {
  for (const Delta& delta : deltas) {
    if (!delta.series->dedup->take_window_changed()) continue;
    const base::Bytes bits = delta.series->dedup->bits();
    LANDER_ASSIGN(Query query,
                  writer_->query("INSERT OR REPLACE INTO sequence_window VALUES(?,?,?)"));
    query->bind(1, std::int64_t{delta.series->key});
    query->bind(2, static_cast<std::int64_t>(delta.series->dedup->high()));
    query->bind(3, base::ByteView(bits));
    LANDER_TRY(query->run());
  }
  return {};
}

Status SqliteStore::write_records(const std::vector<Record>& records) {
  for (const Record& record : records) {
    LANDER_ASSIGN(
        Query query,
        writer_->query(record.body.empty() ? "DELETE FROM record WHERE kind=? AND key=?"
                                           : "INSERT INTO record VALUES(?,?,?)"
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

Status SqliteStore::write(const Batch& batch, const Stamp& stamp, base::TimeUs wall,
                          base::TimeUs created, const sensing::ClockBook& next, bool flush_too,
                          Prepared& prepared) {
  std::int64_t first_block = 0;
  LANDER_ASSIGN(prepared.segments, write_segments(next));
  if (prepared.result.stored > 0) {
    LANDER_ASSIGN(prepared.boot, boot_number(stamp.boot));
    {
      LANDER_ASSIGN(Query query,
                    writer_->query("INSERT INTO commits(boot,monotonic,wall) VALUES(?,?,?)"));
      query->bind(1, prepared.boot).bind(2, stamp.monotonic).bind(3, wall);
      LANDER_TRY(query->run());
    }
    const std::int64_t commit = writer_->database().last_insert_rowid();
    for (const auto* blocks : {&prepared.raw, &prepared.others}) {
      for (const NewBlock& block : *blocks) {
        LANDER_TRY(write_block(block, commit));
        if (first_block == 0) first_block = writer_->database().last_insert_rowid();
      }
    }
    LANDER_TRY(write_windows(prepared.deltas));
  }
  LANDER_TRY(write_records(batch.records));
  LANDER_TRY(write_items(batch, created, first_block, prepared));
  return flush_too ? flush(prepared) : Status();
}

Status SqliteStore::flush(const Prepared& prepared) {
  std::map<const Series*, const Delta*> deltas;
  for (const Delta& delta : prepared.deltas) deltas.emplace(delta.series, &delta);
  for (const auto& series : series_) {
    const auto found = deltas.find(series.get());
    const Delta* delta = found == deltas.end() ? nullptr : found->second;
    std::vector<OpenMinute> minutes = series->open;
    std::vector<Extent> extents = series->extents;
    if (delta != nullptr) {
      merge(minutes, delta->minutes);
      merge(extents, delta->extents);
    } else if (!series->extents_changed) {
      continue;
    }
    LANDER_TRY(write_rollups(*writer_, series->key, minutes));
    for (const Extent& extent : extents) {
      if (!extent.changed) continue;
      LANDER_ASSIGN(Query query, writer_->query("INSERT OR REPLACE INTO extent VALUES(?,?,?,?,?)"));
      query->bind(1, std::int64_t{series->key}).bind(2, std::int64_t{extent.segment});
      query->bind(3, extent.first).bind(4, extent.last);
      query->bind(5, static_cast<std::int64_t>(extent.count));
      LANDER_TRY(query->run());
    }
  }
  LANDER_ASSIGN(Query last, writer_->query("SELECT coalesce(max(id),0) FROM block"));
  LANDER_ASSIGN(const bool row, last->step());
  LANDER_CHECK(row);
  return set_meta(*writer_, "rolled_through", last->integer(0));
}

void SqliteStore::apply(Prepared& prepared, Book next, bool flushed, base::DurationUs monotonic) {
  saved_segments_ = std::move(prepared.segments);
  if (prepared.boot != 0) boot_.second = prepared.boot;
  const std::lock_guard lock(state_);
  book_ = std::move(next);
  for (Delta& delta : prepared.deltas) {
    Series& series = *delta.series;
    const std::size_t before = series.open.size();
    merge(series.open, delta.minutes);
    merge(series.extents, delta.extents);
    open_minutes_ += series.open.size() - before;
    series.extents_changed = true;
    const Extent* best = newest_extent(*book_, series.extents);
    for (Latest& newest : delta.newest) {
      if (newest.segment == best->segment && newest.observation.time == best->last) {
        newest.observation.sequence = 0;
        series.latest = std::move(newest);
      }
    }
  }
  stats_.observations += prepared.result.stored;
  stats_.duplicates += prepared.result.duplicates;
  if (prepared.result.stored > 0) ++stats_.commits;
  open_observations_ += prepared.result.stored;
  if (!flushed) return;
  for (const auto& series : series_) {
    series->open = {};
    series->extents_changed = false;
    for (Extent& extent : series->extents) extent.changed = false;
  }
  flushed_at_ = monotonic;
  open_minutes_ = open_observations_ = 0;
}

Result<Committed> SqliteStore::commit(const Batch& batch) {
  const std::lock_guard writing(writer_->mutex());
  LANDER_TRY(admit(batch));
  os::Clock& clock = *options_.clock;
  const Stamp stamp{clock.boot_id(), clock.monotonic_us()};
  const base::TimeUs wall = clock.wall_us();
  auto next = std::make_shared<sensing::ClockBook>(*book());
  next->observe(stamp.boot, stamp.monotonic, wall);

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
    for (Series* series : touched) cut_blocks(batch, *series, *next, stamp, prepared);
    if (prepared.result.stored == 0 && batch.records.empty() && batch.items.empty()) {
      const std::lock_guard lock(state_);
      stats_.duplicates += prepared.result.duplicates;
      return {};
    }
    const bool flush_too = stamp.monotonic - flushed_at_ >= kFlushEvery ||
                           open_observations_ > kFlushObservations ||
                           open_minutes_ > kFlushMinutes + 2 * series_.size();
    const base::TimeUs created = next->utc(stamp.boot, stamp.monotonic, wall).time;
    LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
    LANDER_TRY(write(batch, stamp, wall, created, *next, flush_too, prepared));
    const std::lock_guard visible(visible_);
    LANDER_TRY(transaction.commit());
    boot_.first = prepared.boot != 0 ? stamp.boot : boot_.first;
    apply(prepared, std::move(next), flush_too, stamp.monotonic);
    return {};
  };
  const Status status = all();
  forget_touched(status.ok());
  if (!status.ok()) return status.error().context("committing to the store");
  return std::move(prepared.result);
}

}  // namespace lander::store
