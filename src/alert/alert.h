// The life of an alarm after ISA-18.2, as a deterministic fold over uniquely identified events: the
// same set of events, in any order and however often, gives the same state at site and hub. Pure.
#pragma once

#include <cstdint>
#include <limits>
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
  kVerdict = 9,
};

// What a person found behind an alarm: a label that the next training uses.
enum class Verdict : std::uint8_t {
  kNone = 0,
  kTrue = 1,         // the equipment had what the alarm said
  kFalse = 2,        // nothing was wrong: healthy behaviour
  kMaintenance = 3,  // people were at work
  kSensorFault = 4,  // the equipment was well, the measurement was not
};

// One sensor's part in the explanation, strongest first.
struct Cause {
  std::string datastream;
  double share = 0;  // of the surprise, 0..1
  double value = 0, expected = 0;
  std::string unit;
  // Of value from expected, in standard deviations of what is usual; NaN: not known.
  double deviation = std::numeric_limits<double>::quiet_NaN();
};

// The earlier alarm of the site that looked most like this one when it was raised.
struct Similar {
  std::string alert;        // its id
  base::TimeUs raised = 0;  // then
  std::string title;
  double likeness = 0;  // 0..1, see likeness()
  Verdict verdict = Verdict::kNone;
  std::string note;  // what was found or done
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
inline constexpr double kLeastLikeness = 0.7;   // below, two alarms have nothing in common
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
  base::TimeUs since = 0;  // when the measure began to rise; 0: not known
  std::optional<Similar> similar;
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
  Verdict verdict = Verdict::kNone;  // of a verdict
};

// Is it an event that fold() may see? kInvalid with what is wrong: no actor, a raise without asset,
// rule or title, a shelve without an end or for over kMaxShelve, a verdict that says nothing, texts
// or lists beyond their bounds.
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
std::string_view to_string(Verdict verdict);  // "none", "true", "sensor-fault", ...
base::Result<EventKind> parse_event_kind(std::string_view text);
base::Result<Verdict> parse_verdict(std::string_view text);  // but "none");

struct Alert {
  std::string id;
  Info info;                                                                  // of the newest raise
  base::TimeUs raised = 0, cleared = 0, acknowledged = 0, shelved_until = 0;  // 0: not
  std::string acknowledged_by, comment;  // the newest comment that is not empty
  Verdict verdict = Verdict::kNone;      // of the newest raise; the newest that was given
  base::TimeUs judged = 0;               // 0: not
  std::string judged_by, note;           // note: the verdict's comment
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
// again, and to be judged again. Who gives a verdict has seen it: that acknowledges, too. Without a
// raise the events wait: `raised` is 0, and the state says nothing yet.
Alert fold(std::vector<Event> events);

// One stay of an alarm, from its raise to its clear, and what people said of it before it was
// raised again. What training leaves out, or keeps as healthy.
struct Episode {
  base::TimeUs from = 0, to = 0;  // from: when the measure began to rise; to: 0 while active
  Verdict verdict = Verdict::kNone;
};
std::vector<Episode> episodes(const std::vector<Event>& events);  // in the order of the fold

// How alike the causes of two alarms are: cosine of the two vectors of signed deviations, one
// component a datastream (where a deviation is not known: the share, with the sign of value less
// expected). 1: the same sensors in the same proportions and directions; never below 0.
double likeness(const std::vector<Cause>& a, const std::vector<Cause>& b);

// All alerts that matter: everything not normal, and the last `kept` that are. Not thread-safe.
class Book {
 public:
  explicit Book(std::size_t kept = 1000) : kept_(kept) {}
  // False when the event was known: nothing changed, nothing to persist or tell. The whole of one
  // that was known in brief is a change. kInvalid when it breaks the rules (see validate());
  // kExhausted beyond kMaxEventsPerAlert.
  base::Result<bool> apply(const Event& event);
  // Nothing for an alert whose raise is not here yet. With what is known by now of the similar one.
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
  // Of all alerts of an asset or what belongs to it, and where that belongs to; newest alert first.
  std::vector<std::pair<std::string, std::vector<Episode>>> episodes(std::string_view asset) const;
  // The alert that is most alike to these causes, if any is by at least kLeastLikeness.
  std::optional<Similar> most_similar(const std::vector<Cause>& causes, std::string_view asset,
                                      std::string_view except) const;

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
