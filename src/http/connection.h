// One connection's life: handshake, then request after request, each wholly received, handled and
// answered before the next is looked at. I/O thread only.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "http/exchange.h"
#include "http/parser.h"
#include "http/reactor.h"
#include "http/router.h"
#include "http/server.h"
#include "http/stream.h"
#include "http/tls.h"
#include "http/url.h"

namespace lander::http {

class Connection;

// What a server's connections share. I/O thread, except router and the counters.
struct ServerCore {
  ServerOptions options;
  std::shared_ptr<Reactor> reactor;
  std::unique_ptr<Tls> tls;  // null: plain
  Router router;
  std::unordered_set<std::shared_ptr<Connection>> connections;
  std::size_t bodies_bytes = 0;                // promised to bodies being received
  std::array<std::uint8_t, 16 << 10> scratch;  // one read; idle connections own no buffer
  std::atomic<std::size_t> open{0};
  std::atomic<std::uint64_t> requests{0}, refused{0};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `overflow`: beyond max_connections; its first request is answered 503. The core outlives it.
  Connection(ServerCore& core, std::unique_ptr<Watch> watch, std::string peer, bool overflow);
  ~Connection();
  void start();
  void tick(base::DurationUs now);  // deadlines and keep-alives
  void close();
  std::optional<base::DurationUs> idle_since() const;  // none: it is busy

  // Answers; ignored when the request with this serial is not the one being handled.
  void reply(std::uint64_t serial, Response response);
  void stream_events(std::uint64_t serial, std::shared_ptr<EventQueue> events);
  void pump_events();

 private:
  enum class State { kHandshake, kReading, kHandling, kWriting, kStreaming, kLingering, kClosed };

  void advance();
  void again();  // advance() once more, after others had their turn
  void arm(Io want);
  void handshake();
  void read_request();
  bool consume();
  bool admit();
  bool check_route(const RequestHead& head);
  bool claim_body(const RequestHead& head);
  void release_claim();
  void dispatch();
  void become_idle();
  void refuse(const Refusal& refusal);
  void refuse(const Refusal& refusal, std::vector<std::pair<std::string, std::string>> headers);
  void send(Response response);
  bool write_out();  // true: all of it is written
  void finish_reply();
  void linger();
  bool reader_left();

  ServerCore& core_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Stream> stream_;
  std::string peer_;
  Identity identity_;
  State state_ = State::kHandshake;
  bool overflow_;
  bool read_armed_ = false, write_armed_ = false;
  base::DurationUs deadline_;
  base::DurationUs idle_since_;

  base::Bytes inbox_;  // received, not consumed; empty while idle
  std::unique_ptr<RequestParser> parser_;
  bool admitted_ = false;
  Router::Match match_;
  Target target_;
  base::DurationUs body_began_ = 0;
  std::size_t claimed_ = 0;

  std::uint64_t serial_ = 0;
  bool keep_alive_ = true, head_only_ = false;

  std::string out_head_;
  base::Bytes out_body_;
  std::size_t out_at_ = 0;  // within head and body together
  std::shared_ptr<EventQueue> events_;
  std::size_t event_bytes_ = 0;  // of out_head_, that events_ counts
  std::size_t discarded_ = 0;
};

}  // namespace lander::http
