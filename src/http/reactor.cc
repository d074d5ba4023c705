#include "http/reactor.h"

#include <chrono>
#include <mutex>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace lander::http {

namespace asio = boost::asio;
using boost::system::error_code;

struct Watch::Impl {
  os::Descriptor owned;  // closed after Asio has let it go
  asio::posix::stream_descriptor descriptor;
};

Watch::Watch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Watch::~Watch() {
  impl_->descriptor.release();  // its waits end as aborted
}

int Watch::fd() const { return impl_->descriptor.native_handle(); }

void Watch::when_readable(std::function<void()> callback) {
  impl_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                               [callback = std::move(callback)](const error_code& error) {
                                 if (error != asio::error::operation_aborted) callback();
                               });
}

void Watch::when_writable(std::function<void()> callback) {
  impl_->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                               [callback = std::move(callback)](const error_code& error) {
                                 if (error != asio::error::operation_aborted) callback();
                               });
}

struct Reactor::Impl {
  asio::io_context io{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard{
      asio::make_work_guard(io)};
  asio::steady_timer timer{io};
  std::chrono::microseconds interval{0};
  std::function<void()> tick;
  std::mutex mutex;
  bool ended = false;  // guarded by mutex

  void arm() {
    timer.expires_after(interval);
    timer.async_wait([this](const error_code& error) {
      if (error || !guard) return;
      tick();
      if (guard) arm();
    });
  }
};

Reactor::Reactor() : impl_(std::make_unique<Impl>()) {}
Reactor::~Reactor() = default;

void Reactor::post(std::function<void()> work) {
  std::lock_guard lock(impl_->mutex);
  if (!impl_->ended) asio::post(impl_->io, std::move(work));
}

std::unique_ptr<Watch> Reactor::watch(os::Descriptor descriptor) {
  std::unique_ptr<Watch::Impl> watch(
      new Watch::Impl{std::move(descriptor), asio::posix::stream_descriptor(impl_->io)});
  error_code error;
  watch->descriptor.assign(watch->owned.get(), error);
  if (error) return nullptr;
  return std::make_unique<Watch>(std::move(watch));
}

void Reactor::every(base::DurationUs interval, std::function<void()> tick) {
  impl_->interval = std::chrono::microseconds(interval);
  impl_->tick = std::move(tick);
  impl_->arm();
}

void Reactor::run() {
  impl_->io.run();
  {
    std::lock_guard lock(impl_->mutex);
    impl_->ended = true;
  }
  // What was posted between the last work and `ended`.
  impl_->io.restart();
  impl_->io.poll();
}

void Reactor::finish() {
  impl_->guard.reset();
  impl_->timer.cancel();
}

}  // namespace lander::http
