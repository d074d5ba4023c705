// Pipelines: declared data flow from ports to alerts, over a closed catalogue of nodes and one small
// expression language. Format: docs/formats/pipeline.md.
//
// A Spec is parsed and validated once; a Pipeline is a Spec bound to series. step() does no I/O, takes
// no lock and does not allocate in steady state. Not thread-safe: the pipeline thread owns it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alert/alert.h"
#include "base/yaml.h"
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
  // `node`: the map under `pipeline:` and `ports:` of an app (see package/manifest.h). All mistakes
  // with line and column.
  static base::Result<std::shared_ptr<const Spec>> parse(base::Yaml app);
  virtual ~Spec() = default;
  virtual const std::vector<Port>& ports() const = 0;
};

struct BoundPort {
  sensing::SeriesKey series = 0;
  std::string datastream;
  std::string from_unit;
};

// What comes out. `raise`/`clear` are edges, already debounced by the rule's on-delay and hysteresis.
struct Signal {
  bool raise = true;
  std::string rule;  // name within the pipeline
  base::TimeUs time = 0;
  alert::Info info;  // of a raise; `rule` and `asset` are completed by the caller, evidence too
};

struct Health {
  std::uint64_t observations = 0, evaluations = 0, invalid_evaluations = 0, signals = 0;
  std::string error;  // the last, empty: none
};

class Pipeline {
 public:
  // kInvalid: a port's unit does not convert; kNotFound: a port is not bound.
  static base::Result<std::unique_ptr<Pipeline>> make(
      std::shared_ptr<const Spec> spec, std::map<std::string, BoundPort> ports);
  virtual ~Pipeline() = default;
  using Sink = std::function<void(const Signal&)>;
  // Observations of other series are ignored. `now`: UTC by the site's clock. An observation older
  // than the newest evaluated instant changes windows but raises nothing.
  virtual void step(const sensing::Observation& observation, base::TimeUs now, const Sink& sink) = 0;
  // At least once a second: staleness, on-delays, windows that end by time.
  virtual void tick(base::TimeUs now, const Sink& sink) = 0;
  virtual const Health& health() const = 0;
};

// The built-in watch: a model's detector over an asset's datastreams, with on-delay, hysteresis and
// clear-delay, naming causes by the model's shares. Used for every asset with an active model.
struct WatchOptions {
  std::string asset, model_digest;
  base::DurationUs on_delay = 3 * base::kSecond, off_delay = 30 * base::kSecond;
};
base::Result<std::unique_ptr<Pipeline>> make_watch(const model::Model& model,
                                                   const std::map<std::string, BoundPort>& by_datastream,
                                                   const WatchOptions& options);
// The score the watch computed last; for shadow models and charts. Null when the pipeline is no watch.
struct WatchScore {
  base::TimeUs time = 0;
  double score = 0;
  bool valid = false;
};
const WatchScore* watch_score(const Pipeline& pipeline);

}  // namespace lander::stream
