// One thread that runs tasks in order: the way to move work off a thread that must not block.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/time.h"

namespace lander::os {

// The calling thread runs from now on only when no other wants the processor and the disk: long
// computing beside what must not wait. What the system refuses is left as it is.
void yield_to_others();

class Worker {
 public:
  using Task = std::function<void()>;
  // `name` is what the thread is called in a debugger, 15 bytes of it.
  // `idle` (optional) runs on the worker's thread at least every `every_us`, between tasks.
  explicit Worker(const std::string& name, std::size_t max_tasks = 4096, Task idle = {},
                  base::DurationUs every_us = base::kSecond);
  ~Worker();  // runs what was posted, then joins
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // False: the queue is full, the caller tells its own caller to come back later. Any thread.
  [[nodiscard]] bool post(Task task);
  // Ahead of everything that waits, and never refused: alerts.
  void post_urgent(Task task);
  // Runs the idle task soon. Any thread.
  void wake();
  void stop();  // as the destructor

 private:
  void run();
  const std::size_t max_tasks_;
  const Task idle_;
  const base::DurationUs every_us_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Task> tasks_;
  bool woken_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace lander::os
