#include "http/stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace lander::http {
namespace {

class PlainStream : public Stream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}

  Io handshake() override { return Io::kDone; }

  Io read(std::span<std::uint8_t> into, std::size_t& count) override {
    const ssize_t got = ::recv(fd_, into.data(), into.size(), 0);
    if (got < 0) return failed(errno, Io::kWantRead);
    count = static_cast<std::size_t>(got);
    in_ += count;
    return got == 0 ? Io::kEnd : Io::kDone;
  }

  Io write(base::ByteView from, std::size_t& count) override {
    const ssize_t put = ::send(fd_, from.data(), from.size(), MSG_NOSIGNAL);
    if (put < 0) return failed(errno, Io::kWantWrite);
    count = static_cast<std::size_t>(put);
    out_ += count;
    return Io::kDone;
  }

  void shutdown() override { ::shutdown(fd_, SHUT_WR); }
  base::Error failure() const override {
    return {base::Code::kUnavailable, std::string("connection: ") + std::strerror(errno_)};
  }
  std::uint64_t bytes_in() const override { return in_; }
  std::uint64_t bytes_out() const override { return out_; }

 private:
  Io failed(int error, Io want) {
    if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR) return want;
    errno_ = error;
    return Io::kFailed;
  }

  int fd_;
  int errno_ = 0;
  std::uint64_t in_ = 0, out_ = 0;
};

}  // namespace

std::unique_ptr<Stream> plain_stream(int fd) { return std::make_unique<PlainStream>(fd); }

}  // namespace lander::http
