// A whole run: one hub and some sites on virtual time, everything that goes wrong, and the promises
// that must hold all the same. One seed, one history.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"

namespace lander::sim {

// A check of the checks: with one of these, a run must end in a violation.
enum class Mutation : std::uint8_t {
  kNone,
  kLakeLosesItems,
  kLakeKeepsRepeats,
  kSourceAcknowledgesEarly,  // a driver that does not wait for the disk
  kDiskLies,                 // fsync that does nothing
};

struct Options {
  std::uint64_t seed = 1;
  int days = 3;
  int sites = 0;  // 0: 3 to 5, by the seed
  bool verbose = false;
  Mutation mutation = Mutation::kNone;
};

struct Outcome {
  std::optional<std::string> violation;  // virtual time, who, what
  std::string hash;                      // of all that happened
  std::uint64_t events = 0, observations = 0, items = 0, alerts = 0;
  std::uint64_t site_crashes = 0, hub_crashes = 0, contacts = 0, lost_messages = 0;
};

Outcome run(const Options& options);

}  // namespace lander::sim
