#include "site/intake.h"

#include <pthread.h>

#include <chrono>
#include <span>
#include <utility>

namespace lander::site {
namespace {

constexpr auto kTick = std::chrono::milliseconds(200);
constexpr base::DurationUs kHealthEvery = 500 * base::kMillisecond;

std::size_t weight(std::span<const sensing::Observation> observations) {
  std::size_t out = observations.size();
  for (const auto& one : observations)
    out += sensing::held_bytes(one.value) / sizeof(sensing::Observation);
  return out;
}

}  // namespace

Intake::Intake(os::Clock& clock, Signalled signalled, Keep keep)
    : clock_(clock),
      signalled_(std::move(signalled)),
      keep_(std::move(keep)),
      thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "pipeline");
}

Intake::~Intake() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  thread_.join();
}

bool Intake::accept(std::vector<sensing::Observation>& observations, Durable durable) {
  const std::size_t count = observations.size();
  const std::size_t heavy = weight(observations);
  const std::size_t before = pending_.fetch_add(heavy, std::memory_order_relaxed);
  if (before > 0 && before + heavy > kMaxPending) {
    pending_.fetch_sub(heavy, std::memory_order_relaxed);
    refused_.fetch_add(count, std::memory_order_relaxed);
    return false;
  }
  accepted_.fetch_add(count, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    arrived_.push_back({std::move(observations), std::move(durable)});
  }
  ready_.notify_one();
  observations.clear();
  return true;
}

void Intake::run() {
  Engine engine;
  std::vector<Batch> batches;
  std::vector<std::function<void(Engine&)>> changes;
  base::DurationUs next_tick = 0, next_health = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      ready_.wait_for(lock, kTick,
                      [&] { return stopping_ || !arrived_.empty() || !changes_.empty(); });
      if (stopping_) return;
      batches.swap(arrived_);
      changes.swap(changes_);
    }
    for (auto& change : changes) change(engine);
    changes.clear();
    const base::TimeUs now = clock_.wall_us() + utc_offset_.load(std::memory_order_relaxed);
    for (const Batch& batch : batches) engine.observe(batch.observations, now, signalled_);
    if (!batches.empty()) {
      const std::lock_guard lock(seen_mutex_);
      for (Batch& batch : batches) seen_.push_back(std::move(batch));
    }
    batches.clear();
    const base::DurationUs monotonic = clock_.monotonic_us();
    if (monotonic >= next_tick) {
      next_tick = monotonic + std::chrono::microseconds(kTick).count();
      engine.tick(now, signalled_);
    }
    if (monotonic >= next_health) {
      next_health = monotonic + kHealthEvery;
      auto health = engine.health();
      const std::lock_guard lock(health_mutex_);
      health_.swap(health);
    }
  }
}

const std::vector<sensing::Observation>& Intake::uncommitted() {
  std::vector<Batch> seen;
  {
    const std::lock_guard lock(seen_mutex_);
    seen.swap(seen_);
  }
  for (Batch& batch : seen) {
    taken_.insert(taken_.end(), std::make_move_iterator(batch.observations.begin()),
                  std::make_move_iterator(batch.observations.end()));
    if (batch.durable) waiting_.push_back(std::move(batch.durable));
  }
  return taken_;
}

void Intake::committed(std::size_t count) {
  const std::size_t heavy = weight(std::span(taken_).first(count));
  taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(count));
  pending_.fetch_sub(heavy, std::memory_order_relaxed);
}

void Intake::settle() {
  LANDER_CHECK(taken_.empty());
  for (const Durable& durable : waiting_) durable({});
  waiting_.clear();
}

void Intake::install(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
                     std::vector<sensing::SeriesKey> series) {
  {
    const std::lock_guard lock(mutex_);
    changes_.push_back(
        [id = std::move(id), pipeline = std::move(pipeline),
         series = std::move(series)](Engine& engine) { engine.install(id, pipeline, series); });
  }
  ready_.notify_one();
}

void Intake::remove(std::string id) {
  {
    const std::lock_guard lock(mutex_);
    changes_.push_back([id = std::move(id)](Engine& engine) { engine.remove(id); });
  }
  ready_.notify_one();
}

std::map<std::string, Engine::PipelineHealth> Intake::health() const {
  const std::lock_guard lock(health_mutex_);
  return health_;
}

Intake::Stats Intake::stats() const {
  return {accepted_.load(std::memory_order_relaxed), refused_.load(std::memory_order_relaxed),
          pending_.load(std::memory_order_relaxed)};
}

}  // namespace lander::site
