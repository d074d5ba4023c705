// The life of an alarm after ISA-18.2, as a deterministic fold over uniquely identified events: the
// same set of events, in any order and however often, gives the same state at site and hub. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::alert {

enum class Severity : std::uint8_t { kLow = 0, kMedium = 1, kHigh = 2, kCritical = 3 };

enum class EventKind : std::uint8_t {
  kRaise = 0,
  kClear = 1,
  kAcknowledge = 2,
  kShelve = 3,
  kUnshelve = 4,
  kSuppress = 5,
  kUnsuppress = 6,
  kOutOfService = 7,
  kInService = 8,
};

// One sensor's part in the explanation, strongest first.
struct Cause {
  std::string datastream;
  double share = 0;  // of the surprise, 0..1
  double value = 0, expected = 0;
  std::string unit;
};

struct Point {
  base::TimeUs time;
  double value;
};
// The window around the alert, downsampled to at most kMaxPoints a datastream.
struct Evidence {
  base::TimeUs from = 0, to = 0;
  std::vector<std::pair<std::string, std::vector<Point>>> series;  // by datastream
};

inline constexpr std::size_t kMaxCauses = 64;   // of one raise
inline constexpr std::size_t kMaxSeries = 64;   // of one raise's evidence
inline constexpr std::size_t kMaxPoints = 120;  // of one series
inline constexpr base::DurationUs kMaxShelve = 30 * base::kDay;
// Far beyond what a chattering alarm collects (see Book::current); the bound against a broken peer.
inline constexpr std::size_t kMaxEventsPerAlert = 2048;

// What a raise carries.
struct Info {
  std::string asset;
  std::string title;   // "Bearing wear", one line for people
  std::string detail;  // what was seen, with numbers and units
  Severity severity = Severity::kMedium;
  std::string rule;   // what raised it: "app/pump-watch@1.0.0/high-vibration"
  std::string model;  // digest, when a model did
  double score = 0;   // the model's or rule's measure; the limit is 1; NaN: none
  std::vector<Cause> causes;
  Evidence evidence;
};

struct Event {
  std::string id;     // unique for ever (UUIDv7): the same id is the same event
  std::string alert;  // the alarm's id: one per (rule, asset) and occurrence
  EventKind kind = EventKind::kRaise;
  base::TimeUs time = 0;  // UTC
  std::string actor;      // "site", "user:anna@site", "user:bo@hub"
  std::string comment;
  base::TimeUs until = 0;    // of a shelve
  std::optional<Info> info;  // of a raise
  bool brief = false;        // told in brief, by few bytes: the whole replaces it; not in encode()
};

// Is it an event that fold() may see? kInvalid with what is wrong: no actor, a raise without asset,
// rule or title, a shelve without an end or for over kMaxShelve, texts or lists beyond their
// bounds.
base::Status validate(const Event& event);

// Deterministic CBOR (docs/formats/alert.md). decode_event() also validates: kCorrupt, kInvalid.
base::Bytes encode(const Event& event);
base::Result<Event> decode_event(base::ByteView bytes);

// ISA-18.2 states (Annex, state diagram), from the fold at a given instant.
enum class State : std::uint8_t {
  kActiveUnacknowledged,
  kActiveAcknowledged,
  kClearedUnacknowledged,
  kNormal,  // kNormal: over and seen
  kShelved,
  kSuppressed,
  kOutOfService,
};
std::string_view to_string(State state);  // "active-unacknowledged", "out-of-service", ...
std::string_view to_string(Severity severity);
std::string_view to_string(EventKind kind);  // "raise", "out-of-service", ...
base::Result<Severity> parse_severity(std::string_view text);
base::Result<EventKind> parse_event_kind(std::string_view text);

struct Alert {
  std::string id;
  Info info;                                                                  // of the newest raise
  base::TimeUs raised = 0, cleared = 0, acknowledged = 0, shelved_until = 0;  // 0: not
  std::string acknowledged_by, comment;  // the newest comment that is not empty
  bool active = false;
  bool brief = false;  // its newest raise is known in brief only; the whole follows
  bool suppressed = false, out_of_service = false;
  // Out of service, suppressed and shelved (until its end) hide the state beneath, as in the
  // standard: what is set aside stays set aside though the cause comes and goes.
  State state(base::TimeUs now) const;
};

// Order of the fold: (time, kind, id), each id once; but the earliest raise comes before all else:
// nobody acts on an alarm that was not raised, so an earlier acknowledgement has a slow clock. A
// later raise of the same alert (the cause came back before it was over) asks to be acknowledged
// again. Without a raise the events wait: `raised` is 0, and the state says nothing yet.
Alert fold(std::vector<Event> events);

// All alerts that matter: everything not normal, and the last `kept` that are. Not thread-safe.
class Book {
 public:
  explicit Book(std::size_t kept = 1000) : kept_(kept) {}
  // False when the event was known: nothing changed, nothing to persist or tell. The whole of one
  // that was known in brief is a change. kInvalid when it breaks the rules (see validate());
  // kExhausted beyond kMaxEventsPerAlert.
  base::Result<bool> apply(const Event& event);
  // Nothing for an alert whose raise is not here yet.
  std::optional<Alert> find(std::string_view id) const;
  std::vector<Event> events(std::string_view id) const;  // in the order of the fold
  // Newest first. Without evidence, which find() has.
  std::vector<Alert> alerts(bool only_open, base::TimeUs now, std::size_t limit) const;
  // The alert of this rule and asset that is active, if any: a second raise is not a second alert.
  std::optional<std::string> active(std::string_view rule, std::string_view asset) const;
  // The alert that a new raise of this rule and asset belongs to: one that is not over, or was set
  // aside. None, or one that chattered 100 times already: begin a new alert.
  std::optional<std::string> current(std::string_view rule, std::string_view asset,
                                     base::TimeUs now) const;
  // Ids of events that were dropped since the last call because their alert is over and beyond
  // `kept` (or still waits for its raise, among over `kept` such): their records may go.
  std::vector<std::string> take_dropped();

 private:
  struct Entry {
    std::vector<Event> events;  // in the order of the fold
    Alert folded;               // without evidence
  };
  void drop_oldest();

  std::size_t kept_;
  base::TimeUs newest_ = 0;  // of all events: whether a shelving is over when something must go
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<std::string> dropped_;
};

}  // namespace lander::alert
