// What the store's benchmark measures: a durable store of series of numbers. Each engine lives in a
// process of its own (see store.cc), is used by one thread, except for upkeep(), and ends the
// process with a message when anything fails.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "sensing/observation.h"

namespace bench {

using lander::sensing::Observation;

// Samples that a query gave, so that sides can be compared.
struct Answer {
  double count = 0, sum = 0;
};

struct EngineOptions {
  std::string folder;  // stands
  int series = 1;
  std::string vfs;                      // of SQLite; empty: the system's
  lander::base::DurationUs passed = 0;  // since kStart, by the clock, when it is opened
  bool compact_all = false;             // the store: settle() leaves no tail
};

class Engine {
 public:
  virtual ~Engine() = default;
  // Durable when it returns. May change what is in `batch`'s objects for the time of the call.
  // `interval`: the time that the batch covers, which passes.
  virtual void commit(std::vector<Observation>& batch, lander::base::DurationUs interval) = 0;
  // A bounded step of work that the owner must call for, from any thread; false: nothing to do.
  virtual bool upkeep() { return false; }
  // Until nothing is left to be done in the background, everything in its final files. Returns the
  // seconds that this took, without those in which it was only watched.
  virtual double settle() = 0;
  // Every sample of one series (from 1) in [from, to), with its time.
  virtual Answer read(int series, lander::base::TimeUs from, lander::base::TimeUs to) = 0;
  // min, max and mean of 1,000 equal spans.
  virtual Answer plot(int series, lander::base::TimeUs from, lander::base::TimeUs to) = 0;
  virtual pid_t pid() const;  // of the process that does the work
};

// "store", "rows", "duckdb", "influxdb"
std::unique_ptr<Engine> make_engine(const std::string& side, const EngineOptions& options);
std::unique_ptr<Engine> make_store(const EngineOptions& options);
std::unique_ptr<Engine> make_rows(const EngineOptions& options);
std::unique_ptr<Engine> make_duckdb(const EngineOptions& options);
std::unique_ptr<Engine> make_influxdb(const EngineOptions& options);
// Why this side cannot run here; empty: it can.
std::string missing(const std::string& side);

inline constexpr int kBuckets = 1000;

}  // namespace bench
