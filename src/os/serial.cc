#include "os/serial.h"

#include <fcntl.h>
#include <termios.h>

#include <cerrno>

#include "os/system_error.h"

namespace lander::os {
namespace {

// B0 where there is none: it means "hang up".
speed_t speed_of(unsigned baud) {
  switch (baud) {
    case 1200:
      return B1200;
    case 2400:
      return B2400;
    case 4800:
      return B4800;
    case 9600:
      return B9600;
    case 19200:
      return B19200;
    case 38400:
      return B38400;
    case 57600:
      return B57600;
    case 115200:
      return B115200;
    default:
      return B0;
  }
}

}  // namespace

base::Status valid_baud(unsigned baud) {
  if (speed_of(baud) != B0) return {};
  return base::Error(base::Code::kInvalid,
                     "a serial line has no speed of " + std::to_string(baud) +
                         " baud: expected 1200, 2400, 4800, 9600, 19200, 38400, 57600 or 115200");
}

base::Result<Descriptor> open_serial(const std::string& device, unsigned baud) {
  LANDER_TRY(valid_baud(baud));
  Descriptor line(::open(device.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!line.valid()) return system_error("opening " + device, errno);
  termios mode{};
  if (::tcgetattr(line.get(), &mode) != 0) return system_error("serial line " + device, errno);
  ::cfmakeraw(&mode);
  mode.c_cflag |= CLOCAL | CREAD;
  mode.c_cflag &= ~static_cast<tcflag_t>(CSTOPB | CRTSCTS);
  ::cfsetispeed(&mode, speed_of(baud));
  ::cfsetospeed(&mode, speed_of(baud));
  if (::tcsetattr(line.get(), TCSANOW, &mode) != 0)
    return system_error("serial line " + device, errno);
  ::tcflush(line.get(), TCIOFLUSH);
  return line;
}

}  // namespace lander::os
