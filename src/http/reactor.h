// The I/O thread's loop: readiness of descriptors, posted work, one regular tick. Asio inside; its
// timer is the one clock outside os that Lander uses, because it only paces checks of deadlines
// that are themselves read from os::Clock.
#pragma once

#include <functional>
#include <memory>

#include "base/time.h"
#include "os/descriptor.h"

namespace lander::http {

// Readiness of one descriptor, which it owns and closes. Reactor's thread only. A callback may
// still come once after the Watch is gone, when it stood in the queue already: the callee checks
// its state.
class Watch {
 public:
  struct Impl;
  explicit Watch(std::unique_ptr<Impl> impl);
  ~Watch();
  int fd() const;
  // Calls back once when the descriptor can be read (written), an error or its end included. At
  // most one call of each kind may be outstanding.
  void when_readable(std::function<void()> callback);
  void when_writable(std::function<void()> callback);

 private:
  std::unique_ptr<Impl> impl_;
};

class Reactor {
 public:
  Reactor();
  ~Reactor();
  // Any thread. Work that is posted after the loop's end is dropped. Work must not own the Reactor.
  void post(std::function<void()> work);
  // Null when the kernel will watch no more.
  std::unique_ptr<Watch> watch(os::Descriptor descriptor);
  void every(base::DurationUs interval, std::function<void()> tick);  // before run(); one only
  // Runs until finish() was called and every Watch is gone.
  void run();
  void finish();  // reactor's thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lander::http
