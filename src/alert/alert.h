// The life of an alarm after ISA-18.2, as a deterministic fold over uniquely identified events: the
// same set of events, in any order and however often, gives the same state at site and hub. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::alert {

enum class Severity : std::uint8_t { kLow = 0, kMedium = 1, kHigh = 2, kCritical = 3 };

enum class EventKind : std::uint8_t {
  kRaise = 0, kClear = 1, kAcknowledge = 2, kShelve = 3, kUnshelve = 4,
  kSuppress = 5, kUnsuppress = 6, kOutOfService = 7, kInService = 8,
};

// One sensor's part in the explanation, strongest first.
struct Cause {
  std::string datastream;
  double share = 0;     // of the surprise, 0..1
  double value = 0, expected = 0;
  std::string unit;
};

struct Point {
  base::TimeUs time;
  double value;
};
// The window around the alert, downsampled to at most 120 points a datastream.
struct Evidence {
  base::TimeUs from = 0, to = 0;
  std::vector<std::pair<std::string, std::vector<Point>>> series;  // by datastream
};

// What a raise carries.
struct Info {
  std::string asset;
  std::string title;     // "Bearing wear", one line for people
  std::string detail;    // what was seen, with numbers and units
  Severity severity = Severity::kMedium;
  std::string rule;      // what raised it: "app/pump-watch@1.0.0/high-vibration"
  std::string model;     // digest, when a model did
  double score = 0;      // the model's or rule's measure; the limit is 1
  std::vector<Cause> causes;
  Evidence evidence;
};

struct Event {
  std::string id;        // unique for ever (UUIDv7): the same id is the same event
  std::string alert;     // the alarm's id: one per (rule, asset) and occurrence
  EventKind kind = EventKind::kRaise;
  base::TimeUs time = 0; // UTC
  std::string actor;     // "site", "user:anna@site", "user:bo@hub"
  std::string comment;
  base::TimeUs until = 0;  // of a shelve
  std::optional<Info> info;  // of a raise
};

base::Bytes encode(const Event& event);
base::Result<Event> decode_event(base::ByteView bytes);  // bounded, validated

// ISA-18.2 states (Annex, state diagram), from the fold at a given instant.
enum class State : std::uint8_t {
  kActiveUnacknowledged, kActiveAcknowledged, kClearedUnacknowledged, kNormal,  // kNormal: over and seen
  kShelved, kSuppressed, kOutOfService,
};
std::string_view to_string(State state);
std::string_view to_string(Severity severity);
std::string_view to_string(EventKind kind);
base::Result<Severity> parse_severity(std::string_view text);

struct Alert {
  std::string id;
  Info info;
  base::TimeUs raised = 0, cleared = 0, acknowledged = 0, shelved_until = 0;  // 0: not
  std::string acknowledged_by, comment;
  bool active = false;
  State state(base::TimeUs now) const;
  bool suppressed = false, out_of_service = false;
};

// Order of the fold: (time, kind, id). Events of an alert whose raise is not here yet wait for it.
Alert fold(const std::vector<Event>& events);

// All alerts that matter: everything not normal, and the last `kept` that are.
class Book {
 public:
  explicit Book(std::size_t kept = 1000) : kept_(kept) {}
  // False when the event was known: nothing changed, nothing to persist or tell. kInvalid when it
  // breaks the rules (acknowledge by nobody, shelve without an end or for over 30 days).
  base::Result<bool> apply(const Event& event);
  std::optional<Alert> find(std::string_view id) const;
  std::vector<Event> events(std::string_view id) const;
  // Newest first.
  std::vector<Alert> alerts(bool only_open, base::TimeUs now, std::size_t limit) const;
  // The alert of this rule and asset that is active, if any: a second raise is not a second alert.
  std::optional<std::string> active(std::string_view rule, std::string_view asset) const;
  // Event ids that were dropped because their alert is normal and beyond `kept`: their records may go.
  std::vector<std::string> take_dropped();

 private:
  struct Entry {
    std::vector<Event> events;
    Alert folded;
  };
  std::size_t kept_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::set<std::string, std::less<>> seen_;
  std::vector<std::string> dropped_;
};

}  // namespace lander::alert
