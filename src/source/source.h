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
#include "source/raw.h"

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
  // peer and tries again, with the same observations. `durable` of what was taken is called once,
  // from any thread and even after the source is gone, with ok when all are on disk or with the
  // error; a source that can wait acknowledges only then. It is not called for what was refused.
  virtual bool accept(std::vector<sensing::Observation>& observations,
                      std::function<void(const base::Status&)> durable) = 0;
  // Makes an object's content durable, which an observation may then refer to. May wait for the
  // disk. kUnsupported: this sink keeps none; kInvalid: this one cannot be kept; else try again
  // later.
  virtual base::Result<sensing::Object> keep(base::ByteView content, std::string_view media_type);
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
  enum class State : std::uint8_t {
    kStarting,
    kConnected,
    kDegraded,
    kDisconnected
  } state = State::kStarting;
  std::string reason;  // "connect to 127.0.0.1:1502: refused; next try in 4s"
  // Messages, polls, rows that came in; observations the sink was too full for at the first try;
  // messages or cells that could not be understood, were too long, and why the last of them.
  std::uint64_t received = 0, refused = 0, malformed = 0;
  std::string last_malformed;  // "topic x, offset 17: expected a number, found \"abc\""
};

class Source {
 public:
  // One thread per source, from start() to here: it stops within about two seconds and joins.
  virtual ~Source() = default;
  // Once; the sink outlives the source. kInvalid names the datastream whose address, unit or kind
  // this driver cannot serve, and nothing runs then. Without bound datastreams it looks for
  // candidates only.
  virtual base::Status start(std::vector<Bound> bound, Sink& sink) = 0;
  virtual std::vector<Candidate> candidates() const = 0;  // any thread; at most 1,000
  virtual Health health() const = 0;                      // any thread
};

// kInvalid says what of the configuration cannot be; nothing is opened or connected before start().
// The clock outlives the source.
base::Result<std::unique_ptr<Source>> make_source(const Config& config, os::Clock& clock);

inline constexpr double kAbsurd = 1e30;  // no quantity of industry in any unit of it is larger

// Shared by the drivers, and tested alone: raw value -> observation by calibration, units and
// range. Immutable, thread-safe.
class Converter {
 public:
  // kInvalid names the datastream and the units that do not fit.
  static base::Result<Converter> make(const Bound& bound);
  // For datastreams of kind number or integer (rounded). NaN, infinite or beyond ±kAbsurd:
  // BadSensorFailure, the value kept as it came (0 for an integer, which cannot hold it); outside
  // least..most: BadOutOfRange, converted but not clamped.
  sensing::Observation number(double raw, base::TimeUs time, std::uint64_t sequence = 0) const;
  // By the datastream's kind, which is none of the three below; null is a sensor that failed.
  // kInvalid: "expected a number, found ...".
  base::Result<sensing::Observation> value(const Raw& raw, base::TimeUs time,
                                           std::uint64_t sequence = 0) const;
  // Every sample is converted and judged as a number is; the worst decides the quality. kInvalid:
  // none, too many, or a rate that cannot be. `time` is that of the first.
  base::Result<sensing::Observation> waveform(double rate_hz, std::vector<double> samples,
                                              base::TimeUs time, std::uint64_t sequence = 0) const;
  base::Result<sensing::Observation> interval(base::TimeUs start, base::TimeUs end,
                                              std::string label, std::uint64_t sequence = 0) const;
  sensing::Observation object(sensing::Object object, base::TimeUs time) const;
  // The mark that from here on nothing is known, of a peer that does not answer.
  sensing::Observation lost(base::TimeUs time) const;
  const Bound& bound() const { return bound_; }

 private:
  sensing::Observation integer(std::int64_t raw, base::TimeUs time, std::uint64_t sequence) const;

  Bound bound_;
  double factor_ = 1, offset_ = 0;
};

}  // namespace lander::source
