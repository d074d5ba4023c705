#include "store/timeline.h"

#include <algorithm>

namespace lander::store {

Segment place(const sensing::ClockBook& book, const Stamp& stamp, base::TimeUs claimed) {
  const auto found = book.find(stamp.boot, stamp.monotonic, claimed);
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
    whole.changed = true;
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

std::vector<base::DurationUs> offsets_of(const sensing::ClockBook& book,
                                         const std::vector<Extent>& extents, base::TimeUs from,
                                         base::TimeUs to) {
  std::vector<base::DurationUs> out;
  for (const Extent& extent : extents) {
    // 0 as well: claims of sources with clocks of their own are taken as they are.
    for (const base::DurationUs offset :
         {extent.segment < book.segments().size() ? book.segments()[extent.segment].offset : 0,
          base::DurationUs{0}}) {
      if (extent.last >= minus(from, offset) && extent.first < minus(to, offset)) {
        out.push_back(offset);
      }
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::pair<base::TimeUs, base::TimeUs> span_of(const sensing::ClockBook& book,
                                              const std::vector<Extent>& extents,
                                              base::DurationUs offset) {
  std::pair<base::TimeUs, base::TimeUs> out{INT64_MAX, INT64_MIN};
  for (const Extent& extent : extents) {
    const bool has = offset == 0 || (extent.segment < book.segments().size() &&
                                     book.segments()[extent.segment].offset == offset);
    if (!has) continue;
    out.first = std::min(out.first, extent.first);
    out.second = std::max(out.second, plus(extent.last, 1));
  }
  return out;
}

}  // namespace lander::store
