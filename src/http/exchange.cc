#include "http/exchange.h"

#include "http/connection.h"
#include "http/message.h"

namespace lander::http {
namespace {

// What the producer holds: letting go of it ends the stream.
class QueuedEvents : public EventStream {
 public:
  explicit QueuedEvents(std::shared_ptr<EventQueue> queue) : queue_(std::move(queue)) {}
  ~QueuedEvents() override { queue_->finish(); }
  bool send(std::string_view event, std::string_view data) override {
    return queue_->push(event_text(event, data));
  }

 private:
  std::shared_ptr<EventQueue> queue_;
};

}  // namespace

bool EventQueue::push(std::string_view text) {
  std::lock_guard lock(mutex_);
  if (closed_) return false;
  unsent_ += text.size();
  if (unsent_ > kMaxEventBacklog) {
    closed_ = true;
  } else {
    pending_ += text;
  }
  wake();
  return !closed_;
}

void EventQueue::finish() {
  std::lock_guard lock(mutex_);
  finished_ = true;
  wake();
}

void EventQueue::wake() {
  if (waking_) return;
  waking_ = true;
  reactor_->post([connection = connection_] {
    if (auto alive = connection.lock()) alive->pump_events();
  });
}

std::string EventQueue::take() {
  std::lock_guard lock(mutex_);
  waking_ = false;
  std::string taken;
  taken.swap(pending_);
  return taken;
}

void EventQueue::written(std::size_t bytes) {
  std::lock_guard lock(mutex_);
  unsent_ -= bytes;
}

void EventQueue::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
}

bool EventQueue::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

bool EventQueue::finished() const {
  std::lock_guard lock(mutex_);
  return finished_ && pending_.empty();
}

Responder::State::~State() {
  if (take_turn()) {
    reply(problem_response({500, "internal", "the server gave this request no answer"}));
  }
}

void Responder::State::reply(Response response) {
  reactor->post(
      [connection = connection, serial = serial, response = std::move(response)]() mutable {
        if (auto alive = connection.lock()) alive->reply(serial, std::move(response));
      });
}

Responder::Responder(std::shared_ptr<State> state) : state_(std::move(state)) {}
Responder::~Responder() = default;

void Responder::reply(Response response) {
  LANDER_CHECK(state_ != nullptr);
  LANDER_CHECK(state_->take_turn());
  state_->reply(std::move(response));
}

std::shared_ptr<EventStream> Responder::stream() {
  LANDER_CHECK(state_ != nullptr);
  LANDER_CHECK(state_->take_turn());
  auto queue = std::make_shared<EventQueue>(state_->reactor, state_->connection);
  state_->reactor->post([connection = state_->connection, serial = state_->serial, queue] {
    if (auto alive = connection.lock()) {
      alive->stream_events(serial, queue);
    } else {
      queue->close();
    }
  });
  return std::make_shared<QueuedEvents>(std::move(queue));
}

}  // namespace lander::http
