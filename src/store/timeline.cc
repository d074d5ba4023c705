#include "store/timeline.h"

#include <algorithm>

namespace lander::store {

Placer::Placer(const sensing::ClockBook& book, const Stamp& stamp)
    : book_(book), stamp_(stamp), only_(book.only(stamp.boot, stamp.monotonic)) {}

Segment Placer::operator()(base::TimeUs claimed) const {
  const auto found = only_ ? only_ : book_.find(stamp_.boot, stamp_.monotonic, claimed);
  return found ? static_cast<Segment>(*found) : kNoSegment;
}

sensing::ClockBook::Utc to_utc(const sensing::ClockBook& book, Segment segment,
                               base::TimeUs claimed) {
  if (segment >= book.segments().size()) return {claimed, INT64_MAX};
  return book.utc(segment, claimed);
}

Extent& extent_of(std::vector<Extent>& extents, Segment segment, base::TimeUs time) {
  for (auto at = extents.rbegin(); at != extents.rend(); ++at) {
    if (at->segment == segment) return *at;
  }
  return extents.emplace_back(Extent{segment, time, time, 0});
}

void merge(std::vector<Extent>& into, const std::vector<Extent>& from) {
  for (const Extent& extent : from) {
    Extent& whole = extent_of(into, extent.segment, extent.first);
    whole.first = std::min(whole.first, extent.first);
    whole.last = std::max(whole.last, extent.last);
    whole.count += extent.count;
    whole.chunked = std::max(whole.chunked, extent.chunked);
  }
}

const Extent* newest_extent(const sensing::ClockBook& book, const std::vector<Extent>& extents) {
  const Extent* best = nullptr;
  base::TimeUs best_time = 0;
  for (const Extent& extent : extents) {
    const base::TimeUs time = to_utc(book, extent.segment, extent.last).time;
    if (best != nullptr && time < best_time) continue;
    best = &extent;
    best_time = time;
  }
  return best;
}

std::vector<base::DurationUs> offsets_in(const sensing::ClockBook& book, Segment segment) {
  if (segment >= book.segments().size()) return {0};
  if (book.has_foreign(segment)) return {book.segments()[segment].offset, 0};
  return {book.segments()[segment].offset};
}

}  // namespace lander::store
