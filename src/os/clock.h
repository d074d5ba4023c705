// The only way to read time. Logic takes the time as an argument; shells take an os::Clock&.
#pragma once

#include <string>

#include "base/time.h"

namespace lander::os {

// Thread-safe. Outlives everything that borrows it.
class Clock {
 public:
  virtual ~Clock() = default;
  // What the machine believes UTC is. May be wrong by decades and may jump either way.
  virtual base::TimeUs wall_us() const = 0;
  // Since an arbitrary start; never jumps, never goes back; comparable only within one boot.
  virtual base::DurationUs monotonic_us() const = 0;
  // Changes with every boot of the machine; pairs with monotonic_us.
  virtual std::string boot_id() const = 0;
};

Clock& system_clock();

}  // namespace lander::os
