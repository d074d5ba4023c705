// The loop that an asset's models go through at the site, offline, as an explicit state machine:
//
//   watching -drift, new labels, age-> training -trained-> shadowing -a day-> comparing
//      ^  ^                               |failed                |         |worse |no worse
//      |  +-------------------------------+    <-set aside-------+---------+      v
//      |                                          proposed (a person promotes) -or by itself-+
//      +--held, or rolled back-- probation <-promoted-----------------------------------------+
//
// What a person does (trains, promotes, rolls back) enters it at the same places. Pure: step()
// takes the time and what is known and returns the next state, what to do, and what to write into
// the history. The owner persists state, history and what the action changes in one commit, before
// it acts; so the process may die at any step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/history.h"
#include "twin/twin.h"

namespace lander::site {

enum class LoopPhase : std::uint8_t {
  kWatching = 0,
  kTraining = 1,
  kShadowing = 2,
  kComparing = 3,
  kProposed = 4,
  kProbation = 5,
};
std::string_view to_string(LoopPhase phase);  // "watching", ...

struct LoopState {
  std::string asset;
  LoopPhase phase = LoopPhase::kWatching;
  base::TimeUs since = 0;       // of the phase
  std::string candidate;        // digest: of the shadow, or of the active one in its probation
  base::TimeUs trained = 0;     // when the newest model was, or was tried
  std::uint64_t labels = 0;     // verdicts that it knew
  base::TimeUs not_before = 0;  // nothing is trained by itself until then
};

// Of two models on data that neither was made from: healthy rows since the newer one, and alarms
// that people judged true.
struct Comparison {
  std::int64_t rows = 0;
  std::uint64_t alarms = 0, alarms_before = 0;  // of the candidate, of the active one
  std::uint64_t faults = 0, found = 0, found_before = 0;
  base::DurationUs looked_at = 0;
};

// What is known about an asset at an instant.
struct LoopFacts {
  base::TimeUs now = 0;
  twin::Autonomy autonomy = twin::Autonomy::kShadow;
  std::string active, shadow, previous;  // digests; empty: none
  base::TimeUs active_trained = 0;       // until when it learned
  double false_alarms_per_day = 0;       // budget of the active one
  std::uint64_t labels = 0;              // verdicts there are
  double drift = 0;                      // of the active one; 1: train anew
  std::string drift_reason;
  // Alarms of the active one since its probation began, but those that people judged true,
  // maintenance or a sensor's fault; and how many of them were judged false.
  std::uint64_t alarms = 0, judged_false = 0;
};

enum class LoopEventKind : std::uint8_t {
  kTick,
  kTrained,      // `digest` is to be the shadow; by `actor`
  kTrainFailed,  // or could not begin: `reason`
  kCompared,     // `comparison`
  kCompareFailed,
  kPromoted,    // by a person: `digest`
  kRolledBack,  // by a person
  kRestarted,   // the process began anew: no job runs
};
struct LoopEvent {
  LoopEventKind kind = LoopEventKind::kTick;
  std::string digest, reason, actor = "site";
  Comparison comparison;
};

enum class LoopDo : std::uint8_t {
  kNothing,
  kTrain,       // a job -> kTrained, kTrainFailed
  kCompare,     // a job -> kCompared, kCompareFailed
  kPromote,     // the shadow watches
  kRollBack,    // the previous one watches
  kDropShadow,  // the shadow is no more
};
struct LoopStep {
  LoopState state;
  LoopDo action = LoopDo::kNothing;
  std::vector<model::Event> events;  // for the history
};
LoopStep step(const LoopState& state, const LoopEvent& event, const LoopFacts& facts);

base::Bytes encode(const LoopState& state);
base::Result<LoopState> decode_loop_state(base::ByteView bytes);

// When the loop does what; docs/guides/models.md.
inline constexpr std::uint64_t kEnoughLabels = 3;
inline constexpr base::DurationUs kOld = 30 * base::kDay;
inline constexpr base::DurationUs kShadowTime = base::kDay;
inline constexpr base::DurationUs kProbationTime = 7 * base::kDay;
inline constexpr base::DurationUs kRest = base::kDay;  // after a training, before one by itself
inline constexpr std::uint64_t kMostJudgedFalse = 2;   // of a probation
// Beyond its budget grossly: so many times, and at least so many alarms.
inline constexpr double kGross = 10;
inline constexpr std::uint64_t kGrossAlarms = 3;
inline constexpr std::int64_t kLeastCompared = 600;  // rows

}  // namespace lander::site
