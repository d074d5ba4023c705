#include "link/codec.h"

namespace lander::link {

base::Result<std::uint8_t> read_lane(base::CborReader& in) {
  return in.enumerator(kLanes, "a lane");
}

void put_ranges(base::CborWriter& out, const Ranges& ranges) {
  out.array(2 * ranges.ranges().size());
  for (const auto& [first, last] : ranges.ranges()) {
    out.unsigned_integer(first).unsigned_integer(last);
  }
}

base::Result<Ranges> read_ranges(base::CborReader& in) {
  LANDER_ASSIGN(const std::uint64_t numbers, in.array());
  if (numbers % 2 != 0 || numbers > 2 * Ranges::kMax) return in.corrupt("at most 4096 pairs");
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (std::uint64_t i = 0; i < numbers; i += 2) {
    LANDER_ASSIGN(const std::uint64_t first, in.unsigned_integer());
    LANDER_ASSIGN(const std::uint64_t last, in.unsigned_integer());
    ranges.emplace_back(first, last);
  }
  return Ranges::from(ranges);
}

}  // namespace lander::link
