// A TCP connection to a peer, non-blocking; one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"
#include "source/runner.h"

namespace lander::source {

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
};
// "host:port", "10.0.0.7:1883", "[::1]:1883".
base::Result<Endpoint> parse_endpoint(std::string_view address);

class TcpStream {
 public:
  // Resolves and connects; gives up at `timeout` (a name server's silence may add its own) or when
  // the runner stops. The error names the address: "connect to 127.0.0.1:1883: Connection refused".
  static base::Result<TcpStream> connect(const Endpoint& endpoint, base::DurationUs timeout,
                                         const Runner& runner);
  TcpStream(TcpStream&& other) noexcept;
  TcpStream& operator=(TcpStream&&) = delete;
  ~TcpStream();

  // As many bytes as are there, 0: none now. kUnavailable: the peer closed or reset.
  base::Result<std::size_t> read(std::span<std::uint8_t> into);
  // As many bytes as fit now.
  base::Result<std::size_t> write(base::ByteView bytes);
  int fd() const { return fd_; }

 private:
  explicit TcpStream(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace lander::source
