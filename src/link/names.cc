#include "link/link.h"

namespace lander::link {

std::string_view lane_name(std::uint8_t lane) {
  static constexpr std::string_view kNames[kLanes] = {"alert", "state", "summary", "bulk",
                                                      "pickup"};
  return lane < kLanes ? kNames[lane] : "unknown";
}

std::string_view to_string(Gone why) {
  static constexpr std::string_view kNames[] = {"expired", "thinned", "superseded", "lost"};
  return kNames[static_cast<std::uint8_t>(why)];
}

}  // namespace lander::link
