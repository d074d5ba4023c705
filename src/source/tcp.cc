#include "source/tcp.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

std::string system_text(int error) { return std::generic_category().message(error); }

// Waits in steps, so that a stop does not have to wait for a peer that is silent.
Status finish_connect(int fd, base::DurationUs timeout, const Runner& runner) {
  constexpr int kStepMs = 50;
  for (base::DurationUs waited = 0; waited < timeout; waited += kStepMs * base::kMillisecond) {
    if (runner.stopping()) return Error(Code::kUnavailable, "stopped");
    pollfd waiting{fd, POLLOUT, 0};
    if (::poll(&waiting, 1, kStepMs) <= 0) continue;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) return {};
    return Error(Code::kUnavailable, system_text(error));
  }
  return Error(Code::kTimeout, "no answer within " + base::to_text(timeout));
}

Result<TcpStream> failed(const Endpoint& endpoint, const Error& error) {
  return error.context("connect to " + endpoint.host + ":" + std::to_string(endpoint.port));
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view address) {
  const auto colon = address.rfind(':');
  const auto port = colon == address.npos ? std::nullopt : parse_integer(address.substr(colon + 1));
  std::string_view host = address.substr(0, colon);
  if (host.size() > 2 && host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  if (!port || *port < 1 || *port > 65535 || host.empty() || host.size() > 255)
    return Error(Code::kInvalid,
                 "address \"" + printable(address) + "\": expected host:port, as 127.0.0.1:1883");
  return Endpoint{std::string(host), static_cast<std::uint16_t>(*port)};
}

Result<TcpStream> TcpStream::connect(const Endpoint& endpoint, base::DurationUs timeout,
                                     const Runner& runner) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int unknown =
      ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &list);
  if (unknown != 0) return failed(endpoint, Error(Code::kUnavailable, ::gai_strerror(unknown)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(list, &::freeaddrinfo);
  Error last(Code::kUnavailable, "no address");
  for (const addrinfo* one = list; one; one = one->ai_next) {
    TcpStream stream(::socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (stream.fd_ < 0) {
      last = Error(Code::kIo, system_text(errno));
      continue;
    }
    const int on = 1;
    ::setsockopt(stream.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(stream.fd_, one->ai_addr, one->ai_addrlen) != 0 && errno != EINPROGRESS) {
      last = Error(Code::kUnavailable, system_text(errno));
      continue;
    }
    const Status connected = finish_connect(stream.fd_, timeout, runner);
    if (connected.ok()) return stream;
    last = connected.error();
  }
  return failed(endpoint, last);
}

TcpStream::TcpStream(TcpStream&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

TcpStream::~TcpStream() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::size_t> TcpStream::read(std::span<std::uint8_t> into) {
  const auto count = ::recv(fd_, into.data(), into.size(), 0);
  if (count > 0) {
    // A broker with Nagle's algorithm holds its next small message until our TCP acknowledges the
    // last, which the kernel by default delays by up to 40 ms. The flag does not stick.
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    return static_cast<std::size_t>(count);
  }
  if (count == 0) return Error(Code::kUnavailable, "the peer closed the connection");
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::size_t{0};
  return Error(Code::kUnavailable, "read: " + system_text(errno));
}

Result<std::size_t> TcpStream::write(base::ByteView bytes) {
  const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) return static_cast<std::size_t>(count);
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return std::size_t{0};
  return Error(Code::kUnavailable, "write: " + system_text(errno));
}

}  // namespace lander::source
