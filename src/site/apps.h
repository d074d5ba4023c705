// Apps on this site: fetched piece by piece, verified before unpacked, bound by meaning, started,
// watched by their health gate, rolled back when they fail it. Decides by twin::step; this class
// acts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "link/link.h"
#include "package/package.h"
#include "site/alarms.h"
#include "site/context.h"
#include "trust/trust.h"
#include "twin/twin.h"

namespace lander::site {

// Core's thread only.
class Apps {
 public:
  // `bound`: the datastreams that are measured now, to bind ports to; call rebind() when it
  // changed.
  Apps(Context& context, Alarms& alarms, const std::vector<source::Bound>& bound)
      : context_(context), alarms_(alarms), bound_(bound) {}
  // Continues where the last run stopped.
  base::Status load(std::optional<trust::Document> trust);

  // An older document than the one in force is not taken. What was refused is tried again by it,
  // and what runs but is trusted no more ends.
  void set_trust(trust::Document trust);
  const std::optional<trust::Document>& trust() const { return trust_; }
  std::uint64_t trust_version() const { return trust_ ? trust_->version : 0; }
  void want(const std::vector<twin::AppAssignment>& assignments);
  void rebind();  // datastreams changed: bind the running apps anew
  void tick();    // gates

  // Pieces that are to be asked for. A piece that came: the record to commit, then accepted().
  std::vector<link::Want> wants() const;
  // `before`: bytes of this blob that came earlier in the same bundle and are not accepted() yet.
  base::Result<store::Record> piece(const link::BlobPiece& piece, std::uint64_t before) const;
  void accepted(const link::BlobPiece& piece);
  std::uint64_t fetched_bytes() const { return fetched_bytes_; }  // since the start

  std::vector<twin::Component> components() const;

 private:
  struct App {
    twin::AppState state;
    twin::AppAssignment wanted;
    base::DurationUs gate_started = 0;  // monotonic
    package::HealthGate gate;
    std::string running_version, binding_error;
  };
  struct Arriving {
    std::uint64_t held = 0, total = 0;
    base::DurationUs next_try = 0;  // monotonic: when it is whole, but could not be written
    bool whole() const { return total > 0 && held >= total; }
  };
  void event(App& app, const twin::AppEvent& event);
  void act(App& app, twin::AppDo action, const std::string& digest);
  void fetch(App& app, const std::string& digest);
  void verify(App& app, const std::string& digest);
  void start(App& app, const std::string& digest);
  struct Prepared {
    package::Manifest manifest;
    std::shared_ptr<stream::Pipeline> pipeline;
    std::vector<sensing::SeriesKey> series;
  };
  base::Result<Prepared> prepare(const App& app, const std::string& digest) const;
  void check_gate(App& app);
  void drop_unwanted();               // pieces that nobody waits for any more
  void complete(std::string digest);  // what is whole becomes a file
  base::Status assemble(const std::string& digest, std::uint64_t total);
  std::string path(const std::string& digest) const {
    return context_.folder + "/packages/" + digest;
  }
  static std::string pipeline_id(const App& app) { return "app/" + app.state.name; }

  Context& context_;
  Alarms& alarms_;
  const std::vector<source::Bound>& bound_;
  std::optional<trust::Document> trust_;
  std::map<std::string, App> apps_;           // by name
  std::map<std::string, Arriving> arriving_;  // by digest
  std::uint64_t fetched_bytes_ = 0;
};

}  // namespace lander::site
