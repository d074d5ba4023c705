// The tail: what came since the last compaction, as the store remembers it in memory: where its
// frames are and what time they span. Their bytes stand in the database. Pure; the store's state
// lock guards it.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "store/timeline.h"

namespace lander::store {

struct TailFrame {
  std::int64_t id = 0;               // ascending
  base::TimeUs first = 0, last = 0;  // claimed, of all its observations
  std::uint32_t count = 0, bytes = 0;
  Segment segment =
      kNoSegment;  // one of those that its observations may belong to: all of one boot
};

// How far compaction is. Series up to `series` have the frames up to `bunch` in their chunks
// already, all others those up to `through`.
struct Progress {
  std::int64_t through = 0;
  std::int64_t bunch = 0;  // `through` when none is under way
  std::int64_t series = 0;
  // The last frame that this series' chunks hold.
  std::int64_t of(std::int64_t key) const { return key <= series ? bunch : through; }
  bool under_way() const { return bunch > through; }
};

// By how much the UTC of a frame's observations may differ from what they claim: from .first to
// .second.
std::pair<base::DurationUs, base::DurationUs> offsets_of(const sensing::ClockBook& book,
                                                         Segment segment);

class Tail {
 public:
  void add(const TailFrame& frame);
  void forget(std::int64_t through);  // frames up to this one
  const std::vector<TailFrame>& frames() const { return frames_; }
  std::uint64_t observations() const { return observations_; }
  std::uint64_t bytes() const { return bytes_; }
  // Frames after `after` that may hold times in [from, to) UTC.
  std::vector<TailFrame> overlapping(std::int64_t after, const sensing::ClockBook& book,
                                     base::TimeUs from, base::TimeUs to) const;
  std::vector<TailFrame> after(std::int64_t id) const;

 private:
  std::vector<TailFrame>::const_iterator from(std::int64_t after) const;
  std::vector<TailFrame> frames_;
  std::uint64_t observations_ = 0, bytes_ = 0;
};

}  // namespace lander::store
