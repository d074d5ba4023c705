// What compaction writes. Pure.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "store/frame.h"
#include "store/rollup.h"

namespace lander::store {

// What one step writes for one segment of a series.
struct Rewrite {
  struct Chunk {
    base::TimeUs first = 0, last = 0;
    std::size_t count = 0;
    base::Bytes sequences, data;
  };
  Segment segment = kNoSegment;
  std::vector<std::pair<base::TimeUs, std::int64_t>> gone;  // t_last, part
  struct Aside {
    base::TimeUs last = 0;
    std::int64_t part = 0;
    std::string place;
  };
  std::vector<Aside> aside;  // those that do not verify
  std::vector<Chunk> chunks;
  Extent added;  // what is new in them
  std::optional<base::TimeUs> minutes_from;
  Rollups minutes, hours;  // of what is new
};

// Chunks of ascending samples of one series and segment.
std::vector<Rewrite::Chunk> cut(const Samples& samples);

void append(Samples& to, const Samples& from, std::size_t at);
bool ascends(const Samples& samples);
void sort_by_time(Samples& samples);

}  // namespace lander::store
