// What thinning and wiping let go: a span of one segment of a series.
#pragma once

#include "store/sqlite_store.h"

namespace lander::store {

struct SqliteStore::Cut {
  SeriesKey key = 0;
  Segment segment = kNoSegment;
  std::optional<Level> keep;
  base::TimeUs from = 0, to = 0;  // claimed, whole hours
  bool summaries = false;         // of which summaries stand only
  bool within = false;  // what came late for a span that went before: `keep` is what it keeps
  bool wiped = false;   // carried off, not for room
};

}  // namespace lander::store
