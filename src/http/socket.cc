#include "http/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

#include "os/clock.h"
#include "os/system_error.h"

namespace lander::http {
namespace {

using base::Code;
using base::Error;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

base::Result<Addresses> resolve(const std::string& host, std::uint16_t port, bool passive) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
  addrinfo* list = nullptr;
  const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (code != 0) {
    return Error(Code::kUnavailable, "resolving \"" + host + "\": " + gai_strerror(code));
  }
  return Addresses(list);
}

// Whatever keeps a connection from standing is the same to the caller: try again later.
Error no_connection(int error) {
  const Code code = error == ETIMEDOUT ? Code::kTimeout : Code::kUnavailable;
  return Error(code, std::strerror(error));
}

void send_at_once(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

std::string address_text(const sockaddr_storage& address, socklen_t size) {
  char host[NI_MAXHOST] = {}, port[NI_MAXSERV] = {};
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof(host), port,
                  sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  return (std::strchr(host, ':') ? "[" + std::string(host) + "]" : std::string(host)) + ":" + port;
}

base::Result<os::Descriptor> connect_address(const addrinfo& address, base::DurationUs deadline,
                                             int cancel) {
  os::Descriptor fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return os::system_error("socket", errno);
  send_at_once(fd.get());
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return fd;
  if (errno != EINPROGRESS) return no_connection(errno);
  LANDER_TRY(wait_for(fd.get(), POLLOUT, deadline, cancel));
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return no_connection(error);
  return fd;
}

}  // namespace

base::Result<os::Descriptor> listen_on(const std::string& host, std::uint16_t port) {
  const std::string what = "listening on " + host + ":" + std::to_string(port);
  auto addresses = resolve(host, port, true);
  if (!addresses.ok()) return addresses.error().context(what);
  const addrinfo& address = **addresses;
  os::Descriptor fd(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return os::system_error(what, errno);
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0 || ::listen(fd.get(), 1024) != 0) {
    return os::system_error(what, errno);
  }
  return fd;
}

std::uint16_t local_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

base::Result<Accepted> accept_from(int listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  Accepted accepted;
  accepted.socket = os::Descriptor(::accept4(listener, reinterpret_cast<sockaddr*>(&address), &size,
                                             SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (accepted.socket.valid()) {
    send_at_once(accepted.socket.get());
    accepted.peer = address_text(address, size);
  } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    return os::system_error("accept", errno);
  }
  return accepted;
}

base::Status wait_for(int fd, short events, base::DurationUs deadline, int cancel) {
  pollfd polled[2] = {{fd, events, 0}, {cancel, POLLIN, 0}};
  while (true) {
    const base::DurationUs left = deadline - os::system_clock().monotonic_us();
    if (left <= 0) return Error(Code::kTimeout, "no answer in time");
    const auto left_ms = std::min<base::DurationUs>((left + 999) / 1000, INT_MAX);
    const int ready = ::poll(polled, cancel >= 0 ? 2 : 1, static_cast<int>(left_ms));
    if (ready < 0 && errno != EINTR) return os::system_error("poll", errno);
    if (ready <= 0) continue;
    if (cancel >= 0 && polled[1].revents != 0) return Error(Code::kUnavailable, "cancelled");
    return {};
  }
}

base::Result<os::Descriptor> connect_to(const std::string& host, std::uint16_t port,
                                        base::DurationUs deadline, int cancel) {
  const std::string what = "connecting to " + host + ":" + std::to_string(port);
  auto addresses = resolve(host, port, false);
  if (!addresses.ok()) return addresses.error().context(what);
  Error last(Code::kUnavailable, "no address");
  for (const addrinfo* address = addresses->get(); address != nullptr; address = address->ai_next) {
    auto fd = connect_address(*address, deadline, cancel);
    if (fd.ok()) return fd;
    last = fd.error();
  }
  return last.context(what);
}

}  // namespace lander::http
