#include "site/engine.h"

#include <algorithm>

namespace lander::site {

void Engine::install(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
                     const std::vector<sensing::SeriesKey>& series) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.id == id; });
  entries_.push_back({std::move(id), std::move(pipeline), series});
  index();
}

void Engine::remove(const std::string& id) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.id == id; });
  index();
}

void Engine::index() {
  by_series_.clear();
  for (std::size_t at = 0; at < entries_.size(); ++at) {
    for (const sensing::SeriesKey key : entries_[at].series) {
      if (by_series_.size() <= key) by_series_.resize(key + 1);
      auto& list = by_series_[key];
      if (std::find(list.begin(), list.end(), at) == list.end()) list.push_back(at);
    }
  }
}

void Engine::observe(const std::vector<sensing::Observation>& observations, base::TimeUs now,
                     const Sink& sink) {
  for (const auto& observation : observations) {
    if (observation.series >= by_series_.size()) continue;
    for (const std::size_t at : by_series_[observation.series]) {
      Entry& entry = entries_[at];
      entry.pipeline->step(observation, now,
                           [&](const stream::Signal& signal) { sink(entry.id, signal); });
    }
  }
}

void Engine::tick(base::TimeUs now, const Sink& sink) {
  for (Entry& entry : entries_) {
    entry.pipeline->tick(now, [&](const stream::Signal& signal) { sink(entry.id, signal); });
  }
}

std::map<std::string, Engine::PipelineHealth> Engine::health() const {
  std::map<std::string, PipelineHealth> out;
  for (const Entry& entry : entries_) {
    PipelineHealth& health = out[entry.id];
    health.health = entry.pipeline->health();
    if (const auto* score = stream::watch_score(*entry.pipeline)) health.score = *score;
  }
  return out;
}

}  // namespace lander::site
