// Ids that people need not type in full.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace lander::cli {

// UUIDv7 begins with the time, which neighbours share: the random end tells them apart.
std::string short_id(std::string_view id);
inline std::string short_digest(std::string_view digest) {
  return std::string(digest.substr(0, 12));
}

// The one id that is `given`, or begins or ends with it (at least 4 characters). kNotFound;
// kConflict lists those that fit. `what` names the kind in the message: "alert".
base::Result<std::string> match_id(std::span<const std::string> ids, std::string_view given,
                                   std::string_view what);

}  // namespace lander::cli
