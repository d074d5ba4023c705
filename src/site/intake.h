// From the sources to the pipelines to the disk: a bounded queue with two readers in a row. The
// pipelines see a batch at once; the committer takes what they have seen, and only when it is
// durable the source hears of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "os/clock.h"
#include "site/engine.h"
#include "source/source.h"

namespace lander::site {

class Intake : public source::Sink {
 public:
  using Durable = std::function<void(const base::Status&)>;
  // What pipelines signalled: called on the pipeline thread, must not block.
  using Signalled = std::function<void(const std::string& pipeline, const stream::Signal& signal)>;

  // Makes an object's content durable; called on the sources' threads.
  using Keep = std::function<base::Result<sensing::Object>(base::ByteView, std::string_view)>;

  Intake(os::Clock& clock, Signalled signalled, Keep keep);
  ~Intake() override;  // stops and joins the pipeline thread

  // Any thread. Refuses when what waits to become durable would weigh more than kMaxPending; what
  // is heavier alone is taken when nothing waits.
  bool accept(std::vector<sensing::Observation>& observations, Durable durable) override;
  base::Result<sensing::Object> keep(base::ByteView content, std::string_view media_type) override {
    return keep_(content, media_type);
  }

  // Core's thread: what the pipelines have seen and is not durable yet. committed() drops the first
  // of them; when none is left, settle() tells the sources.
  const std::vector<sensing::Observation>& uncommitted();
  void committed(std::size_t count);
  void settle();

  // Any thread; takes effect between two batches.
  void install(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
               std::vector<sensing::SeriesKey> series);
  void remove(std::string id);
  std::map<std::string, Engine::PipelineHealth> health() const;
  void set_utc_offset(base::DurationUs offset) {
    utc_offset_.store(offset, std::memory_order_relaxed);
  }

  struct Stats {
    std::uint64_t accepted = 0, refused = 0;
    std::size_t pending = 0;
  };
  Stats stats() const;

  // In observations of one number; a waveform weighs as many as its samples take.
  static constexpr std::size_t kMaxPending = 65'536;

 private:
  struct Batch {
    std::vector<sensing::Observation> observations;
    Durable durable;
  };
  void run();

  os::Clock& clock_;
  const Signalled signalled_;
  const Keep keep_;
  std::atomic<base::DurationUs> utc_offset_{0};
  std::atomic<std::size_t> pending_{0};
  std::atomic<std::uint64_t> accepted_{0}, refused_{0};

  std::mutex mutex_;  // arrived_, changes_, stopping_
  std::condition_variable ready_;
  std::vector<Batch> arrived_;
  std::vector<std::function<void(Engine&)>> changes_;
  bool stopping_ = false;

  std::mutex seen_mutex_;
  std::vector<Batch> seen_;

  mutable std::mutex health_mutex_;
  std::map<std::string, Engine::PipelineHealth> health_;

  // Core's thread only.
  std::vector<sensing::Observation> taken_;
  std::vector<Durable> waiting_;

  std::thread thread_;
};

}  // namespace lander::site
