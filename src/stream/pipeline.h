// Pipelines: declared data flow from ports to alerts, over a closed catalogue of nodes and one
// small expression language. Format: docs/formats/pipeline.md.
//
// A Spec is parsed and validated once; a Pipeline is a Spec bound to series. step() does no I/O,
// takes no lock and does not allocate in steady state. Not thread-safe: the pipeline thread owns
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alert/alert.h"
#include "base/yaml.h"
#include "model/drift.h"
#include "model/model.h"
#include "sensing/datastream.h"
#include "sensing/observation.h"

namespace lander::stream {

// What a pipeline needs, by meaning. Bound when a revision is planned.
struct Port {
  std::string name;
  std::string property;  // observed property that a datastream must have
  std::string unit;      // UCUM it is converted to
  std::string asset;     // optional suffix of the asset path, to tell two alike apart
  base::DurationUs stale_after = 10 * base::kSecond;  // an older value is missing
};

class Spec {
 public:
  // `app`: the root of an app.yaml, of which only `ports` and `pipeline` are read; the keys that
  // belong to package/manifest are passed over, others are mistakes. `files`: the package's other
  // files by name, for model nodes. kInvalid: all mistakes, one a line, with line and column.
  static base::Result<std::shared_ptr<const Spec>> parse(
      base::Yaml app, const std::map<std::string, base::Bytes>& files = {});
  virtual ~Spec() = default;
  virtual const std::vector<Port>& ports() const = 0;
};

struct BoundPort {
  sensing::SeriesKey series = 0;
  std::string datastream;
  std::string from_unit;
  std::string asset;  // of the datastream; an app's alert names what all its ports have in common
};

// What comes out. `raise`/`clear` are edges, already debounced by the rule's on-delay and
// hysteresis. A pipeline starts with every rule clear, and tells only changes: whoever starts one
// ends or keeps what an earlier run had raised.
struct Signal {
  bool raise = true;
  std::string rule;  // name within the pipeline
  base::TimeUs time = 0;
  alert::Info
      info;  // of a clear: asset, title, severity; `rule` and evidence are completed by the caller
};

struct Health {
  std::uint64_t observations = 0;         // of bound series, late ones too
  std::uint64_t evaluations = 0;          // of rules (of a watch: frames) whose result was known
  std::uint64_t invalid_evaluations = 0;  // that lacked an input, after the result was known once
                                          // or the slowest port had been waited for
  std::uint64_t signals = 0;
  std::string error;  // the app cannot do what it declares: a window overflows; empty: none
};

class Pipeline {
 public:
  // kInvalid: a port's unit does not convert; kNotFound: a port is not bound.
  static base::Result<std::unique_ptr<Pipeline>> make(
      const std::shared_ptr<const Spec>& spec, const std::map<std::string, BoundPort>& ports);
  virtual ~Pipeline() = default;
  using Sink = std::function<void(const Signal&)>;
  // Observations of other series are ignored. `now`: UTC by the site's clock. An observation older
  // than its port's newest, or older than the pipeline's instant by more than the port's
  // stale_after, is late: it changes windows but raises nothing.
  virtual void step(const sensing::Observation& observation, base::TimeUs now,
                    const Sink& sink) = 0;
  // At least once a second: staleness, on-delays, windows that end by time.
  virtual void tick(base::TimeUs now, const Sink& sink) = 0;
  virtual const Health& health() const = 0;
};

// The built-in watch: a model's detector over an asset's datastreams, judged as model/judge.h says,
// naming causes by the model's shares. Used for every asset with an active model.
struct WatchOptions {
  std::string asset, model_digest;
  base::DurationUs stale_after =
      10 * base::kSecond;  // an older value is missing; at least 3 intervals
};
// An input that is not in `by_datastream` is missing for good. kNotFound: that is over half of
// them.
base::Result<std::unique_ptr<Pipeline>> make_watch(
    const model::Model& model, const std::map<std::string, BoundPort>& by_datastream,
    const WatchOptions& options);
// The score the watch computed last; for shadow models and charts. Null when the pipeline is no
// watch.
struct WatchScore {
  base::TimeUs time = 0;
  double score = 0;
  bool valid = false;
  model::Drift drift;
};
const WatchScore* watch_score(const Pipeline& pipeline);

// Of an observation; a time beyond 300 years around 1970 is ignored by every pipeline.
bool plausible_time(base::TimeUs time);

}  // namespace lander::stream
