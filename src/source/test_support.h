// What the tests of the drivers share: a sink that can be slow, full or failing, and datastreams.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "source/source.h"

namespace lander::source {

inline Bound bound_to(sensing::SeriesKey series, const std::string& address,
                      sensing::Kind kind = sensing::Kind::kNumber) {
  Bound bound;
  bound.series = series;
  bound.datastream.id = "d" + std::to_string(series);
  bound.datastream.asset = "acme/pumps/p1";
  bound.datastream.property = "pressure";
  bound.datastream.kind = kind;
  bound.datastream.binding.source = "s";
  bound.datastream.binding.address = address;
  bound.datastream.binding.interval = 20 * base::kMillisecond;
  return bound;
}

// Polls a condition of the world outside; false when it did not come within 20 s.
inline bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// Thread-safe. Takes all by default, and says at once that it is durable.
class TestSink : public Sink {
 public:
  using Durable = std::function<void(const base::Status&)>;

  bool accept(std::vector<sensing::Observation>& observations, Durable durable) override {
    {
      const std::lock_guard lock(mutex_);
      if (full_) return false;
      taken_.insert(taken_.end(), observations.begin(), observations.end());
      observations.clear();
      if (hold_) {
        waiting_.push_back(std::move(durable));
        return true;
      }
    }
    durable({});
    return true;
  }

  void set_full(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
  }
  void hold_commits(bool hold) {
    const std::lock_guard lock(mutex_);
    hold_ = hold;
  }
  // Ends what waits, as a commit or as a failure.
  void finish(const base::Status& status = {}) {
    std::vector<Durable> waiting;
    {
      const std::lock_guard lock(mutex_);
      waiting.swap(waiting_);
    }
    for (const Durable& durable : waiting) durable(status);
  }
  std::vector<sensing::Observation> taken() const {
    const std::lock_guard lock(mutex_);
    return taken_;
  }
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return taken_.size();
  }
  bool wait_for(std::size_t count) const {
    return eventually([&] { return this->count() >= count; });
  }

 private:
  mutable std::mutex mutex_;
  bool full_ = false, hold_ = false;
  std::vector<sensing::Observation> taken_;
  std::vector<Durable> waiting_;
};

}  // namespace lander::source
