#include "os/worker.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace lander::os {

void yield_to_others() {
  const sched_param none{};
  pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  setpriority(PRIO_PROCESS, thread, 19);                // where there is no SCHED_IDLE
  constexpr int kThisThread = 1, kIdleClass = 3 << 13;  // ioprio_set(2)
  syscall(SYS_ioprio_set, kThisThread, thread, kIdleClass);
}

Worker::Worker(const std::string& name, std::size_t max_tasks, Task idle, base::DurationUs every_us)
    : max_tasks_(max_tasks),
      idle_(std::move(idle)),
      every_us_(every_us),
      thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

Worker::~Worker() { stop(); }

void Worker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Worker::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || tasks_.size() >= max_tasks_) return false;
    tasks_.push_back(std::move(task));
  }
  ready_.notify_one();
  return true;
}

void Worker::post_urgent(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_front(std::move(task));
  }
  ready_.notify_one();
}

void Worker::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  ready_.notify_one();
}

void Worker::run() {
  const auto every = std::chrono::microseconds(every_us_);
  auto next = std::chrono::steady_clock::now() + every;
  std::unique_lock lock(mutex_);
  while (true) {
    ready_.wait_until(lock, next, [&] { return stopping_ || woken_ || !tasks_.empty(); });
    if (!tasks_.empty()) {
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what it captured goes before the lock is taken again
      lock.lock();
    } else if (stopping_) {
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    const bool due = std::exchange(woken_, false) || now >= next;
    if (idle_ && due) {
      lock.unlock();
      idle_();
      lock.lock();
    }
    if (now >= next) next = now + every;
  }
}

}  // namespace lander::os
