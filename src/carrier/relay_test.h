// A TCP relay between a carrier and its hub that counts what a metered line would, and breaks when
// told. Tests only.
#pragma once

#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "http/socket.h"
#include "os/clock.h"

namespace lander::carrier {

class Relay {
 public:
  explicit Relay(std::uint16_t to) : to_(to) {
    auto listener = http::listen_on("127.0.0.1", 0);
    EXPECT_TRUE(listener.ok());
    listener_ = std::move(*listener);
    thread_ = std::thread([this] { run(); });
  }
  ~Relay() {
    stopping_ = true;
    thread_.join();
  }
  std::uint16_t port() const { return http::local_port(listener_.get()); }
  void cut_after(std::uint64_t bytes) { budget_ = bytes; }  // of the carrier's, on each connection
  void cut_now() { cut_ = true; }
  void run_on() { budget_ = UINT64_MAX; }
  std::uint64_t connections() const { return connections_; }
  // Of the kept connection, both ways: payload and 40 bytes for the TCP/IP head of every packet,
  // acknowledgements included (RFC 4898's counters, as Linux keeps them).
  std::uint64_t wire_bytes() const {
    tcp_info info{};
    socklen_t size = sizeof info;
    EXPECT_EQ(::getsockopt(near_, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    packets_ = info.tcpi_segs_in + info.tcpi_segs_out;
    return up_ + down_ + 40 * packets_;
  }
  std::uint64_t packets() const { return packets_; }
  std::uint64_t up() const { return up_; }

 private:
  void run() {
    while (!stopping_) {
      pollfd waiting{listener_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      auto accepted = http::accept_from(listener_.get());
      if (!accepted.ok() || !accepted->socket.valid()) continue;
      auto far = http::connect_to("127.0.0.1", to_,
                                  os::system_clock().monotonic_us() + 5 * base::kSecond, -1);
      if (!far.ok()) continue;
      ++connections_;
      near_ = accepted->socket.get();
      up_ = down_ = 0;
      cut_ = false;
      pump(near_, far->get());
    }
  }
  void pump(int near, int far) {
    while (!stopping_ && !cut_) {
      pollfd waiting[2] = {{near, POLLIN, 0}, {far, POLLIN, 0}};
      if (::poll(waiting, 2, 20) <= 0) continue;
      if (waiting[0].revents != 0 && !move(near, far, up_)) return;
      if (waiting[1].revents != 0 && !move(far, near, down_)) return;
      if (up_ >= budget_) return;
    }
  }
  static bool move(int from, int to, std::atomic<std::uint64_t>& count) {
    char buffer[16 << 10];
    const auto got = ::recv(from, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    count += static_cast<std::uint64_t>(got);
    for (ssize_t at = 0; at < got;) {
      const auto put = ::send(to, buffer + at, static_cast<std::size_t>(got - at), MSG_NOSIGNAL);
      if (put > 0) at += put;
      if (put < 0 && errno != EAGAIN) return false;
      pollfd waiting{to, POLLOUT, 0};
      if (put < 0) ::poll(&waiting, 1, 100);
    }
    return true;
  }

  const std::uint16_t to_;
  os::Descriptor listener_;
  std::atomic<bool> stopping_{false}, cut_{false};
  std::atomic<int> near_{-1};
  std::atomic<std::uint64_t> up_{0}, down_{0}, budget_{UINT64_MAX}, connections_{0};
  mutable std::atomic<std::uint64_t> packets_{0};
  std::thread thread_;
};

}  // namespace lander::carrier
