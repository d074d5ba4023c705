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
std::string_view to_string(Presence presence);
Presence presence(const ContactPlan& plan, base::TimeUs last_contact, base::TimeUs now);

// A rollout assigns one app version to sites in phases; the next phase starts when all of the phase
// report it applied, and it halts when more than `max_failed` sites refused or rolled back.
struct Rollout {
  std::string id, tenant, app, version, digest;
  std::string author;
  base::TimeUs created = 0;
  std::vector<std::vector<std::string>> phases;  // site names
  std::uint32_t max_failed = 0;
  enum class State : std::uint8_t { kRunning = 0, kDone = 1, kHalted = 2, kCancelled = 3 } state = State::kRunning;
  std::uint32_t phase = 0;
  std::string reason;
  struct Site {
    twin::Status status = twin::Status::kPending;
    std::string reason;
  };
  std::map<std::string, Site> sites;
};
std::string_view to_string(Rollout::State state);
base::Bytes encode(const Rollout& rollout);
base::Result<Rollout> decode_rollout(base::ByteView bytes);

// What a site reported about the app; returns the rollout as it is then, and `assign` gets the sites that
// are to get the version now.
struct RolloutStep {
  Rollout rollout;
  std::vector<std::string> assign;
};
RolloutStep start(Rollout rollout);
RolloutStep on_reported(Rollout rollout, std::string_view site, const twin::Reported& reported);

}  // namespace lander::fleet
