#include <algorithm>
#include <numeric>

#include "sensing/chunk.h"
#include "store/compact.h"

namespace lander::store {
namespace {

using base::Result;
using base::Status;
using base::TimeUs;

constexpr std::size_t kChunkStringBytes = 512 << 10;
constexpr std::size_t kFullStringBytes = kChunkStringBytes / 2;  // no longer a small one
// Minutes have rollups where they hold so many samples: a row for each of them is then small beside
// them.
constexpr std::int64_t kDensePerMinute = 300;

// Chunks of old samples and of some new ones, in order of time, cut to size.
class Cutter {
 public:
  Cutter(sensing::Kind kind, std::vector<Rewrite::Chunk>& out) : out_(out) {
    samples_.block.kind = kind;
  }
  void add(const Samples& from, std::size_t at) {
    const std::size_t bytes = from.block.strings.empty() ? 0 : from.block.strings[at].size();
    if (samples_.size() >= sensing::kChunkSamples || bytes_ + bytes > kChunkStringBytes) flush();
    append(samples_, from, at);
    bytes_ += bytes;
  }
  void flush() {
    if (samples_.size() == 0) return;
    Rewrite::Chunk& chunk = out_.emplace_back();
    chunk.first = samples_.block.times.front();
    chunk.last = samples_.block.times.back();
    chunk.count = samples_.size();
    const auto& sequences = samples_.sequences;
    if (std::any_of(sequences.begin(), sequences.end(), [](auto s) { return s != 0; })) {
      chunk.sequences = encode_sequences(sequences);
    }
    chunk.data = sensing::encode_chunk(samples_.block);
    samples_.cut(0);
    bytes_ = 0;
  }

 private:
  std::vector<Rewrite::Chunk>& out_;
  Samples samples_;
  std::size_t bytes_ = 0;
};

}  // namespace

std::vector<Rewrite::Chunk> cut(const Samples& samples) {
  std::vector<Rewrite::Chunk> out;
  Cutter cutter(samples.block.kind, out);
  for (std::size_t at = 0; at < samples.size(); ++at) cutter.add(samples, at);
  cutter.flush();
  return out;
}

void append(Samples& to, const Samples& from, std::size_t at) {
  const std::uint64_t sequence = from.sequences.empty() ? 0 : from.sequences[at];
  if (sequence != 0 && to.sequences.empty()) to.sequences.resize(to.size(), 0);
  const bool counted = sequence != 0 || !to.sequences.empty();
  append(to.block, from.block, at);
  if (counted) to.sequences.push_back(sequence);
}

bool ascends(const Samples& samples) {
  return std::is_sorted(samples.block.times.begin(), samples.block.times.end());
}

void sort_by_time(Samples& samples) {
  std::vector<std::size_t> order(samples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto& times = samples.block.times;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return times[a] < times[b]; });
  Samples out;
  out.block.kind = samples.block.kind;
  for (const std::size_t at : order) append(out, samples, at);
  samples = std::move(out);
}

// Nothing: it does not verify, and is set aside.
Result<std::optional<Samples>> Merger::read(const ChunkScan& scan, Rewrite& out) {
  Samples samples;
  auto status = sensing::decode_chunk(scan.data(), samples.block);
  if (status.ok() && (samples.block.kind != kind_ || samples.size() != scan.count())) {
    status = base::Error(base::Code::kCorrupt, "expected as many samples as its row says");
  }
  if (status.ok() && scan.has_sequences()) {
    auto sequences = decode_sequences(scan.sequences(), samples.size());
    if (sequences.ok()) {
      samples.sequences = std::move(*sequences);
    } else {
      status = sequences.error();
    }
  }
  if (status.ok()) return std::optional<Samples>(std::move(samples));
  damaged_(scan.lost(), status.error());
  out.aside.push_back({scan.last(), scan.part(), scan.place()});
  return std::optional<Samples>();
}

// The chunks that end at `last`: they are read and written together, so that their parts stay in
// order.
Result<Merger::Group> Merger::group(Segment segment, TimeUs last, Rewrite& out) {
  Group group;
  LANDER_ASSIGN(ChunkScan scan, ChunkScan::begin(connection_, key_, segment, last, INT64_MAX));
  for (; scan.ready() && scan.last() == last;) {
    LANDER_ASSIGN(auto samples, read(scan, out));
    if (samples) {
      group.gone.emplace_back(scan.last(), scan.part());
      group.size += samples->size();
      for (const std::string& bytes : samples->block.strings) group.bytes += bytes.size();
      group.samples.push_back(std::move(*samples));
    }
    LANDER_TRY(scan.next());
  }
  return group;
}

void Merger::take(Group group, std::vector<Samples>& old, Rewrite& out) {
  out.gone.insert(out.gone.end(), group.gone.begin(), group.gone.end());
  std::move(group.samples.begin(), group.samples.end(), std::back_inserter(old));
}

// Small chunks before new samples become one with them, each time as many as came: so a sample is
// written again a few times only, until its chunk is full. `end`: those that end there or before.
Status Merger::take_small_before(Segment segment, TimeUs end, std::size_t count,
                                 std::vector<Samples>& old, Rewrite& out) {
  while (count < sensing::kChunkSamples) {
    TimeUs last = 0;
    std::int64_t size = 0;
    {
      LANDER_ASSIGN(Query row,
                    connection_.query("SELECT t_last,sum(count) FROM chunk WHERE series=? AND"
                                      " segment=? AND t_last=(SELECT max(t_last) FROM chunk WHERE"
                                      " series=?1 AND segment=?2 AND t_last<=?)"));
      row->bind(1, std::int64_t{key_}).bind(2, std::int64_t{segment}).bind(3, end);
      LANDER_ASSIGN(const bool found, row->step());
      if (!found || row->is_null(0)) return {};
      last = row->integer(0);
      size = row->integer(1);
    }
    const auto full = static_cast<std::int64_t>(sensing::kChunkSamples);
    if (size >= full || size > 2 * static_cast<std::int64_t>(count)) return {};
    // An earlier unit has it, or stands between it and this one.
    if (!out.chunks.empty() && last <= out.chunks.back().last) return {};
    LANDER_ASSIGN(Group found, group(segment, last, out));
    if (found.samples.empty() || found.bytes >= kFullStringBytes) return {};
    count += found.size;
    take(std::move(found), old, out);
    if (last == INT64_MIN) return {};
    end = last - 1;  // the one before it in any case, though it may end where this one begins
  }
  return {};
}

// Writes `old` and samples [from, to) as one.
Status Merger::unit(Segment segment, const Samples& samples, std::size_t from, std::size_t to,
                    TimeUs within, std::vector<Samples> old, Rewrite& out) {
  std::size_t count = to - from;
  for (const Samples& one : old) count += one.size();
  // What was taken ends at `within`; what small ones may come before it end earlier.
  const TimeUs end = old.empty() ? samples.block.times[from] : minus(within, 1);
  LANDER_TRY(take_small_before(segment, end, count, old, out));
  std::stable_sort(old.begin(), old.end(), [](const Samples& a, const Samples& b) {
    return a.block.times.front() < b.block.times.front();
  });
  Cutter cutter(kind_, out.chunks);
  for (const Samples& one : old) {
    for (std::size_t at = 0; at < one.size(); ++at) {
      for (; from < to && samples.block.times[from] < one.block.times[at]; ++from) {
        cutter.add(samples, from);
      }
      cutter.add(one, at);
    }
  }
  for (; from < to; ++from) cutter.add(samples, from);
  cutter.flush();
  return {};
}

Result<Rewrite> Merger::merge(Segment segment, const Samples& samples) {
  Rewrite out;
  out.segment = segment;
  const auto& times = samples.block.times;
  out.added = {segment, times.front(), times.back(), times.size(), times.back()};
  for (std::size_t at = 0; at < times.size();) {
    LANDER_ASSIGN(ChunkScan scan,
                  ChunkScan::begin(connection_, key_, segment, times[at], INT64_MAX));
    std::vector<Samples> old;
    std::size_t end = times.size();
    TimeUs last = INT64_MAX;
    if (scan.ready()) {
      const bool within = scan.first() <= times[at];
      // To the end of the chunk that this one falls into, or to where the next one begins.
      end = static_cast<std::size_t>(
          (within ? std::upper_bound(times.begin(), times.end(), scan.last())
                  : std::lower_bound(times.begin(), times.end(), scan.first())) -
          times.begin());
      last = scan.last();
      if (within) {
        LANDER_ASSIGN(Group found, group(segment, last, out));
        take(std::move(found), old, out);
      }
    }
    LANDER_TRY(unit(segment, samples, at, end, last, std::move(old), out));
    at = end;
  }
  LANDER_TRY(roll_up_new(segment, samples, out));
  return out;
}

Status Merger::roll_up_new(Segment segment, const Samples& samples, Rewrite& out) {
  out.hours = roll_up(samples.block, Level::kHour, INT64_MIN);
  const TimeUs first = samples.block.times.front(), last = samples.block.times.back();
  {
    LANDER_ASSIGN(Query row, connection_.query("SELECT t_last,minutes_from FROM extent WHERE"
                                               " series=? AND segment=?"));
    row->bind(1, std::int64_t{key_}).bind(2, std::int64_t{segment});
    LANDER_ASSIGN(const bool known, row->step());
    if (known && !row->is_null(1)) out.minutes_from = row->integer(1);
    const std::int64_t minutes = minus(last, first) / base::kMinute + 1;
    const bool dense = sensing::is_numeric(kind_) &&
                       static_cast<std::int64_t>(samples.size()) / minutes >= kDensePerMinute;
    // From where on they are complete: after all that stands there.
    if (!out.minutes_from && dense) {
      out.minutes_from =
          known ? ceil_to(plus(row->integer(0), 1), base::kMinute) : floor_to(first, base::kMinute);
    }
  }
  if (out.minutes_from) out.minutes = roll_up(samples.block, Level::kMinute, *out.minutes_from);
  LANDER_ASSIGN(Query rows,
                connection_.query("SELECT t_first,t_last FROM thinned WHERE series=? AND segment=?"
                                  " AND level=0 AND t_last>=? AND t_first<=?"));
  rows->bind(1, std::int64_t{key_}).bind(2, std::int64_t{segment}).bind(3, first).bind(4, last);
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    // Where minutes are all that was kept, what comes late counts in them too.
    const TimeUs from = floor_to(rows->integer(0), base::kMinute);
    const TimeUs to = ceil_to(plus(rows->integer(1), 1), base::kMinute);
    for (const auto& [time, summary] : roll_up(samples.block, Level::kMinute, from)) {
      if (time < to && !(out.minutes_from && time >= *out.minutes_from)) {
        out.minutes.emplace(time, summary);
      }
    }
  }
}

}  // namespace lander::store
