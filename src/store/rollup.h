// Rollups: summaries of minutes and hours in claimed time, per series and clock segment, of what
// stands in chunks, so that a plot of a year reads thousands of rows and not millions of samples.
// Every hour has its row; minutes have theirs where the samples are so dense that the rows cost
// little (extent.minutes_from), or where they are all that thinning left.
#pragma once

#include <map>

#include "sensing/block.h"
#include "store/connection.h"
#include "store/timeline.h"

namespace lander::store {

enum class Level : std::uint8_t { kMinute = 0, kHour = 1 };
constexpr base::DurationUs unit_of(Level level) {
  return level == Level::kMinute ? base::kMinute : base::kHour;
}

using Rollups = std::map<base::TimeUs, sensing::Summary>;  // by the start of the unit

// The value as as_number() tells it.
double number_at(const sensing::Block& block, std::size_t at);
// Of samples from `from` on.
Rollups roll_up(const sensing::Block& block, Level level, base::TimeUs from);
// Adds them to the table.
base::Status add_rollups(Connection& connection, std::uint32_t series, Segment segment, Level level,
                         const Rollups& rollups);

}  // namespace lander::store
