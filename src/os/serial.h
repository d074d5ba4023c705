// A serial line: a device that bytes go to and come from, as raw as the kernel gives it.
#pragma once

#include <string>

#include "base/result.h"
#include "os/descriptor.h"

namespace lander::os {

// Non-blocking, 8 data bits, no parity, one stop bit, no flow control; nobody's terminal. kInvalid:
// no such speed; else what the kernel says of the device (kNotFound: it is not plugged in).
base::Result<Descriptor> open_serial(const std::string& device, unsigned baud);
base::Status valid_baud(unsigned baud);

}  // namespace lander::os
