// The site's models: active, shadow and previous of each asset, the loop that renews them, and the
// watch pipelines that run them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/history.h"
#include "model/model.h"
#include "site/alarms.h"
#include "site/context.h"
#include "site/learn_job.h"
#include "site/model_loop.h"
#include "site/training.h"

namespace lander::site {

struct Pointers {
  std::string asset, active, shadow, previous;  // digests; empty: none
};
base::Bytes encode(const Pointers& pointers);
base::Result<Pointers> decode_pointers(base::ByteView bytes);

// Core's thread only.
class Models {
 public:
  Models(Context& context, Alarms& alarms) : context_(context), alarms_(alarms) {}
  base::Status load();
  // (Re)installs the watches of all assets: after load, and whenever series change.
  void install_watches();

  // A new model becomes the shadow; the first of an asset too. `actor`: who had it trained.
  base::Status add(const model::Model& model, const std::string& actor = "site",
                   const std::string& why = "");
  base::Result<Pointers> promote(const std::string& asset, const std::string& digest,
                                 const std::string& actor = "site");
  base::Result<Pointers> rollback(const std::string& asset, const std::string& actor = "site");

  // The loop (model_loop.h). tick(): about once a second; looks once a minute. finished(): what a
  // job that Shell::learn took came to.
  void tick(base::TimeUs now, twin::Autonomy autonomy);
  base::Status finished(const LearnJob& job, LearnResult result);
  LoopState loop(const std::string& asset) const;
  model::History history(const std::string& asset) const;
  // How far the active model's data has moved; text for people.
  std::pair<double, std::string> drift(const std::string& asset) const;

  std::vector<Pointers> all() const;
  std::optional<Pointers> find(const std::string& asset) const;
  std::optional<model::Model> model(const std::string& digest) const;
  std::vector<twin::Component> components() const;

 private:
  // One step of the loop, with `wanted` where a person changes what watches; all in one commit.
  base::Status advance(const std::string& asset, const LoopEvent& event,
                       const Pointers* wanted = nullptr, const model::Model* added = nullptr);
  LoopFacts facts(const std::string& asset, base::TimeUs now) const;
  void act(const std::string& asset, LoopDo action);
  LearnJob job(const std::string& asset, bool compares) const;
  void put(store::Batch& batch, const Pointers& pointers, const model::Model* added) const;
  // A model holds means and ranges of its inputs: with one that never leaves it does not either.
  bool may_leave(const model::Model& model) const;
  void install(const Pointers& pointers);
  void install_one(const std::string& id, const std::string& asset, const std::string& digest);

  Context& context_;
  Alarms& alarms_;
  std::map<std::string, Pointers> pointers_;  // by asset
  std::map<std::string, LoopState> loops_;    // by asset
  std::map<std::string, model::History> histories_;
  twin::Autonomy autonomy_ = twin::Autonomy::kShadow;
  base::DurationUs next_look_ = 0;                // monotonic
  std::map<std::string, std::string> failed_;     // pipeline id -> reason
  std::map<std::string, std::string> installed_;  // pipeline id -> digest
};

}  // namespace lander::site
