// Rollups: summaries of minutes and hours in claimed time, per series and clock segment, so that a
// plot of a year reads thousands of rows and not billions of samples.
//
// A sample counts first in its series' open minutes, in memory, and goes to the tables with the
// next flush, in the transaction of a commit; what was not flushed is counted again from the blocks
// when the store is opened. Rows are added to, never replaced: late data needs no path of its own.
#pragma once

#include <vector>

#include "sensing/block.h"
#include "store/connection.h"
#include "store/timeline.h"

namespace lander::store {

enum class Level : std::uint8_t { kMinute = 0, kHour = 1 };
constexpr base::DurationUs unit_of(Level level) {
  return level == Level::kMinute ? base::kMinute : base::kHour;
}

struct OpenMinute {
  Segment segment = 0;
  base::TimeUs minute = 0;  // claimed
  sensing::Summary summary;
};

// The minute of this segment and time; made when it is not there. The last ones are found fastest.
sensing::Summary& minute_of(std::vector<OpenMinute>& minutes, Segment segment, base::TimeUs time);
void merge(std::vector<OpenMinute>& into, const std::vector<OpenMinute>& from);

// Adds them to the tables, as minutes and as hours.
base::Status write_rollups(Connection& connection, std::uint32_t series,
                           const std::vector<OpenMinute>& minutes);

}  // namespace lander::store
