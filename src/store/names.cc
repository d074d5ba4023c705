#include "store/store.h"

namespace lander::store {

std::string_view to_string(Gap::Why why) {
  static constexpr std::string_view kNames[] = {"damaged", "thinned", "wiped"};
  return kNames[static_cast<std::uint8_t>(why)];
}

std::string_view to_string(Incident::Kind kind) {
  static constexpr std::string_view kNames[] = {"damaged", "thinned", "disk-full", "disk-failed",
                                                "wiped"};
  return kNames[static_cast<std::uint8_t>(kind)];
}

}  // namespace lander::store
