// Drivers that capture. A source owns its connection and its thread, turns what arrives into
// observations of the datastreams bound to it, and never loses what its peer could still resend.
//
// Adding a driver is one .cc with a make_ function and a line in make_source().
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "os/clock.h"
#include "sensing/datastream.h"
#include "sensing/observation.h"
#include "source/config.h"

namespace lander::source {

struct Bound {
  sensing::SeriesKey series = 0;
  sensing::Datastream datastream;
};

// Called from the source's thread.
class Sink {
 public:
  virtual ~Sink() = default;
  // Takes the observations, or refuses them when the queue is full: the source then holds back its
  // peer and tries again. `durable` is called once, from any thread, with ok when all are on disk or
  // with the error; a source that can wait acknowledges only then.
  virtual bool accept(std::vector<sensing::Observation>& observations,
                      std::function<void(const base::Status&)> durable) = 0;
};

// What a source sees, declared or not. `example` is the last raw value as text.
struct Candidate {
  std::string source, address;
  std::string example;
  double rate_hz = 0;
  std::string suggested_property, suggested_unit;  // best guess, may be empty
  sensing::Kind kind = sensing::Kind::kNumber;
  bool declared = false;
};

struct Health {
  enum class State : std::uint8_t { kStarting, kConnected, kDegraded, kDisconnected } state = State::kStarting;
  std::string reason;  // "connect to 127.0.0.1:1502: refused; next try in 4s"
  std::uint64_t received = 0, refused = 0, malformed = 0;
  std::string last_malformed;  // "topic x, offset 17: expected a number, found \"abc\""
};

class Source {
 public:
  virtual ~Source() = default;  // stops and joins
  virtual base::Status start(std::vector<Bound> bound, Sink& sink) = 0;  // once; the sink outlives it
  virtual std::vector<Candidate> candidates() const = 0;                 // any thread; at most 1,000
  virtual Health health() const = 0;                                     // any thread
};

base::Result<std::unique_ptr<Source>> make_source(const Config& config, os::Clock& clock);

// Shared by the drivers, and tested alone: raw number -> observation by calibration, units and range.
class Converter {
 public:
  static base::Result<Converter> make(const Bound& bound);
  // NaN, infinite or beyond ±1e30: BadSensorFailure; outside least..most: BadOutOfRange. The value
  // is kept as it came in either case.
  sensing::Observation number(double raw, base::TimeUs time, std::uint64_t sequence = 0) const;
  const Bound& bound() const { return bound_; }

 private:
  Bound bound_;
  double factor_ = 1, offset_ = 0;
};

}  // namespace lander::source
