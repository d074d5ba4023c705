// errno as an Error: the one table of which refusal of the operating system means what to a caller.
#pragma once

#include <string_view>

#include "base/result.h"

namespace lander::os {

// "opening /x/y: No space left on device". ENOENT -> kNotFound, EEXIST -> kExists, no space, memory
// or descriptors -> kExhausted, EACCES/EPERM/EROFS -> kDenied, ETIMEDOUT -> kTimeout, EAGAIN and
// refused or reset connections -> kUnavailable, others -> kIo.
base::Error system_error(std::string_view what, int number);

}  // namespace lander::os
