#include "store/compact.h"

#include <algorithm>

#include "os/log.h"
#include "store/schema.h"

namespace lander::store {
namespace {

using base::Result;
using base::Status;
using base::TimeUs;

// What samples take in memory: their columns, and their strings.
constexpr std::uint64_t kSampleBytes = 24;
// What makes a bunch: so many observations or bytes, of which one series has at most so many.
constexpr std::uint64_t kBunchObservations = 1 << 20;
constexpr std::uint64_t kBunchBytes = 32 << 20;
constexpr std::size_t kShortFrames = 64;  // ... while room is short
constexpr std::uint64_t kSeriesBytes = (64 << 10) * kSampleBytes;
// One step's, which bounds the memory; and one transaction's, which bounds how long a commit has to
// wait.
constexpr std::uint64_t kStepBytes = (128 << 10) * kSampleBytes;
constexpr std::uint64_t kTransactionBytes = (32 << 10) * kSampleBytes;
constexpr std::int64_t kForgetFrames = 64;
constexpr std::size_t kOfferBytes = 1 << 20;  // at once, when nothing carries them

}  // namespace

// Counts what the frames from the first of the tail on hold, as far as `bunch` (0: as far as a
// bunch goes).
Status SqliteStore::count_bunch(std::int64_t bunch) {
  std::vector<TailFrame> frames;
  {
    const std::lock_guard lock(state_);
    frames = tail_.after(progress_.through);
    // What was not offered to the link yet must stay.
    if (bunch == 0 && any_exit()) {
      std::erase_if(frames, [&](const TailFrame& frame) { return frame.id > offered_through_; });
    }
  }
  Bunch counted;
  std::uint64_t observations = 0, bytes = 0;
  for (const TailFrame& frame : frames) {
    if (bunch != 0 && frame.id > bunch) break;
    observations += frame.count;
    bytes += frame.bytes;
    const bool enough = observations > kBunchObservations || bytes > kBunchBytes;
    if (bunch == 0 && enough && !counted.frames.empty()) break;
    std::map<SeriesKey, std::uint64_t> weights;
    {
      const std::lock_guard reading(background().mutex());
      LANDER_ASSIGN(const StoredFrame stored, load_frame(background(), frame.id));
      auto reader = FrameReader::open(stored.data);
      for (bool more = reader.ok(); more;) {
        const auto next = reader->next();
        more = next.ok() && *next;
        if (more) weights[reader->series()] += reader->count() * kSampleBytes + reader->bytes();
      }
    }
    const bool over = std::any_of(weights.begin(), weights.end(), [&](const auto& entry) {
      const auto known = counted.weights.find(entry.first);
      return known != counted.weights.end() && known->second + entry.second > kSeriesBytes;
    });
    if (bunch == 0 && over) break;
    for (const auto& [key, weight] : weights) counted.weights[key] += weight;
    counted.frames.push_back(frame);
  }
  bunch_ = std::move(counted);
  return {};
}

Status SqliteStore::begin_bunch() {
  LANDER_TRY(count_bunch(0));
  if (bunch_->frames.empty()) return {};  // some came since they were offered
  return set_progress(bunch_->frames.back().id, 0);
}

// Persists how far the bunch is, and tells it to readers.
Status SqliteStore::set_progress(std::int64_t bunch, std::int64_t series) {
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  if (any_exit()) {
    std::int64_t offered = 0;
    {
      const std::lock_guard lock(state_);
      offered = offered_through_;
    }
    if (bunch > offered) {  // an exit was opened meanwhile: another time
      bunch_.reset();
      return {};
    }
    // Frames that gave no items were not worth a write; when they are in chunks, nobody could tell
    // that they were looked at.
    LANDER_TRY(set_meta(*writer_, "offered_through", offered));
    LANDER_TRY(set_meta(*writer_, "outbox_offered", offered));
  }
  LANDER_TRY(set_meta(*writer_, "bunch_through", bunch));
  LANDER_TRY(set_meta(*writer_, "bunch_series", series));
  const std::lock_guard visible(visible_);
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  progress_.bunch = bunch;
  progress_.series = series;
  return {};
}

// All series have the bunch: its frames are nobody's any more.
Status SqliteStore::end_bunch() {
  const std::int64_t through = bunch_->frames.empty() ? 0 : bunch_->frames.back().id;
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  LANDER_TRY(set_meta(*writer_, "compacted_through", through));
  LANDER_TRY(set_meta(*writer_, "bunch_through", through));
  LANDER_TRY(set_meta(*writer_, "bunch_series", 0));
  const std::lock_guard visible(visible_);
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  progress_ = {through, through, 0};
  tail_.forget(through);
  frames_to_forget_ = true;
  bunch_.reset();
  return {};
}

Result<bool> SqliteStore::forget_frames() {
  if (!frames_to_forget_) return false;
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(Query query,
                writer_->query("DELETE FROM frame WHERE id IN (SELECT id FROM frame WHERE id<=?"
                               " ORDER BY id LIMIT ?)"));
  query->bind(1, progress_.through).bind(2, kForgetFrames);
  LANDER_TRY(query->run());
  frames_to_forget_ = writer_->database().changes() == kForgetFrames;
  return true;
}

// The samples of these series in the bunch.
Status SqliteStore::gather(std::vector<Step>& step) {
  const Book book = this->book();
  const std::lock_guard reading(background().mutex());
  for (const TailFrame& frame : bunch_->frames) {
    LANDER_ASSIGN(const StoredFrame stored, load_frame(background(), frame.id));
    const auto take = [&]() -> Status {
      LANDER_ASSIGN(FrameReader reader, FrameReader::open(stored.data));
      const Placer place(*book, stored.stamp);
      Samples samples;
      for (auto& series : step) {
        LANDER_ASSIGN(const bool found, reader.find(series.key));
        if (!found) continue;
        samples.cut(0);
        LANDER_TRY(reader.append_to(series.kind, samples));
        series.counted = series.counted || !samples.sequences.empty();
        for (std::size_t at = 0; at < samples.size(); ++at) {
          Samples& into = series.samples[place(samples.block.times[at])];
          into.block.kind = series.kind;
          append(into, samples, at);
        }
      }
      return {};
    };
    if (auto taken = take(); !taken.ok()) {
      found_damage(lost_with(frame), *book, taken.error());
    }
  }
  return {};
}

Status SqliteStore::merge_step(Step& series) {
  const std::lock_guard reading(background().mutex());
  const Book book = this->book();
  Merger merger(
      background(), series.key, series.kind,
      [&](const Lost& lost, const base::Error& error) { found_damage(lost, *book, error); });
  for (auto& [segment, samples] : series.samples) {
    if (!ascends(samples)) sort_by_time(samples);
    LANDER_ASSIGN(Rewrite rewrite, merger.merge(segment, samples));
    series.rewrites.push_back(std::move(rewrite));
    samples = {};
  }
  return {};
}

Status SqliteStore::write_chunks(SeriesKey key, const Rewrite& rewrite) {
  std::vector<std::pair<TimeUs, std::int64_t>> gone = rewrite.gone;
  for (const Rewrite::Aside& aside : rewrite.aside) {
    LANDER_ASSIGN(
        Query query,
        writer_->query("INSERT OR REPLACE INTO damaged(place,observations,series,segment,"
                       "t_first,t_last,data) SELECT ?,count,series,segment,t_first,t_last,"
                       "data FROM chunk WHERE series=? AND segment=? AND t_last=? AND"
                       " part=?"));
    query->bind(1, std::string_view(aside.place)).bind(2, std::int64_t{key});
    query->bind(3, std::int64_t{rewrite.segment}).bind(4, aside.last).bind(5, aside.part);
    LANDER_TRY(query->run());
    gone.emplace_back(aside.last, aside.part);
  }
  for (const auto& [last, part] : gone) {
    LANDER_ASSIGN(Query query, writer_->query("DELETE FROM chunk WHERE series=? AND segment=? AND"
                                              " t_last=? AND part=?"));
    query->bind(1, std::int64_t{key}).bind(2, std::int64_t{rewrite.segment});
    query->bind(3, last).bind(4, part);
    LANDER_TRY(query->run());
  }
  for (const Rewrite::Chunk& chunk : rewrite.chunks) {
    LANDER_ASSIGN(Query query,
                  writer_->query("INSERT INTO chunk(series,segment,t_last,part,t_first,count,"
                                 "sequences,data) VALUES(?1,?2,?3,(SELECT coalesce(max(part)+1,0)"
                                 " FROM chunk WHERE series=?1 AND segment=?2 AND t_last=?3),"
                                 "?4,?5,?6,?7)"));
    query->bind(1, std::int64_t{key}).bind(2, std::int64_t{rewrite.segment}).bind(3, chunk.last);
    query->bind(4, chunk.first).bind(5, static_cast<std::int64_t>(chunk.count));
    if (chunk.sequences.empty()) {
      query->bind_null(6);
    } else {
      query->bind(6, base::ByteView(chunk.sequences));
    }
    query->bind(7, base::ByteView(chunk.data));
    LANDER_TRY(query->run());
  }
  return {};
}

Status SqliteStore::write_rewrite(SeriesKey key, const Rewrite& rewrite) {
  LANDER_TRY(write_chunks(key, rewrite));
  LANDER_TRY(add_rollups(*writer_, key, rewrite.segment, Level::kHour, rewrite.hours));
  LANDER_TRY(add_rollups(*writer_, key, rewrite.segment, Level::kMinute, rewrite.minutes));
  LANDER_ASSIGN(
      Query query,
      writer_->query("INSERT INTO extent(series,segment,t_first,t_last,count,minutes_from)"
                     " VALUES(?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
                     " t_first=min(t_first,excluded.t_first),"
                     " t_last=max(t_last,excluded.t_last), count=count+excluded.count,"
                     " minutes_from=excluded.minutes_from"));
  query->bind(1, std::int64_t{key}).bind(2, std::int64_t{rewrite.segment});
  query->bind(3, rewrite.added.first).bind(4, rewrite.added.last);
  query->bind(5, static_cast<std::int64_t>(rewrite.added.count));
  if (rewrite.minutes_from) {
    query->bind(6, *rewrite.minutes_from);
  } else {
    query->bind_null(6);
  }
  return query->run();
}

// What is known of this series' sequences: the frames that told it go.
Status SqliteStore::write_window(SeriesKey key) {
  Series& series = *find(key);
  if (!series.dedup) LANDER_TRY(load_dedup({&series}));
  const base::Bytes bits = series.dedup->bits();
  LANDER_ASSIGN(
      Query query,
      writer_->query("INSERT OR REPLACE INTO sequence_window(series,high,bits) VALUES(?,?,?)"));
  query->bind(1, std::int64_t{key}).bind(2, static_cast<std::int64_t>(series.dedup->high()));
  query->bind(3, base::ByteView(bits));
  return query->run();
}

Status SqliteStore::write_step(std::span<const Step> step) {
  const std::lock_guard writing(writer_->mutex());
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(writer_->database()));
  for (const auto& series : step) {
    if (series.counted) LANDER_TRY(write_window(series.key));
    for (const Rewrite& rewrite : series.rewrites) LANDER_TRY(write_rewrite(series.key, rewrite));
  }
  LANDER_TRY(set_meta(*writer_, "bunch_series", std::int64_t{step.back().key}));
  const std::lock_guard visible(visible_);
  LANDER_TRY(transaction.commit());
  const std::lock_guard lock(state_);
  progress_.series = step.back().key;
  for (const auto& series : step) {
    for (const Rewrite& rewrite : series.rewrites) {
      Extent& extent = extent_of(find(series.key)->extents, rewrite.segment, rewrite.added.first);
      // Where the clock's segments were cut anew since the commit, it stands in another one.
      extent.first = std::min(extent.first, rewrite.added.first);
      extent.last = std::max(extent.last, rewrite.added.last);
      extent.chunked = std::max(extent.chunked, rewrite.added.last);
    }
  }
  return {};
}

Result<bool> SqliteStore::compact() {
  Progress progress;
  {
    const std::lock_guard lock(state_);
    progress = progress_;
    if (!progress.under_way()) {
      const std::size_t frames = tail_.frames().size();
      const std::uint64_t observations = tail_.observations();
      // Once begun, until little is left: a bunch may be less than all that waits.
      const std::size_t part = compacting_ ? 4 : 1;
      // Chunks take less room than frames, and only they can be thinned.
      const std::size_t enough = short_of_room_ ? std::min(kShortFrames, options_.compact_frames)
                                                : options_.compact_frames;
      compacting_ =
          frames > 0 && (frames >= enough / part || observations >= kBunchObservations / part ||
                         tail_.bytes() >= kBunchBytes / 2 / part);
      if (!compacting_) return false;
    }
  }
  if (!progress.under_way()) {
    if (any_exit()) {
      LANDER_ASSIGN(const bool more, offer(kOfferBytes));
      if (more) return true;
    }
    LANDER_TRY(begin_bunch());
    return true;
  }
  if (!bunch_) LANDER_TRY(count_bunch(progress.bunch));
  std::vector<Step> step;
  std::uint64_t sum = 0;
  for (auto at = bunch_->weights.upper_bound(static_cast<SeriesKey>(progress.series));
       at != bunch_->weights.end(); ++at) {
    if ((sum += at->second) > kStepBytes && !step.empty()) break;
    step.push_back({at->first, kind_of(at->first), {}, {}, false});
  }
  if (step.empty()) {
    LANDER_TRY(end_bunch());
    return true;
  }
  LANDER_TRY(gather(step));
  for (std::size_t from = 0; from < step.size();) {
    std::uint64_t size = 0;
    std::size_t end = from;
    for (; end < step.size(); ++end) {
      size += bunch_->weights.at(step[end].key);
      if (size > kTransactionBytes && end > from) break;
      LANDER_TRY(merge_step(step[end]));
    }
    LANDER_TRY(write_step(std::span(step).subspan(from, end - from)));
    from = end;
  }
  return true;
}

}  // namespace lander::store
