// What every driver's thread has: a way to be woken and stopped, a health that others may read, and
// the patience of a polite peer (backoff, offering again).
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "source/source.h"

namespace lander::source {

// An eventfd: any thread signals, one thread waits in poll(). Thread-safe.
class Wakeup {
 public:
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;
  void signal();
  void clear();
  int fd() const { return fd_; }
  void wait(base::DurationUs most);  // until a signal (which it clears) or `most`

 private:
  int fd_;
};

// Waits that double from `least` to `most`, each cut by up to a quarter at random, so that a
// hundred sites do not knock at a broker in the same instant. One thread.
// For reasons: "next try in 4s": whole seconds are enough for a person.
inline std::string next_try(base::DurationUs wait) {
  return "next try in " + base::to_text((wait + base::kSecond - 1) / base::kSecond * base::kSecond);
}

// Waits that double from `least` to `most`, each cut by up to a quarter at random, so that a
// hundred sites do not knock at a broker in the same instant. One thread.
class Backoff {
 public:
  Backoff(base::DurationUs least, base::DurationUs most, std::uint64_t seed);
  base::DurationUs next();
  void reset() { wait_ = least_; }

 private:
  base::DurationUs least_, most_, wait_;
  std::uint64_t random_;
};

// The part of Health that is counted. Thread-safe.
class HealthBoard {
 public:
  void state(Health::State state, std::string reason);
  void received(std::uint64_t count = 1);
  void refused(std::uint64_t count);
  void malformed(std::uint64_t count, std::string why);
  Health health() const;

 private:
  mutable std::mutex mutex_;
  Health health_;
};

// A driver's one thread. The owner's destructor must call stop() before its members go.
class Runner {
 public:
  explicit Runner(os::Clock& clock) : clock_(clock) {}
  ~Runner() { LANDER_CHECK(!thread_.joinable()); }

  void run(std::function<void()> work);
  void stop();  // signals and joins; harmless when nothing runs
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  void sleep_until(base::DurationUs monotonic);  // or until stop()
  void sleep(base::DurationUs duration) { sleep_until(clock_.monotonic_us() + duration); }

  // For peers that cannot send again: offers until taken, at most `patience`. False: not taken,
  // what was offered is still in `observations`.
  bool offer(Sink& sink, std::vector<sensing::Observation>& observations,
             base::DurationUs patience);

  os::Clock& clock() const { return clock_; }
  HealthBoard& board() { return board_; }
  const HealthBoard& board() const { return board_; }
  Wakeup& wakeup() { return wakeup_; }

 private:
  os::Clock& clock_;
  Wakeup wakeup_;
  HealthBoard board_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

std::uint64_t seed_of(std::string_view text);  // FNV-1a: the same text, the same seed

}  // namespace lander::source
