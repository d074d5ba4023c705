// HTTPS/1.1 server: one I/O thread (Asio for readiness, OpenSSL on non-blocking sockets without
// Asio's per-connection buffers, Beast's parser fed by hand; all in the .cc). Everything from
// outside is bounded: head 16 KiB, body per route, 10 s for a head and 60 s for a body, connections
// in number.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::http {

struct Request {
  std::string method;                          // upper case
  std::string path;                            // decoded, no query; always starts with '/'
  std::map<std::string, std::string> query;    // decoded
  std::map<std::string, std::string> headers;  // names in lower case
  base::Bytes body;
  std::string peer;  // "127.0.0.1:51234"
  std::string
      client_key_id;        // of the verified-possession client certificate; empty: none was given
  std::string client_name;  // its common name
  std::map<std::string, std::string> params;  // {name} parts of the route
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  base::Bytes body;
  std::vector<std::pair<std::string, std::string>> headers;
  // No header but what ends the message: for a program of ours that counts bytes, never a browser.
  bool bare = false;

  static Response json(int status, std::string text);
  static Response text(int status, std::string text);
  // RFC 9457 problem+json: {"status":..,"code":"not_found","detail":"..."} from an Error.
  static Response problem(const base::Error& error);
};

// A stream of server-sent events. Thread-safe; a slow reader is dropped at 256 KiB of backlog.
// Letting go of it ends the stream. A comment each `event_keep_alive` keeps the way open and finds
// dead readers.
class EventStream {
 public:
  virtual ~EventStream() = default;
  virtual bool send(std::string_view event, std::string_view data) = 0;  // false: closed, let it go
};

// Completes a request: exactly one of reply() or stream(), from any thread. Movable handle; a
// dropped one answers 500. May outlive the connection and the Server: what it says then goes
// nowhere.
class Responder {
 public:
  struct State;
  explicit Responder(std::shared_ptr<State> state);
  ~Responder();
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&&) noexcept = default;
  void reply(Response response);
  std::shared_ptr<EventStream> stream();

 private:
  std::shared_ptr<State> state_;
};

// Runs on the I/O thread: must not block. Long work goes to a worker that keeps the Responder.
using Handler = std::function<void(Request request, Responder responder)>;

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;                // 0: any; see port()
  std::string certificate_pem, key_pem;  // P-256
  // Ask for a client certificate. Any certificate whose holder proves possession of its key is let
  // through the handshake, expired or self-made: the key is the identity, and the application
  // decides by Request::client_key_id.
  bool ask_client_certificate = false;
  // Beyond them the longest idle connection is closed for a new one; when none is idle the new one
  // is answered 503.
  std::size_t max_connections = 1024;
  bool plain = false;  // HTTP without TLS: for tests or behind a proxy only

  base::DurationUs head_timeout = 10 * base::kSecond;  // handshake, then each request's head
  // Of a body, plus a second for each 8 KiB that came: a slow line is not a slow attack. Also how
  // long a response may make no progress.
  base::DurationUs body_timeout = 60 * base::kSecond;
  base::DurationUs idle_timeout = 90 * base::kSecond;  // between requests
  base::DurationUs event_keep_alive = 15 * base::kSecond;
  // Bodies being received, all connections together; beyond it requests are answered 503.
  std::size_t max_bodies_bytes = 256 << 20;
};

class Server {
 public:
  static base::Result<std::unique_ptr<Server>> start(const ServerOptions& options);
  virtual ~Server() = default;  // stops, closes, joins; not from a handler
  // Pattern: "/api/v1/sites/{site}/alerts" or "/assets/*" (rest in params["*"]). Before or after
  // start; the first match in order of registration wins. 404, 405 and 413 are answered here; HEAD
  // is answered by GET's handler, without the body. A HEAD request's `method` is "HEAD".
  virtual void route(std::string method, std::string pattern, std::size_t max_body,
                     Handler handler) = 0;
  virtual std::uint16_t port() const = 0;
  struct Stats {
    std::size_t connections = 0;
    std::uint64_t requests = 0;  // that reached a handler
    std::uint64_t refused = 0;   // malformed, too large, too slow, too many, failed handshakes
  };
  virtual Stats stats() const = 0;
};

}  // namespace lander::http
