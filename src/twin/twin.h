// Desired against reported: one document with a revision each way. The newest desired revision
// supersedes; the site reports per component what it runs and why not. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/yaml.h"
#include "package/package.h"
#include "sensing/datastream.h"
#include "source/config.h"

namespace lander::twin {

enum class Origin : std::uint8_t { kSite = 0, kHub = 1 };

struct AppAssignment {
  std::string name, version, digest;
  std::vector<package::PortBinding> pinned;  // the operator's choice where meaning is ambiguous
};

struct Webhook {
  std::string url;
  std::uint8_t least_severity = 1;  // alert::Severity
};

struct Desired {
  std::uint64_t revision = 0;
  Origin origin = Origin::kHub;
  std::string author;
  base::TimeUs created = 0;
  std::vector<source::Config> sources;
  std::vector<sensing::Datastream> datastreams;
  std::vector<AppAssignment> apps;
  std::optional<Webhook> webhook;
  base::DurationUs commit_interval = base::kSecond;
};

// The newest supersedes: higher revision; of equal ones the hub's.
bool supersedes(const Desired& a, const Desired& b);

// What a person writes (guides/first-site.md). A section that stands in the file replaces the one of
// `base`; one that is absent is kept; apps come from rollouts only. All mistakes at once,
// "file:line:column: ...": unknown keys, units that UCUM does not have, a datastream whose source does
// not exist, duplicate ids, properties out of range. On a mistake nothing changes.
base::Result<Desired> parse_yaml(std::string_view yaml, std::string file_name, const Desired& base);
std::string to_yaml(const Desired& desired);  // parse_yaml's inverse, for `lander twin --yaml` and the console

base::Bytes encode(const Desired& desired);
base::Result<Desired> decode_desired(base::ByteView bytes);

enum class Status : std::uint8_t { kApplied = 0, kPending = 1, kRefused = 2, kFailed = 3, kRolledBack = 4 };
std::string_view to_string(Status status);

struct Component {
  std::string id;       // "source/plc1", "datastream/p1-pressure", "app/pump-watch", "model/<asset>", "webhook"
  std::string desired;  // "v2 sha256:ab12", "r3"
  std::string running;
  Status status = Status::kPending;
  std::string reason;   // for people; empty when applied
  base::TimeUs since = 0;
};

struct Reported {
  std::uint64_t desired_revision = 0;  // the newest that the site has decided on
  std::string software;                // "0.1.0"
  base::TimeUs time = 0;
  std::vector<Component> components;
  // Newest desired document made at the site, when the site is its origin: the hub adopts it.
  std::optional<base::Bytes> site_desired;
};
base::Bytes encode(const Reported& reported);
base::Result<Reported> decode_reported(base::ByteView bytes);

// What to do to get from what runs to what is desired, least disturbance first.
enum class ActionKind : std::uint8_t { kStopSource, kStartSource, kDeclare, kRetire, kInstallApp, kRemoveApp, kSetWebhook, kSetCommitInterval };
struct Action {
  ActionKind kind;
  std::string id;
};
std::vector<Action> plan(const Desired& running, const Desired& wanted);

// --- An app's update on a site, as an explicit state machine: crash it at any step, restart, go on ---

enum class UpdateState : std::uint8_t { kIdle = 0, kFetching = 1, kVerifying = 2, kGate = 3, kRunning = 4, kRollingBack = 5, kFailed = 6 };
struct AppState {                 // persisted by the site after every step
  std::string name;
  UpdateState state = UpdateState::kIdle;
  std::string running, previous, wanted;  // digests; empty: none
  std::string failed;             // the digest that failed its gate: not tried again by itself
  base::TimeUs gate_ends = 0;
  std::string reason;
};
enum class AppEventKind : std::uint8_t { kWant, kArrived, kVerified, kRefused, kStarted, kStartFailed, kGatePassed, kGateFailed, kRestarted, kUnwant };
struct AppEvent {
  AppEventKind kind;
  std::string digest;
  std::string reason;
  base::TimeUs gate_ends = 0;
};
enum class AppDo : std::uint8_t { kNothing, kFetch, kVerify, kStart, kStartPrevious, kStop };
struct AppStep {
  AppState state;
  AppDo action = AppDo::kNothing;
};
AppStep step(const AppState& state, const AppEvent& event, base::TimeUs now);
base::Bytes encode(const AppState& state);
base::Result<AppState> decode_app_state(base::ByteView bytes);

}  // namespace lander::twin
