// What each series' Dedup knew before the restart, from the tables.
#include <algorithm>
#include <set>

#include "sensing/chunk.h"
#include "store/reading.h"

namespace lander::store {
namespace {

using base::Status;

sensing::Observation observation_at(const Series& series, const Samples& samples, std::size_t at) {
  return {series.key, samples.block.qualities[at], samples.block.times[at],
          samples.sequences.empty() ? 0 : samples.sequences[at], value_at(samples.block, at)};
}

// The last `wanted` samples of its chunks, newest segment first.
Status from_chunks(Connection& connection, Series& series, std::size_t wanted) {
  std::vector<Samples> found;  // newest first
  std::size_t have = 0;
  LANDER_ASSIGN(Query rows, connection.query("SELECT data,sequences FROM chunk WHERE series=?"
                                             " ORDER BY segment DESC,t_last DESC,part DESC"));
  rows->bind(1, std::int64_t{series.key});
  while (have < wanted) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) break;
    Samples samples;
    // What does not verify is told by those who read it; here it only means that a repeat may pass.
    if (!sensing::decode_chunk(rows->bytes(0), samples.block).ok()) continue;
    if (!rows->is_null(1)) {
      auto sequences = decode_sequences(rows->bytes(1), samples.size());
      if (sequences.ok()) samples.sequences = std::move(*sequences);
    }
    have += samples.size();
    found.push_back(std::move(samples));
  }
  for (auto samples = found.rbegin(); samples != found.rend(); ++samples) {
    for (std::size_t i = 0; i < samples->size(); ++i) {
      series.dedup->restore(observation_at(series, *samples, i));
    }
  }
  for (const Extent& extent : series.extents) series.dedup->restore_newest(extent.chunked);
  return {};
}

}  // namespace

// Of those that are asked for, and with them of all that the tail holds: it is read once.
Status SqliteStore::load_dedup(const std::vector<Series*>& asked) {
  std::map<SeriesKey, Series*> wanted;
  for (Series* series : asked) wanted.emplace(series->key, series);
  // A series of which the tail holds nothing does not make us read it.
  const auto in_tail = [&](const auto& series) {
    return series->last_frame > progress_.of(series->key);
  };
  if (std::any_of(asked.begin(), asked.end(), in_tail)) {
    for (const auto& series : series_) {
      if (!series->dedup && in_tail(series)) wanted.emplace(series->key, series.get());
    }
  }
  auto filled = fill_dedup(wanted);
  if (filled.ok()) return filled;
  for (const auto& [key, series] : wanted) series->dedup.reset();  // it knows a part only
  return filled;
}

Status SqliteStore::fill_dedup(const std::map<SeriesKey, Series*>& wanted) {
  std::int64_t last = 0;  // of the frames that hold some of these
  for (const auto& [key, series] : wanted) {
    series->dedup = std::make_unique<Dedup>();
    if (series->last_frame > progress_.of(key)) last = std::max(last, series->last_frame);
    if (series->extents.empty()) continue;
    std::size_t count = Dedup::kRecent;
    {
      LANDER_ASSIGN(Query row,
                    writer_->query("SELECT high,bits FROM sequence_window WHERE series=?"));
      row->bind(1, std::int64_t{key});
      LANDER_ASSIGN(const bool found, row->step());
      if (found) {
        series->dedup->restore_window(static_cast<std::uint64_t>(row->integer(0)), row->bytes(1));
        count = Dedup::kWindow;
      }
    }
    LANDER_TRY(from_chunks(*writer_, *series, count));
  }
  Samples samples;
  for (const TailFrame& frame : tail_.frames()) {
    if (frame.id > last) break;
    LANDER_ASSIGN(const StoredFrame stored, load_frame(*writer_, frame.id));
    auto reader = FrameReader::open(stored.data);
    for (bool more = reader.ok(); more;) {
      const auto next = reader->next();
      more = next.ok() && *next;
      if (!more) break;
      const auto found = wanted.find(reader->series());
      if (found == wanted.end() || frame.id <= progress_.of(found->first)) continue;
      samples.cut(0);
      Series& series = *found->second;
      if (!reader->append_to(series.datastream.kind, samples).ok()) continue;
      for (std::size_t i = 0; i < samples.size(); ++i) {
        series.dedup->replay(observation_at(series, samples, i));
      }
    }
  }
  return {};
}

}  // namespace lander::store
