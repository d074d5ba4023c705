// The sources that run: started, left alone while nothing about them changed, replaced, asked.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "os/clock.h"
#include "os/worker.h"
#include "source/source.h"

namespace lander::site {

// Thread-safe. Starting and stopping may take seconds and happens on `worker`.
class Drivers {
 public:
  Drivers(os::Clock& clock, source::Sink& sink, os::Worker& worker, std::string site)
      : clock_(clock), sink_(sink), worker_(worker), site_(std::move(site)) {}
  // The newest call counts; one that it overtook is not carried out.
  void run(std::vector<source::Config> configs, std::vector<source::Bound> bound);
  void retry_failed();  // those that could not start: a file may be there by now
  void stop();          // all, and waits; on the caller's thread
  std::map<std::string, source::Health> health() const;
  std::vector<source::Candidate> candidates() const;

 private:
  struct Running {
    source::Config config;
    base::Bytes bound;  // what it was started with, encoded: to see a change
    std::shared_ptr<source::Source> source;
    std::string error;
  };
  struct Wanted {
    std::vector<source::Config> configs;
    std::vector<source::Bound> bound;
  };
  void apply_wanted();
  void apply(std::vector<source::Config> configs, const std::vector<source::Bound>& bound);
  std::map<std::string, Running> snapshot() const;

  os::Clock& clock_;
  source::Sink& sink_;
  os::Worker& worker_;
  const std::string site_;
  mutable std::mutex mutex_;  // what follows
  Wanted wanted_;
  bool posted_ = false;  // a task that will carry out wanted_
  std::map<std::string, Running> running_;
};

}  // namespace lander::site
