// The site's models: active, shadow and previous of each asset, training on its own history, and
// the watch pipelines that run them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "learn/learn.h"
#include "model/model.h"
#include "site/alarms.h"
#include "site/context.h"

namespace lander::site {

struct Pointers {
  std::string asset, active, shadow, previous;  // digests; empty: none
};
base::Bytes encode(const Pointers& pointers);
base::Result<Pointers> decode_pointers(base::ByteView bytes);

// Core's thread only, except frames(), which any thread may call.
class Models {
 public:
  Models(Context& context, Alarms& alarms) : context_(context), alarms_(alarms) {}
  base::Status load();
  // (Re)installs the watches of all assets: after load, and whenever series change.
  void install_watches();

  // What training would see: the asset's number datastreams over [from, to), one frame an
  // interval, without what alarms marked as faulty. Reads the store; slow.
  static base::Result<learn::Frames> frames(
      const store::Store& store, const std::string& asset, base::TimeUs from, base::TimeUs to,
      base::DurationUs interval, const std::vector<std::pair<base::TimeUs, base::TimeUs>>& faulty);
  // Intervals in which an alarm of this asset was active.
  std::vector<std::pair<base::TimeUs, base::TimeUs>> faulty(const std::string& asset,
                                                            base::TimeUs now) const;

  // A new model becomes the shadow; the first of an asset too: a person promotes.
  base::Status add(const model::Model& model);
  base::Result<Pointers> promote(const std::string& asset, const std::string& digest);
  base::Result<Pointers> rollback(const std::string& asset);

  std::vector<Pointers> all() const;
  std::optional<Pointers> find(const std::string& asset) const;
  std::optional<model::Model> model(const std::string& digest) const;
  std::vector<twin::Component> components() const;

 private:
  base::Status write(const Pointers& pointers, const model::Model* added);
  // A model holds means and ranges of its inputs: with one that never leaves it does not either.
  bool may_leave(const model::Model& model) const;
  void install(const Pointers& pointers);
  void install_one(const std::string& id, const std::string& asset, const std::string& digest);

  Context& context_;
  Alarms& alarms_;
  std::map<std::string, Pointers> pointers_;      // by asset
  std::map<std::string, std::string> failed_;     // pipeline id -> reason
  std::map<std::string, std::string> installed_;  // pipeline id -> digest
};

}  // namespace lander::site
