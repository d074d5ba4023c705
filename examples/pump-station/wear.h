// Pumps that ran until their bearing failed: what a fleet's historian would hold, for learning
// remaining life.
#pragma once

#include <cstdint>
#include <cstdio>

namespace pump_station {

// CSV to `out`: unit,hours,vibration [mm/s],current [A],bearing [Cel],flow [m3/h],discharge [bar],
// ambient [Cel]. One row an hour, the mean of some seconds; a unit's last row is that of its
// failure. Lives are 80 .. 320 hours and wear grows faster at the end, each pump in its own way.
// False: `out` did not take it all.
bool write_wear(std::FILE* out, int units, std::uint64_t seed);

}  // namespace pump_station
