#include <algorithm>
#include <optional>

#include "sensing/chunk.h"
#include "store/feed.h"

namespace lander::store {
namespace {

using base::Code;
using base::DurationUs;
using base::Error;
using base::Result;
using base::Status;
using base::TimeUs;
using sensing::Summary;

constexpr std::size_t kMaxBuckets = 10'000;
// Below these a bucket is made of the next finer level; above them it is rounded up to whole units.
constexpr DurationUs kMinuteFrom = 15 * base::kSecond;
constexpr DurationUs kHourFrom = 20 * base::kMinute;

// Equal spans from `start`.
struct Grid {
  TimeUs start = 0;
  DurationUs span = 1;
  DurationUs unit = 0;  // of the rollups it is made of; 0: raw samples only

  static Grid over(TimeUs from, TimeUs to, std::size_t buckets) {
    const auto spans = [&](TimeUs start, DurationUs unit) {
      const auto width = static_cast<unsigned __int128>(to) - static_cast<unsigned __int128>(start);
      const auto parts =
          static_cast<unsigned __int128>(buckets) * static_cast<unsigned __int128>(unit);
      return static_cast<DurationUs>((width + parts - 1) / parts) * unit;
    };
    Grid grid{from, spans(from, 1), 0};
    if (grid.span < kMinuteFrom) return grid;
    grid.unit = grid.span < kHourFrom ? base::kMinute : base::kHour;
    grid.start = floor_to(from, grid.unit);
    grid.span = spans(grid.start, grid.unit);
    return grid;
  }
};

// Counts into the grid's buckets, from whole rollups where the range covers them and from ever
// finer ones, down to samples, at its edges.
class Counter {
 public:
  Counter(const Order& order, const Grid& grid, std::vector<Summary>& out)
      : order_(order), grid_(grid), out_(out) {}

  // The chunks of one segment, of claims that differ by `offset` from UTC.
  Status chunks(const Extent& extent, DurationUs offset) {
    segment_ = extent.segment;
    offset_ = offset;
    const TimeUs from = std::max(minus(order_.from, offset), extent.first);
    const TimeUs to = std::min(minus(order_.to, offset), plus(extent.last, 1));
    if (from >= to) return {};
    if (grid_.unit == 0) return minutes_or_samples(from, to, false);
    if (grid_.unit == base::kMinute) return minutes_or_samples(from, to, true);
    return hours(minus(order_.from, offset), minus(order_.to, offset));
  }

  Status tail(const std::vector<TailFrame>& frames) {
    return visit_frames(order_, frames, [&](const Samples& s, std::size_t at, Segment segment) {
      const TimeUs utc = to_utc(*order_.book, segment, s.block.times[at]).time;
      if (utc >= order_.from && utc < order_.to) count_sample(utc, s.block, at);
    });
  }

 private:
  Status hours(TimeUs from, TimeUs to) {
    const TimeUs first = ceil_to(from, base::kHour), end = floor_to(to, base::kHour);
    if (first >= end) return minutes_or_samples(from, to, true);
    LANDER_TRY(minutes_or_samples(from, first, true));
    LANDER_TRY(rows(Level::kHour, first, end));
    return minutes_or_samples(end, to, true);
  }

  // Whole minutes from their rows where these are complete; the rest from samples. What was thinned
  // counts by what was kept of it.
  Status minutes_or_samples(TimeUs from, TimeUs to, bool whole_minutes) {
    if (from >= to) return {};
    LANDER_ASSIGN(const std::vector<Kept> kept, thinned(from, to));
    LANDER_ASSIGN(const std::optional<TimeUs> complete, minutes_from());
    TimeUs at = from;
    for (const Kept& span : kept) {
      LANDER_TRY(fine(at, std::max(at, span.from), whole_minutes, complete));
      // A row that begins within the range; so does each exactly once.
      LANDER_TRY(rows(span.level, std::max(at, span.from), std::min(to, span.to)));
      at = std::max(at, std::min(to, span.to));
    }
    return fine(at, to, whole_minutes, complete);
  }

  Status fine(TimeUs from, TimeUs to, bool whole_minutes, std::optional<TimeUs> complete) {
    if (from >= to) return {};
    if (!whole_minutes || !complete) return samples(from, to);
    const TimeUs first = ceil_to(std::max(from, *complete), base::kMinute);
    const TimeUs end = floor_to(to, base::kMinute);
    if (first >= end) return samples(from, to);
    LANDER_TRY(samples(from, first));
    LANDER_TRY(rows(Level::kMinute, first, end));
    return samples(end, to);
  }

  struct Kept {
    TimeUs from, to;
    Level level;
  };
  Result<std::vector<Kept>> thinned(TimeUs from, TimeUs to) {
    std::vector<Kept> out;
    LANDER_ASSIGN(Query query,
                  order_.connection->query("SELECT t_first,t_last,level FROM thinned WHERE series=?"
                                           " AND segment=? AND t_last>=? AND t_first<?"
                                           " ORDER BY t_first"));
    query->bind(1, std::int64_t{order_.key}).bind(2, std::int64_t{segment_});
    query->bind(3, from).bind(4, to);
    for (;;) {
      LANDER_ASSIGN(const bool row, query->step());
      if (!row) return out;
      if (query->is_null(2)) continue;  // nothing was kept
      const auto level = static_cast<Level>(query->integer(2));
      out.push_back({floor_to(query->integer(0), unit_of(level)),
                     ceil_to(plus(query->integer(1), 1), unit_of(level)), level});
    }
  }

  Result<std::optional<TimeUs>> minutes_from() {
    LANDER_ASSIGN(Query query, order_.connection->query(
                                   "SELECT minutes_from FROM extent WHERE series=? AND segment=?"));
    query->bind(1, std::int64_t{order_.key}).bind(2, std::int64_t{segment_});
    LANDER_ASSIGN(const bool row, query->step());
    if (!row || query->is_null(0)) return std::optional<TimeUs>();
    return std::optional<TimeUs>(query->integer(0));
  }

  Status rows(Level level, TimeUs from, TimeUs to) {
    if (from >= to) return {};
    LANDER_ASSIGN(Query query,
                  order_.connection->query("SELECT t,count,others,least,most,sum FROM rollup WHERE"
                                           " series=? AND segment=? AND level=? AND t>=? AND t<?"));
    query->bind(1, std::int64_t{order_.key}).bind(2, std::int64_t{segment_});
    query->bind(3, static_cast<std::int64_t>(level)).bind(4, from).bind(5, to);
    // A rollup that straddles two buckets goes by its middle; one that fits a bucket needs no care.
    const DurationUs middle = offset_ % unit_of(level) == 0 ? 0 : unit_of(level) / 2;
    for (;;) {
      LANDER_ASSIGN(const bool row, query->step());
      if (!row) return {};
      const TimeUs claimed = query->integer(0);
      if (minus(to_utc(*order_.book, segment_, claimed).time, claimed) != offset_) continue;
      bucket(plus(plus(claimed, offset_), middle))
          .add(Summary{query->integer(1), query->integer(2), query->real(3), query->real(4),
                       query->real(5)});
    }
  }

  Status samples(TimeUs from, TimeUs to) {
    if (from >= to) return {};
    LANDER_ASSIGN(ChunkScan scan,
                  ChunkScan::begin(*order_.connection, order_.key, segment_, from, to));
    for (; scan.ready();) {
      const auto decoded = sensing::decode_chunk(scan.data(), block_);
      if (!decoded.ok() || block_.kind != order_.kind) {
        order_.damage(scan.lost(), decoded.ok() ? base::Error(Code::kCorrupt, "of another kind")
                                                : decoded.error());
      } else {
        const auto& times = block_.times;
        auto at = std::lower_bound(times.begin(), times.end(), from) - times.begin();
        for (; at < static_cast<std::ptrdiff_t>(times.size()); ++at) {
          const auto i = static_cast<std::size_t>(at);
          if (times[i] >= to) break;
          const TimeUs utc = to_utc(*order_.book, segment_, times[i]).time;
          if (minus(utc, times[i]) == offset_) count_sample(utc, block_, i);
        }
      }
      LANDER_TRY(scan.next());
    }
    return {};
  }

  void count_sample(TimeUs utc, const sensing::Block& block, std::size_t at) {
    bucket(utc).add(number_at(block, at), block.qualities[at]);
  }

  Summary& bucket(TimeUs utc) {
    // The last one that was used is nearly always the one.
    const auto from_start =
        static_cast<std::uint64_t>(utc) - static_cast<std::uint64_t>(grid_.start);
    if (from_start - last_begin_ < static_cast<std::uint64_t>(grid_.span)) return out_[last_];
    const auto at = from_start / static_cast<std::uint64_t>(grid_.span);
    last_ = std::min<std::size_t>(at, out_.size() - 1);
    last_begin_ = last_ * static_cast<std::uint64_t>(grid_.span);
    return out_[last_];
  }

  const Order& order_;
  const Grid& grid_;
  std::vector<Summary>& out_;
  Segment segment_ = kNoSegment;
  DurationUs offset_ = 0;
  sensing::Block block_;
  std::size_t last_ = 0;
  std::uint64_t last_begin_ = 0;
};

}  // namespace

Result<std::vector<Bucket>> SqliteStore::downsample(SeriesKey key, TimeUs from, TimeUs to,
                                                    std::size_t buckets) const {
  if (buckets == 0 || buckets > kMaxBuckets) {
    return Error(Code::kInvalid, "buckets: expected 1 to 10000");
  }
  if (from >= to) return Error(Code::kInvalid, "expected a range that ends after it begins");
  LANDER_ASSIGN(const std::unique_ptr<Reading> reading, Reading::begin(*this, key, from, to));
  const Grid grid = Grid::over(from, to, buckets);
  std::vector<Summary> summaries(buckets);
  const Order order{
      &reading->connection(),
      &reading->book(),
      key,
      reading->kind(),
      from,
      to,
      [&](const Lost& lost, const Error& error) { found_damage(lost, reading->book(), error); }};
  Counter counter(order, grid, summaries);
  for (const Extent& extent : reading->extents()) {
    for (const DurationUs offset : offsets_in(reading->book(), extent.segment)) {
      LANDER_TRY(counter.chunks(extent, offset));
    }
  }
  LANDER_TRY(counter.tail(reading->frames()));
  std::vector<Bucket> out;
  for (std::size_t i = 0; i < buckets; ++i) {
    if (summaries[i].count + summaries[i].others == 0) continue;
    const auto from_start = static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(grid.span);
    out.push_back(
        {static_cast<TimeUs>(static_cast<std::uint64_t>(grid.start) + from_start), summaries[i]});
  }
  return out;
}

}  // namespace lander::store
