// The pipelines of a site: every observation goes to those that are bound to its series. Owned by
// the pipeline thread; no disk, no lock, no allocation in steady state.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "stream/pipeline.h"

namespace lander::site {

class Engine {
 public:
  // `id`: "app/pump-watch" or "watch/<asset>" or "shadow/<asset>".
  using Sink = std::function<void(const std::string& id, const stream::Signal&)>;

  // Replaces the pipeline of this id. `series`: what it wants to see.
  void install(std::string id, std::shared_ptr<stream::Pipeline> pipeline,
               const std::vector<sensing::SeriesKey>& series);
  void remove(const std::string& id);

  void observe(const std::vector<sensing::Observation>& observations, base::TimeUs now,
               const Sink& sink);
  void tick(base::TimeUs now, const Sink& sink);

  struct PipelineHealth {
    stream::Health health;
    stream::WatchScore score;  // of a watch
  };
  std::map<std::string, PipelineHealth> health() const;

 private:
  struct Entry {
    std::string id;
    std::shared_ptr<stream::Pipeline> pipeline;
    std::vector<sensing::SeriesKey> series;
  };
  void index();
  std::vector<Entry> entries_;
  std::vector<std::vector<std::size_t>> by_series_;  // series -> entries
};

}  // namespace lander::site
