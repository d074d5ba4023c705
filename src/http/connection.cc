#include "http/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "http/url.h"
#include "os/clock.h"

namespace lander::http {
namespace {

// One connection's turn on the I/O thread, in reads or writes of at most a TLS record or so each.
constexpr int kTurn = 16;
constexpr std::size_t kSmallBody = 16 << 10;  // copied behind the head: one write, one packet
constexpr std::size_t kLingerBytes = 1
                                     << 20;  // of an unread body, while the peer reads the refusal
constexpr base::DurationUs kLinger = 2 * base::kSecond;
constexpr base::DurationUs kBodyBytesPerSecond = 8 << 10;

base::DurationUs now_us() { return os::system_clock().monotonic_us(); }

}  // namespace

Connection::Connection(ServerCore& core, std::unique_ptr<Watch> watch, std::string peer,
                       bool overflow)
    : core_(core),
      watch_(std::move(watch)),
      stream_(core.tls ? core.tls->accept(watch_->fd()) : plain_stream(watch_->fd())),
      peer_(std::move(peer)),
      overflow_(overflow),
      deadline_(now_us() + core.options.head_timeout),
      idle_since_(now_us()) {}

Connection::~Connection() = default;

void Connection::start() { advance(); }

void Connection::advance() {
  switch (state_) {
    case State::kHandshake:
      return handshake();
    case State::kReading:
      return read_request();
    case State::kWriting:
      if (write_out()) finish_reply();
      return;
    case State::kStreaming:
      return pump_events();
    case State::kLingering:
      return linger();
    case State::kHandling:
    case State::kClosed:
      return;
  }
}

void Connection::again() {
  core_.reactor->post([self = weak_from_this()] {
    if (auto alive = self.lock()) alive->advance();
  });
}

void Connection::arm(Io want) {
  bool& armed = want == Io::kWantWrite ? write_armed_ : read_armed_;
  if (armed) return;
  armed = true;
  auto callback = [self = shared_from_this(), &armed] {
    armed = false;
    self->advance();
  };
  want == Io::kWantWrite ? watch_->when_writable(callback) : watch_->when_readable(callback);
}

void Connection::handshake() {
  const Io io = stream_->handshake();
  if (io == Io::kDone) {
    identity_ = stream_->peer();
    state_ = State::kReading;
    become_idle();
    return read_request();
  }
  if (io == Io::kWantRead || io == Io::kWantWrite) return arm(io);
  ++core_.refused;
  if (stream_->heard_plain_http()) {
    Response answer = problem_response(
        {400, "https_required", "this port speaks HTTPS: use https:// in the address"});
    std::string text = reply_head(answer, false) + std::string(base::as_text(answer.body));
    // Best effort: the peer is on the wrong port and learns so, or finds its connection closed.
    [[maybe_unused]] auto sent = ::send(watch_->fd(), text.data(), text.size(), MSG_NOSIGNAL);
    state_ = State::kLingering;
    deadline_ = now_us() + kLinger;
    ::shutdown(watch_->fd(), SHUT_WR);
    return linger();
  }
  close();
}

void Connection::become_idle() {
  parser_.reset();
  admitted_ = false;
  match_ = {};
  target_ = {};
  base::Bytes(inbox_).swap(inbox_);  // as small as what stands in it
  idle_since_ = now_us();
  deadline_ = idle_since_ + core_.options.idle_timeout;
}

void Connection::read_request() {
  for (int turn = 0; turn < kTurn; ++turn) {
    if (!consume()) return;
    std::size_t count = 0;
    const Io io = stream_->read(core_.scratch, count);
    if (io == Io::kWantRead || io == Io::kWantWrite) return arm(io);
    if (io != Io::kDone) return close();
    inbox_.insert(inbox_.end(), core_.scratch.begin(), core_.scratch.begin() + count);
  }
  again();
}

// Feeds the parser from the inbox. True: more bytes are needed; false: the request went elsewhere.
bool Connection::consume() {
  while (!inbox_.empty()) {
    if (!parser_) {
      // RFC 9112 §2.2: an empty line before a request is to be ignored.
      const auto start = std::find_if(inbox_.begin(), inbox_.end(),
                                      [](std::uint8_t c) { return c != '\r' && c != '\n'; });
      inbox_.erase(inbox_.begin(), start);
      if (inbox_.empty()) break;
      parser_ = std::make_unique<RequestParser>();
      deadline_ = now_us() + core_.options.head_timeout;
    }
    std::size_t used = 0;
    if (!parser_->feed(inbox_, used)) {
      refuse(parser_->refusal());
      return false;
    }
    inbox_.erase(inbox_.begin(), inbox_.begin() + static_cast<std::ptrdiff_t>(used));
    if (parser_->head() != nullptr && !admitted_ && !admit()) return false;
    if (parser_->done()) {
      dispatch();
      return false;
    }
    if (used == 0 && !inbox_.empty()) return true;
  }
  if (admitted_) {
    const auto received = static_cast<base::DurationUs>(parser_->body_bytes());
    deadline_ =
        body_began_ + core_.options.body_timeout + received * base::kSecond / kBodyBytesPerSecond;
    base::Bytes(inbox_).swap(inbox_);
  }
  return true;
}

// The head is here: may the body come?
bool Connection::admit() {
  const RequestHead& head = *parser_->head();
  keep_alive_ = head.keep_alive;
  head_only_ = head.method == "HEAD";
  if (!check_route(head) || !claim_body(head)) return false;
  admitted_ = true;
  body_began_ = now_us();
  parser_->limit_body(match_.route->max_body);
  if (head.expects_continue && !parser_->done() && inbox_.empty()) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    std::size_t count = 0;
    // 25 bytes into a connection whose answers were all written: what can't take them is broken.
    if (stream_->write(base::as_bytes(kContinue), count) != Io::kDone ||
        count != kContinue.size()) {
      close();
      return false;
    }
  }
  return true;
}

bool Connection::check_route(const RequestHead& head) {
  if (overflow_) {
    refuse({503, "unavailable", "too many connections: try again in a few seconds"},
           {{"Retry-After", "5"}});
    return false;
  }
  auto target = parse_target(head.target);
  if (!target.ok()) {
    refuse({400, "malformed_request", "malformed target: " + target.error().message()});
    return false;
  }
  target_ = std::move(*target);
  match_ = core_.router.find(head.method, target_.raw_path);
  if (match_.route) return true;
  if (match_.allowed.empty()) {
    refuse({404, "not_found", "nothing is at " + target_.path});
  } else {
    refuse({405, "method_not_allowed",
            head.method + " is not possible on " + target_.path + "; " + match_.allowed + " is"},
           {{"Allow", match_.allowed}});
  }
  return false;
}

bool Connection::claim_body(const RequestHead& head) {
  const std::size_t limit = match_.route->max_body;
  if (head.content_length && *head.content_length > limit) {
    refuse({413, "body_too_large",
            "the body of " + std::to_string(*head.content_length) + " bytes exceeds " +
                std::to_string(limit) + " bytes, which is the limit here"});
    return false;
  }
  const std::size_t claim = head.content_length ? *head.content_length : head.chunked ? limit : 0;
  // A single body larger than the bound still passes alone: a route's own limit is the smaller
  // evil.
  if (core_.bodies_bytes > 0 && core_.bodies_bytes + claim > core_.options.max_bodies_bytes) {
    refuse({503, "unavailable", "too many uploads at once: try again in a few seconds"},
           {{"Retry-After", "5"}});
    return false;
  }
  claimed_ = claim;
  core_.bodies_bytes += claim;
  return true;
}

void Connection::release_claim() {
  core_.bodies_bytes -= claimed_;
  claimed_ = 0;
}

void Connection::dispatch() {
  RequestHead head = parser_->take_head();
  Request request;
  request.method = std::move(head.method);
  request.path = std::move(target_.path);
  request.query = std::move(target_.query);
  request.headers = std::move(head.fields);
  request.body = parser_->take_body();
  request.peer = peer_;
  request.client_key_id = identity_.key_id;
  request.client_name = identity_.name;
  request.params = std::move(match_.params);
  const auto route = std::move(match_.route);
  release_claim();
  become_idle();
  ++serial_;
  ++core_.requests;
  state_ = State::kHandling;
  route->handler(std::move(request), Responder(std::make_shared<Responder::State>(
                                         core_.reactor, weak_from_this(), serial_)));
}

void Connection::reply(std::uint64_t serial, Response response) {
  if (state_ == State::kHandling && serial == serial_) send(std::move(response));
}

void Connection::refuse(const Refusal& refusal) { refuse(refusal, {}); }

void Connection::refuse(const Refusal& refusal,
                        std::vector<std::pair<std::string, std::string>> headers) {
  ++core_.refused;
  Response response = problem_response(refusal);
  response.headers = std::move(headers);
  // Only where the message's end is known can the next one be found.
  keep_alive_ = keep_alive_ && parser_ && parser_->done() && !overflow_;
  release_claim();
  become_idle();
  send(std::move(response));
}

void Connection::send(Response response) {
  if (head_only_) {
    out_head_ = reply_head(response, keep_alive_);
  } else {
    if (response.status == 204 || response.status == 304) response.body.clear();
    out_head_ = reply_head(response, keep_alive_);
    if (response.body.size() <= kSmallBody) {
      out_head_.append(base::as_text(response.body));
    } else {
      out_body_ = std::move(response.body);
    }
  }
  out_at_ = 0;
  state_ = State::kWriting;
  deadline_ = now_us() + core_.options.body_timeout;
  if (write_out()) finish_reply();
}

bool Connection::write_out() {
  const std::size_t total = out_head_.size() + out_body_.size();
  for (int turn = 0; out_at_ < total; ++turn) {
    if (turn == kTurn) {
      again();
      return false;
    }
    const base::ByteView rest = out_at_ < out_head_.size()
                                    ? base::as_bytes(out_head_).subspan(out_at_)
                                    : base::ByteView(out_body_).subspan(out_at_ - out_head_.size());
    std::size_t count = 0;
    const Io io = stream_->write(rest, count);
    if (io == Io::kWantRead || io == Io::kWantWrite) {
      arm(io);
      return false;
    }
    if (io != Io::kDone) {
      close();
      return false;
    }
    out_at_ += count;
    deadline_ = now_us() + core_.options.body_timeout;
  }
  std::string().swap(out_head_);
  base::Bytes().swap(out_body_);
  out_at_ = 0;
  return true;
}

void Connection::finish_reply() {
  head_only_ = false;
  if (keep_alive_) {
    state_ = State::kReading;
    become_idle();
    return again();
  }
  // Closing with unread bytes would reset the connection and take the answer from the peer.
  stream_->shutdown();
  state_ = State::kLingering;
  deadline_ = now_us() + kLinger;
  linger();
}

void Connection::linger() {
  while (discarded_ < kLingerBytes) {
    const ssize_t got = ::recv(watch_->fd(), core_.scratch.data(), core_.scratch.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return arm(Io::kWantRead);
    if (got <= 0) break;
    discarded_ += static_cast<std::size_t>(got);
  }
  close();
}

void Connection::stream_events(std::uint64_t serial, std::shared_ptr<EventQueue> events) {
  if (state_ != State::kHandling || serial != serial_) return events->close();
  if (head_only_) {
    events->close();
    keep_alive_ = false;
    out_head_ = event_stream_head();
    state_ = State::kWriting;
    return advance();
  }
  events_ = std::move(events);
  out_head_ = event_stream_head();
  out_at_ = 0;
  state_ = State::kStreaming;
  deadline_ = now_us() + core_.options.event_keep_alive;
  pump_events();
}

void Connection::pump_events() {
  if (state_ != State::kStreaming || reader_left()) return;
  while (true) {
    if (events_->closed()) return close();  // too far behind
    if (!write_out()) return;
    events_->written(event_bytes_);
    out_head_ = events_->take();
    event_bytes_ = out_head_.size();
    deadline_ = now_us() + core_.options.event_keep_alive;
    if (event_bytes_ > 0) continue;
    if (!events_->finished()) return;
    keep_alive_ = false;
    return finish_reply();
  }
}

// A reader of events sends nothing; what it does send is its end, or too much.
bool Connection::reader_left() {
  while (!read_armed_) {
    std::size_t count = 0;
    const Io io = stream_->read(core_.scratch, count);
    if (io == Io::kWantRead || io == Io::kWantWrite) {
      arm(io);
      return false;
    }
    discarded_ += count;
    if (io != Io::kDone || discarded_ > kMaxHeadBytes) {
      close();
      return true;
    }
  }
  return false;
}

void Connection::tick(base::DurationUs now) {
  if (state_ == State::kHandling || state_ == State::kClosed || now < deadline_) return;
  if (state_ == State::kStreaming && out_head_.empty()) {
    out_head_ = ":\n\n";
    return pump_events();
  }
  if (state_ != State::kReading) {
    if (state_ == State::kHandshake) ++core_.refused;
    return close();
  }
  if (!parser_) return close();  // idle
  keep_alive_ = false;
  refuse({408, "too_slow",
          admitted_ ? "the body did not arrive in time"
                    : "the request's head did not arrive in time"});
}

std::optional<base::DurationUs> Connection::idle_since() const {
  if (state_ != State::kReading || parser_ || !inbox_.empty()) return std::nullopt;
  return idle_since_;
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  if (state_ == State::kReading || state_ == State::kStreaming) stream_->shutdown();
  state_ = State::kClosed;
  release_claim();
  if (events_) events_->close();
  // Until the caller's frames are left; the last callback's reference may outlive the set's.
  const auto self = shared_from_this();
  core_.connections.erase(self);
  --core_.open;
  watch_.reset();
}

}  // namespace lander::http
