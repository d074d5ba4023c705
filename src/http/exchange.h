// How an answer comes from any thread to the connection that waits for it: one reply, or a queue of
// server-sent events. Everything crosses by Reactor::post.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "http/reactor.h"
#include "http/server.h"

namespace lander::http {

class Connection;

inline constexpr std::size_t kMaxEventBacklog = 256 << 10;

// Between a producer of events (any thread) and its connection (I/O thread).
class EventQueue : public std::enable_shared_from_this<EventQueue> {
 public:
  EventQueue(std::shared_ptr<Reactor> reactor, std::weak_ptr<Connection> connection)
      : reactor_(std::move(reactor)), connection_(std::move(connection)) {}

  // Producer.
  bool push(std::string_view text);  // false: closed, or now too far behind and therefore closed
  void finish();                     // nothing more comes: the connection ends after what waits

  // Connection.
  std::string take();
  void written(std::size_t bytes);  // of what take() gave
  void close();
  bool closed() const;
  bool finished() const;  // and everything was taken

 private:
  void wake();  // mutex_ held

  std::shared_ptr<Reactor> reactor_;
  std::weak_ptr<Connection> connection_;
  mutable std::mutex mutex_;
  std::string pending_;
  std::size_t unsent_ = 0;  // pending or taken, and not yet written
  bool closed_ = false, finished_ = false, waking_ = false;
};

struct Responder::State {
  State(std::shared_ptr<Reactor> r, std::weak_ptr<Connection> c, std::uint64_t s)
      : reactor(std::move(r)), connection(std::move(c)), serial(s) {}
  ~State();
  bool take_turn() { return !answered.exchange(true); }  // true for the first answer only
  void reply(Response response);

  std::shared_ptr<Reactor> reactor;
  std::weak_ptr<Connection> connection;
  std::uint64_t serial;  // of the request on its connection
  std::atomic<bool> answered{false};
};

}  // namespace lander::http
