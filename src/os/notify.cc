#include "os/notify.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "os/clock.h"
#include "os/descriptor.h"
#include "os/system_error.h"

namespace lander::os {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

base::Status notify_supervisor(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return {};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) {
    return base::Error(base::Code::kInvalid, "NOTIFY_SOCKET is longer than a socket's path can be");
  }
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // Linux's abstract namespace
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("making a socket for NOTIFY_SOCKET", errno);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    return system_error(std::string("notifying the supervisor at ") + path, errno);
  }
  return {};
}

base::DurationUs watchdog_interval_us() {
  const char* text = std::getenv("WATCHDOG_USEC");
  if (text == nullptr) return 0;
  if (const char* pid = std::getenv("WATCHDOG_PID");
      pid != nullptr && std::to_string(::getpid()) != pid) {
    return 0;  // meant for another process, whose environment we inherited
  }
  base::DurationUs value = 0;
  const char* end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value <= 0) return 0;
  return value / 2;
}

void block_stop_signals() {
  const sigset_t set = stop_signals();
  LANDER_CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  ::signal(SIGPIPE, SIG_IGN);
}

int wait_for_stop(base::DurationUs timeout) {
  const sigset_t set = stop_signals();
  const base::DurationUs end = system_clock().monotonic_us() + timeout;
  for (;;) {
    int got = 0;
    if (timeout < 0) {
      got = ::sigwaitinfo(&set, nullptr);
    } else {
      const base::DurationUs left =
          std::max<base::DurationUs>(0, end - system_clock().monotonic_us());
      const timespec wait{static_cast<time_t>(left / base::kSecond),
                          static_cast<long>(left % base::kSecond * 1000)};
      got = ::sigtimedwait(&set, nullptr, &wait);
    }
    if (got > 0) return got;
    if (errno == EAGAIN) return 0;
    LANDER_CHECK(errno == EINTR);
  }
}

}  // namespace lander::os
