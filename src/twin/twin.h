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
#include "carrier/config.h"
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

// How far a site's models go by themselves: learn nothing; learn anew and run it as the shadow; let
// a shadow that is no worse watch.
enum class Autonomy : std::uint8_t { kNone = 0, kShadow = 1, kPromote = 2 };
std::string_view to_string(Autonomy autonomy);  // "none", "shadow", "promote"

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
  // How the site reaches its hub, beside HTTPS, which it always has; one of type "https" says on
  // what terms it has that.
  std::vector<carrier::Config> carriers;
  Autonomy autonomy = Autonomy::kShadow;  // of models
};

inline constexpr std::size_t kMaxSources = 64;
inline constexpr std::size_t kMaxDatastreams = 2000;
inline constexpr std::size_t kMaxApps = 64;
inline constexpr base::DurationUs kMinPollInterval = 10 * base::kMillisecond;

// Does `a` replace `b`? The newest does: higher revision; of equal ones the hub's.
bool supersedes(const Desired& a, const Desired& b);
// Equal but for revision, origin, author and time: no new revision is needed.
bool same_content(const Desired& a, const Desired& b);
// Everything that must hold, however the document came: kInvalid names the component and the field.
base::Status valid(const Desired& desired);

// What a person writes (docs/guides/desired-state.md). A section that stands in the file replaces
// the one of `base`; one that is absent is kept; apps come from rollouts only. All mistakes at
// once, "file:line:column: ...": unknown keys, units that UCUM does not have, a datastream whose
// source does not exist, duplicate ids, values out of range. On a mistake nothing changes. The
// caller stamps revision, origin, author and time, which are those of `base`. A datastream's own
// revision is that of `base`, or one more where anything but its name and policy changed.
base::Result<Desired> parse_yaml(std::string_view yaml, std::string file_name, const Desired& base);
// The site that the file says it is for; empty when it does not say. For the caller to compare.
base::Result<std::string> site_of_yaml(std::string_view yaml, std::string file_name);
std::string to_yaml(
    const Desired& desired);  // parse_yaml's inverse, for `lander twin --yaml` and the console

base::Bytes encode(const Desired& desired);
base::Result<Desired> decode_desired(base::ByteView bytes);  // bounded and valid()

enum class Status : std::uint8_t {
  kApplied = 0,
  kPending = 1,
  kRefused = 2,
  kFailed = 3,
  kRolledBack = 4
};
std::string_view to_string(Status status);  // "applied", "rolled-back", ...

struct Component {
  std::string
      id;  // "source/plc1", "datastream/p1-pressure", "app/pump-watch", "model/<asset>", "webhook"
  std::string desired;  // "v2 sha256:ab12", "r3"
  std::string running;
  Status status = Status::kPending;
  std::string reason;  // for people; empty when applied
  base::TimeUs since = 0;
};

struct Reported {
  std::uint64_t desired_revision = 0;  // the newest that the site has decided on
  std::string software;                // "0.1.0"
  base::TimeUs time = 0;
  std::vector<Component> components;
  // The newest desired document, when the hub may lack it: the site is its origin, or the hub was
  // restored from an older copy. It adopts it.
  std::optional<base::Bytes> site_desired;
};
base::Bytes encode(const Reported& reported);
base::Result<Reported> decode_reported(base::ByteView bytes);

// What to do to get from what runs to what is desired, in this order: settings, declarations, apps
// that go, sources that stop, datastreams that go, sources that start, apps that come, apps whose
// ports must be bound again. A source is stopped and started only when its own declaration or that
// of a datastream it feeds changed (a name or a policy does not count: kDeclare alone).
enum class ActionKind : std::uint8_t {
  kStopSource,
  kStartSource,
  kDeclare,
  kRetire,
  kInstallApp,
  kRemoveApp,
  kSetWebhook,
  kSetCommitInterval,
  kRebindApp,
  kSetCarriers,
  kSetAutonomy,
};
struct Action {
  ActionKind kind;
  std::string id;  // of the source, datastream or app; empty for settings
};
std::vector<Action> plan(const Desired& running, const Desired& wanted);
std::string to_text(const Action& action);  // "declare datastream/p1", "set webhook"

// How an app's version stands in Component::desired and ::running: "1.0.0 sha256:0123456789ab".
std::string app_label(std::string_view version, std::string_view digest);

// --- An app's update on a site, as an explicit state machine: crash it at any step, restart, go on
// ---
//
//   idle -want-> fetching -arrived-> verifying -verified-> gate -passed-> running
//                   |refused            |refused             |failed, start failed, died 5 times in
//                   it v                   v                    v
//             running (the old one goes on) or failed    rolling back -started-> running (the
//             previous)
//
// The owner persists the state that step() returns, then does the action, then tells what came of
// it as the next event. Events about a digest that is no longer the matter change nothing.

enum class UpdateState : std::uint8_t {
  kIdle = 0,
  kFetching = 1,
  kVerifying = 2,
  kGate = 3,
  kRunning = 4,
  kRollingBack = 5,
  kFailed = 6,
};
struct AppState {
  std::string name;
  UpdateState state = UpdateState::kIdle;
  // Digests; empty: none. `running` is what runs, in the gate the new one; `previous` is what a
  // failed gate goes back to; `wanted` is what the desired state says.
  std::string running, previous, wanted;
  std::string failed;    // the digest that failed: not tried again by itself
  bool refused = false;  // `failed` was refused before it ran (trust, ports): kWant tries it again
  std::uint32_t restarts = 0;  // within the gate
  base::TimeUs gate_ends = 0;  // 0: the gate has not begun
  base::TimeUs since = 0;      // of `state`
  std::string reason;          // for people
};
enum class AppEventKind : std::uint8_t {
  kWant,     // the desired state names `digest`; also after a restart, and when ports may bind anew
  kArrived,  // all its bytes are here (at once, if they were)
  kVerified,     // signature, manifest and ports are good
  kRefused,      // they are not, or it cannot be had: `reason`
  kStarted,      // `digest` runs; of a gate: `gate_ends`
  kStartFailed,  // `digest` does not: `reason`
  kGatePassed,
  kGateFailed,  // `digest`, `reason`
  kRestarted,   // the site's process began anew: nothing runs yet
  kUnwant,      // the desired state names the app no more
};
struct AppEvent {
  AppEventKind kind;
  std::string digest;
  std::string reason;
  base::TimeUs gate_ends = 0;
};
enum class AppDo : std::uint8_t {
  kNothing,
  kFetch,          // -> kArrived, kRefused
  kVerify,         // -> kVerified, kRefused
  kStart,          // in place of what else runs of this app -> kStarted, kStartFailed
  kStartPrevious,  // the same, going back
  kStop,
};
struct AppStep {
  AppState state;
  AppDo action = AppDo::kNothing;
  std::string digest;  // what the action is about
};
AppStep step(const AppState& state, const AppEvent& event, base::TimeUs now);
Status status(const AppState& state);  // for its Component
base::Bytes encode(const AppState& state);
base::Result<AppState> decode_app_state(base::ByteView bytes);

}  // namespace lander::twin
