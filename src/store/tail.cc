#include "store/tail.h"

#include <algorithm>

namespace lander::store {

void Tail::add(const TailFrame& frame) {
  LANDER_CHECK(frames_.empty() || frame.id > frames_.back().id);
  frames_.push_back(frame);
  observations_ += frame.count;
  bytes_ += frame.bytes;
}

std::vector<TailFrame>::const_iterator Tail::from(std::int64_t after) const {
  return std::upper_bound(frames_.begin(), frames_.end(), after,
                          [](std::int64_t id, const TailFrame& frame) { return id < frame.id; });
}

void Tail::forget(std::int64_t through) {
  const auto end = from(through);
  for (auto at = frames_.cbegin(); at != end; ++at) {
    observations_ -= at->count;
    bytes_ -= at->bytes;
  }
  frames_.erase(frames_.cbegin(), end);
}

std::pair<base::DurationUs, base::DurationUs> offsets_of(const sensing::ClockBook& book,
                                                         Segment segment) {
  const auto& segments = book.segments();
  if (segment >= segments.size()) return {0, 0};
  std::pair<base::DurationUs, base::DurationUs> out{segments[segment].offset,
                                                    segments[segment].offset};
  const auto include = [&](base::DurationUs offset) {
    out.first = std::min(out.first, offset);
    out.second = std::max(out.second, offset);
  };
  const auto of_boot = [&](std::size_t at) { return segments[at].boot == segments[segment].boot; };
  std::size_t at = segment;
  while (at > 0 && of_boot(at - 1)) --at;
  for (; at < segments.size() && of_boot(at); ++at) {
    include(segments[at].offset);
    if (book.has_foreign(at)) include(0);
  }
  return out;
}

std::vector<TailFrame> Tail::overlapping(std::int64_t after, const sensing::ClockBook& book,
                                         base::TimeUs from_time, base::TimeUs to) const {
  std::vector<TailFrame> out;
  Segment segment = kNoSegment;
  std::pair<base::DurationUs, base::DurationUs> offsets{0, 0};
  for (auto at = from(after); at != frames_.end(); ++at) {
    if (at->segment != segment) offsets = offsets_of(book, segment = at->segment);
    if (plus(at->last, offsets.second) >= from_time && plus(at->first, offsets.first) < to) {
      out.push_back(*at);
    }
  }
  return out;
}

std::vector<TailFrame> Tail::after(std::int64_t id) const { return {from(id), frames_.end()}; }

}  // namespace lander::store
