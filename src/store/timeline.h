// From what the clock claimed to UTC, for whole blocks and rollups; saturating arithmetic of times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "sensing/clock.h"

namespace lander::store {

using Segment = std::uint32_t;  // index in the ClockBook
inline constexpr Segment kNoSegment = UINT32_MAX;

// When a commit happened, by the clock that never jumps.
struct Stamp {
  std::string boot;
  base::DurationUs monotonic = 0;
};

// What a series has within one segment, in claimed time. Both ends inclusive.
struct Extent {
  Segment segment = 0;
  base::TimeUs first = 0, last = 0;
  std::uint64_t count = 0;
  base::TimeUs chunked = INT64_MIN;  // the last of what stands in chunks
};

// Observations that cannot be read, and where they should stand: times are claimed, both ends
// inclusive.
struct Lost {
  std::string place;         // "frame 7", "chunk 1/0/1795000000000000/0"
  std::uint32_t series = 0;  // 0: of no one series
  Segment segment = kNoSegment;
  base::TimeUs first = 0, last = 0;
  std::uint64_t observations = 0;
};

// Tells which segment a commit's observations belong to.
class Placer {
 public:
  Placer(const sensing::ClockBook& book, const Stamp& stamp);
  Segment operator()(base::TimeUs claimed) const;
  bool only_one() const { return only_.has_value(); }  // whatever is claimed

 private:
  const sensing::ClockBook& book_;
  const Stamp& stamp_;
  std::optional<std::size_t> only_;
};

inline base::TimeUs minus(base::TimeUs a, base::DurationUs b) {
  base::TimeUs out = 0;
  if (!__builtin_sub_overflow(a, b, &out)) return out;
  return b > 0 ? INT64_MIN : INT64_MAX;
}
inline base::TimeUs plus(base::TimeUs a, base::DurationUs b) {
  base::TimeUs out = 0;
  if (!__builtin_add_overflow(a, b, &out)) return out;
  return b < 0 ? INT64_MIN : INT64_MAX;
}
inline base::TimeUs floor_to(base::TimeUs time, base::DurationUs unit) {
  const base::DurationUs over = (time % unit + unit) % unit;
  return minus(time, over);
}
inline base::TimeUs ceil_to(base::TimeUs time, base::DurationUs unit) {
  const base::TimeUs floor = floor_to(time, unit);
  return floor == time ? time : plus(floor, unit);
}

sensing::ClockBook::Utc to_utc(const sensing::ClockBook& book, Segment segment,
                               base::TimeUs claimed);

Extent& extent_of(std::vector<Extent>& extents, Segment segment, base::TimeUs time);
void merge(std::vector<Extent>& into, const std::vector<Extent>& from);
// The one whose last sample is the newest in UTC; null when there is none.
const Extent* newest_extent(const sensing::ClockBook& book, const std::vector<Extent>& extents);

// The differences UTC - claimed that data of a segment can have: one, or two where claims of
// sources with clocks of their own are taken as they are.
std::vector<base::DurationUs> offsets_in(const sensing::ClockBook& book, Segment segment);

}  // namespace lander::store
