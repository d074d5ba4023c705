#include "site/drivers.h"

#include <algorithm>
#include <utility>

#include "os/log.h"

namespace lander::site {
namespace {

base::Bytes fingerprint(const source::Config& config, const std::vector<source::Bound>& bound) {
  base::Bytes out;
  auto add = [&](std::string_view text) {
    out.insert(out.end(), text.begin(), text.end());
    out.push_back(0);
  };
  add(config.address);
  add(config.username);
  add(config.password_file);
  add(config.time_column);
  for (const auto& topic : config.topics) add(topic);
  add(std::to_string(static_cast<int>(config.driver)) + "/" + std::to_string(config.poll_interval) +
      "/" + std::to_string(config.speed) + "/" + std::to_string(config.loop));
  for (const auto& b : bound) {
    const auto encoded = sensing::encode(b.datastream);
    out.insert(out.end(), encoded.begin(), encoded.end());
    add(std::to_string(b.series));
  }
  return out;
}

}  // namespace

void Drivers::run(std::vector<source::Config> configs, std::vector<source::Bound> bound) {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = {std::move(configs), std::move(bound)};
    if (std::exchange(posted_, true)) return;
  }
  if (!worker_.post([this] { apply_wanted(); })) worker_.post_urgent([this] { apply_wanted(); });
}

void Drivers::retry_failed() {
  {
    const std::lock_guard lock(mutex_);
    const bool failed = std::any_of(running_.begin(), running_.end(),
                                    [](const auto& entry) { return !entry.second.error.empty(); });
    if (!failed || std::exchange(posted_, true)) return;
  }
  if (worker_.post([this] { apply_wanted(); })) return;
  const std::lock_guard lock(mutex_);
  posted_ = false;
}

void Drivers::apply_wanted() {
  Wanted wanted;
  {
    const std::lock_guard lock(mutex_);
    posted_ = false;
    wanted = wanted_;
  }
  apply(std::move(wanted.configs), wanted.bound);
}

void Drivers::apply(std::vector<source::Config> configs, const std::vector<source::Bound>& bound) {
  std::map<std::string, Running> next;
  for (auto& config : configs) {
    if (config.client_id.empty()) config.client_id = "lander-" + site_ + "-" + config.id;
    std::vector<source::Bound> mine;
    std::copy_if(bound.begin(), bound.end(), std::back_inserter(mine),
                 [&](const source::Bound& b) { return b.datastream.binding.source == config.id; });
    base::Bytes print = fingerprint(config, mine);
    {
      const std::lock_guard lock(mutex_);
      const auto at = running_.find(config.id);
      if (at != running_.end() && at->second.bound == print && at->second.error.empty()) {
        next[config.id] = at->second;
        continue;
      }
    }
    Running running;
    running.config = config;
    running.bound = std::move(print);
    std::shared_ptr<source::Source> old;
    std::string error_before;
    {
      const std::lock_guard lock(mutex_);
      if (const auto at = running_.find(config.id); at != running_.end()) {
        old = std::move(at->second.source);
        error_before = at->second.error;
      }
    }
    old.reset();  // it lets go of its connection (and its MQTT session) before the new one takes it
    auto made = source::make_source(config, clock_);
    if (made.ok()) {
      running.source = std::move(*made);
      if (auto started = running.source->start(std::move(mine), sink_); !started.ok()) {
        running.error = started.error().message();
      }
    } else {
      running.error = made.error().message();
    }
    if (!running.error.empty()) {
      running.source.reset();
      if (running.error != error_before)
        os::log_warn("source", "could not start",
                     {{"source", config.id}, {"error", running.error}});
    }
    next[config.id] = std::move(running);
  }
  {
    const std::lock_guard lock(mutex_);
    running_.swap(next);
  }
  // `next` now holds what is no longer wanted: it stops here, without the lock.
}

void Drivers::stop() {
  std::map<std::string, Running> last;
  {
    const std::lock_guard lock(mutex_);
    running_.swap(last);
  }
}

std::map<std::string, Drivers::Running> Drivers::snapshot() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

std::map<std::string, source::Health> Drivers::health() const {
  std::map<std::string, source::Health> out;
  for (const auto& [id, running] : snapshot()) {
    if (running.source) {
      out[id] = running.source->health();
    } else {
      out[id].state = source::Health::State::kDisconnected;
      out[id].reason = running.error;
    }
  }
  return out;
}

std::vector<source::Candidate> Drivers::candidates() const {
  std::vector<source::Candidate> out;
  for (const auto& [id, running] : snapshot()) {
    if (!running.source) continue;
    for (auto& candidate : running.source->candidates()) out.push_back(std::move(candidate));
  }
  return out;
}

}  // namespace lander::site
