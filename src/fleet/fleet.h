// When a site is late, and how a version goes out in phases. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "twin/twin.h"

namespace lander::fleet {

struct ContactPlan {
  base::DurationUs expected_every = 20 * base::kSecond;
  base::DurationUs grace = 25 * base::kSecond;  // late after expected_every + grace
  base::DurationUs silent_after = base::kDay;   // then it is silent: somebody should go and look
};
enum class Presence : std::uint8_t { kNever, kOnTime, kLate, kSilent };
std::string_view to_string(Presence presence);  // "never", "on-time", "late", "silent"
// `last_contact` 0: never. A contact in the future (the hub's clock was set back) is on time.
Presence presence(const ContactPlan& plan, base::TimeUs last_contact, base::TimeUs now);

inline constexpr std::size_t kMaxPhases = 100;
inline constexpr std::size_t kMaxRolloutSites = 100'000;

// A rollout assigns one app version to sites in phases. The next phase starts when every site of
// the phase has decided; it halts when more than `max_failed` sites refused it, failed or rolled
// back.
struct Rollout {
  std::string id, tenant, app, version, digest;
  std::string author;
  base::TimeUs created = 0;
  std::vector<std::vector<std::string>> phases;  // site names, each once
  std::uint32_t max_failed = 0;
  enum class State : std::uint8_t {
    kRunning = 0,
    kDone = 1,
    kHalted = 2,
    kCancelled = 3,
  } state = State::kRunning;
  std::uint32_t phase = 0;  // the one that runs, from 0
  std::string reason;       // why it halted or was cancelled
  struct Site {
    twin::Status status = twin::Status::kPending;
    std::string reason;
  };
  std::map<std::string, Site> sites;  // all of all phases
};
std::string_view to_string(Rollout::State state);  // "running", "done", "halted", "cancelled"
// kInvalid: no app, digest or site, a site twice, too many.
base::Status valid(const Rollout& rollout);
base::Bytes encode(const Rollout& rollout);
base::Result<Rollout> decode_rollout(base::ByteView bytes);  // bounded and valid()

// The rollout as it is after an event; `assign` are the sites that are to get the version now. The
// owner persists the rollout and the sites' new desired states together.
struct RolloutStep {
  Rollout rollout;
  std::vector<std::string> assign;
};
// A new rollout: its first phase. One that is not valid() comes back cancelled, with the reason.
RolloutStep start(Rollout rollout);
// What a site reported: its component "app/<app>", if that is about this rollout's digest (see
// twin::app_label). A site is counted when its phase has begun. After the end a site's status is
// still kept up to date, but nothing more is assigned.
RolloutStep on_reported(Rollout rollout, std::string_view site, const twin::Reported& reported);
// The site was taken out of the tenant: the others do not wait for it.
RolloutStep on_removed(Rollout rollout, std::string_view site);
// By a person, or because a newer rollout of the same app takes over: `reason` in at most 4 KiB.
// Sites keep what they have.
Rollout cancel(Rollout rollout, std::string reason);

}  // namespace lander::fleet
