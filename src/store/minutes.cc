#include <algorithm>

#include "store/feed.h"

namespace lander::store {
namespace {

using base::Result;
using base::Status;
using base::TimeUs;

using Summaries = std::map<SeriesKey, std::vector<sensing::Summary>>;  // by minute from `from`

struct Span {
  TimeUs from, to;
  std::size_t minutes() const { return static_cast<std::size_t>((to - from) / base::kMinute); }
};

// Counts one frame's samples of these series.
Status count_minutes(const StoredFrame& stored, const sensing::ClockBook& book, const Span& span,
                     const std::map<SeriesKey, sensing::Kind>& series, Summaries& out) {
  LANDER_ASSIGN(FrameReader reader, FrameReader::open(stored.data));
  const Placer place(book, stored.stamp);
  Samples samples;
  for (;;) {
    LANDER_ASSIGN(const bool more, reader.next());
    if (!more) return {};
    const auto wanted = series.find(reader.series());
    if (wanted == series.end()) continue;
    samples.cut(0);
    LANDER_TRY(reader.append_to(wanted->second, samples));
    auto& summaries = out[reader.series()];
    summaries.resize(span.minutes());
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const TimeUs claimed = samples.block.times[i];
      const TimeUs utc = to_utc(book, place(claimed), claimed).time;
      if (utc < span.from || utc >= span.to) continue;
      summaries[static_cast<std::size_t>((utc - span.from) / base::kMinute)].add(
          number_at(samples.block, i), samples.block.qualities[i]);
    }
  }
}

}  // namespace

Result<std::vector<Store::Minute>> SqliteStore::minutes(TimeUs from, TimeUs to) const {
  const Span span{from, to};
  if (from % base::kMinute != 0 || to % base::kMinute != 0 || from >= to ||
      minus(to, from) > base::kHour) {
    return base::Error(base::Code::kInvalid, "expected whole minutes, at most an hour of them");
  }
  Reading::Parts parts;
  Summaries summaries;
  {
    LANDER_ASSIGN(const std::unique_ptr<Reading> reading, Reading::begin(*this, from, to, parts));
    for (const TailFrame& frame : reading->frames()) {
      LANDER_ASSIGN(const StoredFrame stored, load_frame(reading->connection(), frame.id));
      auto counted = count_minutes(stored, reading->book(), span, parts.tail_only, summaries);
      if (!counted.ok()) {
        found_damage(lost_with(frame), reading->book(), counted.error());
      }
    }
  }
  std::vector<Minute> out;
  for (const auto& [key, minutes] : summaries) {
    for (std::size_t i = 0; i < minutes.size(); ++i) {
      if (minutes[i].count + minutes[i].others == 0) continue;
      out.push_back({key, from + static_cast<base::DurationUs>(i) * base::kMinute, minutes[i]});
    }
  }
  for (const SeriesKey key : parts.others) {
    LANDER_ASSIGN(const auto buckets, downsample(key, from, to, span.minutes()));
    for (const Bucket& bucket : buckets) out.push_back({key, bucket.from, bucket.summary});
  }
  return out;
}

}  // namespace lander::store
