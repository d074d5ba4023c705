#include <array>
#include <map>
#include <set>

#include "twin/codec.h"
#include "twin/twin.h"

namespace lander::twin {
namespace {

using sensing::Datastream;

base::Bytes encoded(const source::Config& config) {
  base::CborWriter out;
  put(out, config);
  return out.take();
}

bool equal(const Datastream& a, Datastream b) {
  b.revision = a.revision;
  return sensing::encode(a) == sensing::encode(b);
}

bool equal(const std::vector<package::PortBinding>& a, const std::vector<package::PortBinding>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.port == y.port && x.datastream == y.datastream;
  });
}

bool equal(const std::optional<Webhook>& a, const std::optional<Webhook>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a || (a->url == b->url && a->least_severity == b->least_severity);
}

template <class T>
std::map<std::string, const T*> by_name(const std::vector<T>& all, std::string T::*name) {
  std::map<std::string, const T*> out;
  for (const T& one : all) out.emplace(one.*name, &one);
  return out;
}

class Planner {
 public:
  Planner(const Desired& running, const Desired& wanted) : running_(running), wanted_(wanted) {}

  std::vector<Action> plan() {
    compare_datastreams();
    compare_sources();
    compare_apps();
    std::vector<Action> out;
    if (running_.commit_interval != wanted_.commit_interval) {
      out.push_back({ActionKind::kSetCommitInterval, ""});
    }
    if (!equal(running_.webhook, wanted_.webhook)) out.push_back({ActionKind::kSetWebhook, ""});
    if (running_.carriers != wanted_.carriers) out.push_back({ActionKind::kSetCarriers, ""});
    if (running_.autonomy != wanted_.autonomy) out.push_back({ActionKind::kSetAutonomy, ""});
    for (const ActionKind kind :
         {ActionKind::kDeclare, ActionKind::kRemoveApp, ActionKind::kStopSource,
          ActionKind::kRetire, ActionKind::kStartSource, ActionKind::kInstallApp,
          ActionKind::kRebindApp}) {
      for (const std::string& id : ids_[kind]) out.push_back({kind, id});
    }
    return out;
  }

 private:
  void compare_datastreams() {
    const auto before = by_name(running_.datastreams, &Datastream::id);
    const auto after = by_name(wanted_.datastreams, &Datastream::id);
    for (const auto& [id, datastream] : after) {
      const auto known = before.find(id);
      if (known != before.end() && equal(*known->second, *datastream)) continue;
      ids_[ActionKind::kDeclare].insert(id);
      if (known != before.end() && same_revision(*known->second, *datastream)) continue;
      fed_differently(datastream->binding.source);
      if (known != before.end()) fed_differently(known->second->binding.source);
    }
    for (const auto& [id, datastream] : before) {
      if (after.contains(id)) continue;
      ids_[ActionKind::kRetire].insert(id);
      fed_differently(datastream->binding.source);
    }
  }

  void fed_differently(const std::string& source) {
    touched_.insert(source);
    meaning_changed_ = true;
  }

  void compare_sources() {
    const auto before = by_name(running_.sources, &source::Config::id);
    const auto after = by_name(wanted_.sources, &source::Config::id);
    for (const auto& [id, config] : before) {
      const auto kept = after.find(id);
      if (kept == after.end() || touched_.contains(id) ||
          encoded(*config) != encoded(*kept->second)) {
        ids_[ActionKind::kStopSource].insert(id);
      }
    }
    for (const auto& [id, config] : after) {
      if (!before.contains(id) || ids_[ActionKind::kStopSource].contains(id)) {
        ids_[ActionKind::kStartSource].insert(id);
      }
    }
  }

  void compare_apps() {
    const auto before = by_name(running_.apps, &AppAssignment::name);
    const auto after = by_name(wanted_.apps, &AppAssignment::name);
    for (const auto& [name, app] : before) {
      if (!after.contains(name)) ids_[ActionKind::kRemoveApp].insert(name);
    }
    for (const auto& [name, app] : after) {
      const auto known = before.find(name);
      if (known == before.end() || known->second->digest != app->digest) {
        ids_[ActionKind::kInstallApp].insert(name);
      } else if (meaning_changed_ || !equal(known->second->pinned, app->pinned)) {
        ids_[ActionKind::kRebindApp].insert(name);
      }
    }
  }

  const Desired& running_;
  const Desired& wanted_;
  std::map<ActionKind, std::set<std::string>> ids_;
  std::set<std::string> touched_;  // sources that feed something else than before
  bool meaning_changed_ = false;   // ports may bind to something else than before
};

}  // namespace

std::vector<Action> plan(const Desired& running, const Desired& wanted) {
  return Planner(running, wanted).plan();
}

std::string_view to_string(Autonomy autonomy) {
  constexpr std::array<std::string_view, 3> kNames = {"none", "shadow", "promote"};
  return kNames[static_cast<std::size_t>(autonomy)];
}

std::string to_text(const Action& action) {
  constexpr std::array<std::string_view, 11> kTexts = {
      "stop source/", "start source/", "declare datastream/",   "retire datastream/",
      "install app/", "remove app/",   "set webhook",           "set commit interval",
      "bind app/",    "set carriers",  "set autonomy of models"};
  return std::string(kTexts[static_cast<std::size_t>(action.kind)]) + action.id;
}

}  // namespace lander::twin
