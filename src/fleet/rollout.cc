#include <algorithm>
#include <array>

#include "fleet/fleet.h"

namespace lander::fleet {
namespace {

using State = Rollout::State;

bool failed(const Rollout::Site& site) {
  return site.status == twin::Status::kRefused || site.status == twin::Status::kFailed ||
         site.status == twin::Status::kRolledBack;
}

// The phase that a site is in; phases.size() when in none.
std::size_t phase_of(const Rollout& rollout, std::string_view site) {
  const auto has = [&](const std::vector<std::string>& phase) {
    return std::find(phase.begin(), phase.end(), site) != phase.end();
  };
  return static_cast<std::size_t>(std::find_if(rollout.phases.begin(), rollout.phases.end(), has) -
                                  rollout.phases.begin());
}

bool decided(const Rollout& rollout, const std::vector<std::string>& phase) {
  return std::all_of(phase.begin(), phase.end(), [&](const std::string& site) {
    return rollout.sites.at(site).status != twin::Status::kPending;
  });
}

void halt_if_too_many_failed(Rollout& rollout) {
  std::size_t count = 0;
  std::string names;
  for (const auto& [name, site] : rollout.sites) {
    if (!failed(site)) continue;
    ++count;
    if (count <= 3) names += (count > 1 ? "; " : "") + name + ": " + site.reason;
  }
  if (count <= rollout.max_failed) return;
  rollout.state = State::kHalted;
  rollout.reason = std::to_string(count) + " of " + std::to_string(rollout.sites.size()) +
                   " sites failed, at most " + std::to_string(rollout.max_failed) + " may (" +
                   names + (count > 3 ? "; ..)" : ")");
}

// Begins phases for as long as the one that runs is decided.
RolloutStep advance(Rollout rollout) {
  RolloutStep out;
  while (rollout.state == State::kRunning) {
    halt_if_too_many_failed(rollout);
    if (rollout.state != State::kRunning || !decided(rollout, rollout.phases[rollout.phase])) break;
    if (rollout.phase + 1 == rollout.phases.size()) {
      rollout.state = State::kDone;
      break;
    }
    const auto& next = rollout.phases[++rollout.phase];
    out.assign.insert(out.assign.end(), next.begin(), next.end());
  }
  out.rollout = std::move(rollout);
  return out;
}

}  // namespace

std::string_view to_string(Rollout::State state) {
  constexpr std::array<std::string_view, 4> kNames = {"running", "done", "halted", "cancelled"};
  return kNames[static_cast<std::size_t>(state)];
}

RolloutStep start(Rollout rollout) {
  if (auto status = valid(rollout); !status.ok()) {
    rollout.state = State::kCancelled;
    rollout.reason = status.error().message();
    return {std::move(rollout), {}};
  }
  rollout.state = State::kRunning;
  rollout.phase = 0;
  rollout.reason.clear();
  rollout.sites.clear();
  for (const auto& phase : rollout.phases) {
    for (const std::string& site : phase) rollout.sites[site] = {};
  }
  const std::vector<std::string> first = rollout.phases[0];
  RolloutStep out = advance(std::move(rollout));
  out.assign.insert(out.assign.begin(), first.begin(), first.end());
  return out;
}

RolloutStep on_reported(Rollout rollout, std::string_view site, const twin::Reported& reported) {
  const auto known = rollout.sites.find(std::string(site));
  if (known == rollout.sites.end() || phase_of(rollout, site) > rollout.phase) {
    return {std::move(rollout), {}};
  }
  const auto component = std::find_if(reported.components.begin(), reported.components.end(),
                                      [&](const auto& c) { return c.id == "app/" + rollout.app; });
  if (component == reported.components.end() ||
      component->desired != twin::app_label(rollout.version, rollout.digest)) {
    return {std::move(rollout), {}};  // it has not heard of it, or of something newer
  }
  known->second = {component->status, component->reason};
  return advance(std::move(rollout));
}

RolloutStep on_removed(Rollout rollout, std::string_view site) {
  if (rollout.sites.erase(std::string(site)) == 0) return {std::move(rollout), {}};
  for (auto& phase : rollout.phases) std::erase(phase, site);
  return advance(std::move(rollout));
}

Rollout cancel(Rollout rollout, std::string reason) {
  if (rollout.state == State::kDone || rollout.state == State::kCancelled) return rollout;
  rollout.state = State::kCancelled;
  rollout.reason = std::move(reason);
  return rollout;
}

}  // namespace lander::fleet
