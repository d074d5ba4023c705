#include <algorithm>

#include "store/reading.h"

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

// Counts what has one difference between UTC and claimed time, in whole rollups where the range
// covers them and in ever finer ones, down to samples, at its edges.
class Counter {
 public:
  Counter(Connection& connection, const sensing::ClockBook& book, SeriesKey key,
          const std::vector<OpenMinute>& open, const Grid& grid, std::vector<Summary>& out)
      : connection_(connection), book_(book), key_(key), open_(open), grid_(grid), out_(out) {}

  Status count(TimeUs from, TimeUs to, DurationUs offset) {
    offset_ = offset;
    if (grid_.unit == 0) return samples(from, to);
    return rollups(grid_.unit == base::kHour ? Level::kHour : Level::kMinute, from, to);
  }

 private:
  Status rollups(Level level, TimeUs from, TimeUs to) {
    const DurationUs unit = unit_of(level);
    const auto finer = [&](TimeUs a, TimeUs b) {
      if (a >= b) return Status();
      return level == Level::kHour ? rollups(Level::kMinute, a, b) : samples(a, b);
    };
    const TimeUs first = ceil_to(from, unit), end = floor_to(to, unit);
    if (first >= end) return finer(from, to);
    LANDER_TRY(finer(from, first));
    LANDER_TRY(rows(level, first, end));
    for (const OpenMinute& minute : open_) {
      if (minute.minute < first || minute.minute >= end) continue;
      add(minute.segment, minute.minute, base::kMinute, minute.summary);
    }
    return finer(end, to);
  }

  Status rows(Level level, TimeUs from, TimeUs to) {
    LANDER_ASSIGN(Query query,
                  connection_.query("SELECT t,segment,count,others,least,most,sum FROM rollup"
                                    " WHERE series=? AND level=? AND t>=? AND t<?"));
    query->bind(1, std::int64_t{key_}).bind(2, static_cast<std::int64_t>(level));
    query->bind(3, from).bind(4, to);
    for (;;) {
      LANDER_ASSIGN(const bool row, query->step());
      if (!row) return {};
      const Summary summary{query->integer(2), query->integer(3), query->real(4), query->real(5),
                            query->real(6)};
      add(static_cast<Segment>(query->integer(1)), query->integer(0), unit_of(level), summary);
    }
  }

  Status samples(TimeUs from, TimeUs to) {
    LANDER_ASSIGN(BlockScan scan, BlockScan::begin(connection_, key_, from, to));
    while (scan.ready()) {
      LANDER_ASSIGN(const StoredBlock stored, scan.take());
      const sensing::Block& block = stored.block;
      for (std::size_t i = 0; i < block.size(); ++i) {
        const TimeUs claimed = block.times[i];
        if (claimed < from || claimed >= to) continue;
        Summary* summary = bucket(place(book_, stored.stamp, claimed), claimed, 0);
        if (summary == nullptr) continue;
        summary->add(sensing::as_number(value_at(block, i)), block.qualities[i]);
      }
    }
    return {};
  }

  void add(Segment segment, TimeUs claimed, DurationUs width, const Summary& summary) {
    // A rollup that straddles two buckets goes by its middle; one that fits a bucket needs no care.
    const DurationUs odd = offset_ % width;
    if (Summary* into = bucket(segment, claimed, odd == 0 ? 0 : width / 2)) into->add(summary);
  }

  // Null: of another offset, and so counted in another pass.
  Summary* bucket(Segment segment, TimeUs claimed, DurationUs middle) {
    if (minus(to_utc(book_, segment, claimed).time, claimed) != offset_) return nullptr;
    const TimeUs utc = plus(plus(claimed, offset_), middle);
    const auto at = (static_cast<std::uint64_t>(utc) - static_cast<std::uint64_t>(grid_.start)) /
                    static_cast<std::uint64_t>(grid_.span);
    return &out_[std::min<std::size_t>(at, out_.size() - 1)];
  }

  Connection& connection_;
  const sensing::ClockBook& book_;
  SeriesKey key_;
  const std::vector<OpenMinute>& open_;
  const Grid& grid_;
  std::vector<Summary>& out_;
  DurationUs offset_ = 0;
};

}  // namespace

Result<std::vector<Bucket>> SqliteStore::downsample(SeriesKey key, TimeUs from, TimeUs to,
                                                    std::size_t buckets) const {
  if (buckets == 0 || buckets > kMaxBuckets) {
    return Error(Code::kInvalid, "buckets: expected 1 to 10000");
  }
  if (from >= to) return Error(Code::kInvalid, "expected a range that ends after it begins");
  LANDER_ASSIGN(const std::unique_ptr<Reading> reading, Reading::begin(*this, key));
  const Grid grid = Grid::over(from, to, buckets);
  std::vector<sensing::Summary> summaries(buckets);
  Counter counter(reading->connection(), reading->book(), key, reading->open(), grid, summaries);
  for (const DurationUs offset : offsets_of(reading->book(), reading->extents(), from, to)) {
    LANDER_TRY(counter.count(minus(from, offset), minus(to, offset), offset));
  }
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
