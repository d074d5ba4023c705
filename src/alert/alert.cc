#include "alert/alert.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "alert/fold.h"

namespace lander::alert {
namespace {

constexpr std::array<std::string_view, 7> kStates = {"active-unacknowledged",
                                                     "active-acknowledged",
                                                     "cleared-unacknowledged",
                                                     "normal",
                                                     "shelved",
                                                     "suppressed",
                                                     "out-of-service"};
constexpr std::array<std::string_view, 4> kSeverities = {"low", "medium", "high", "critical"};
constexpr std::array<std::string_view, 10> kKinds = {
    "raise",    "clear",      "acknowledge",    "shelve",     "unshelve",
    "suppress", "unsuppress", "out-of-service", "in-service", "verdict"};
constexpr std::array<std::string_view, 5> kVerdicts = {"none", "true", "false", "maintenance",
                                                       "sensor-fault"};

// One of `names` by its text; the error lists them all.
template <class Enum, std::size_t n>
base::Result<Enum> parse(const std::array<std::string_view, n>& names, std::string_view text,
                         const char* what) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found != names.end()) return static_cast<Enum>(found - names.begin());
  std::string expected;
  for (const std::string_view name : names)
    expected += (expected.empty() ? "" : ", ") + std::string(name);
  return base::Error(base::Code::kInvalid, std::string(what) + " \"" +
                                               std::string(text.substr(0, 64)) +
                                               "\": expected one of " + expected);
}

bool before(const Event& a, const Event& b) {
  return std::tie(a.time, a.kind, a.id) < std::tie(b.time, b.kind, b.id);
}

// 0 means "not": what happened in the first microsecond of 1970 (a clock without a battery) did
// happen.
base::TimeUs stamp(base::TimeUs time) { return time == 0 ? 1 : time; }

void fold_raise(Alert& alert, const Event& event) {
  if (alert.raised == 0) alert.raised = stamp(event.time);
  if (event.info) alert.info = *event.info;
  alert.brief = event.brief;
  alert.active = true;
  alert.cleared = alert.acknowledged = 0;
  alert.acknowledged_by.clear();
  alert.verdict = Verdict::kNone;
  alert.judged = 0;
  alert.judged_by.clear();
  alert.note.clear();
}

void acknowledge(Alert& alert, const Event& event) {
  if (alert.acknowledged != 0) return;  // the first who saw it
  alert.acknowledged = stamp(event.time);
  alert.acknowledged_by = event.actor;
}

void fold_verdict(Alert& alert, const Event& event) {
  acknowledge(alert, event);
  alert.verdict = event.verdict;
  alert.judged = stamp(event.time);
  alert.judged_by = event.actor;
  alert.note = event.comment;
}

void fold_one(Alert& alert, const Event& event) {
  switch (event.kind) {
    case EventKind::kRaise:
      fold_raise(alert, event);
      break;
    case EventKind::kClear:
      if (alert.active) alert.cleared = stamp(event.time);
      alert.active = false;
      break;
    case EventKind::kAcknowledge:
      acknowledge(alert, event);
      break;
    case EventKind::kShelve:
      alert.shelved_until = event.until;
      break;
    case EventKind::kUnshelve:
      alert.shelved_until = 0;
      break;
    case EventKind::kSuppress:
    case EventKind::kUnsuppress:
      alert.suppressed = event.kind == EventKind::kSuppress;
      break;
    case EventKind::kOutOfService:
    case EventKind::kInService:
      alert.out_of_service = event.kind == EventKind::kOutOfService;
      break;
    case EventKind::kVerdict:
      fold_verdict(alert, event);
      break;
  }
  if (!event.comment.empty()) alert.comment = event.comment;
}

}  // namespace

std::string_view to_string(State state) { return kStates[static_cast<std::size_t>(state)]; }
std::string_view to_string(Severity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}
std::string_view to_string(EventKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
base::Result<Severity> parse_severity(std::string_view text) {
  return parse<Severity>(kSeverities, text, "severity");
}
base::Result<EventKind> parse_event_kind(std::string_view text) {
  return parse<EventKind>(kKinds, text, "kind of alert event");
}

std::string_view to_string(Verdict verdict) { return kVerdicts[static_cast<std::size_t>(verdict)]; }
base::Result<Verdict> parse_verdict(std::string_view text) {
  LANDER_ASSIGN(const Verdict verdict, parse<Verdict>(kVerdicts, text, "verdict"));
  if (verdict != Verdict::kNone) return verdict;
  return base::Error(base::Code::kInvalid,
                     "verdict \"none\": expected one of true, false, maintenance, sensor-fault");
}

State Alert::state(base::TimeUs now) const {
  if (out_of_service) return State::kOutOfService;
  if (suppressed) return State::kSuppressed;
  if (now < shelved_until) return State::kShelved;
  if (active) return acknowledged ? State::kActiveAcknowledged : State::kActiveUnacknowledged;
  return acknowledged ? State::kNormal : State::kClearedUnacknowledged;
}

void sort_for_fold(std::vector<Event>& events) {
  std::sort(events.begin(), events.end(), before);
  const auto raise = std::find_if(events.begin(), events.end(),
                                  [](const Event& e) { return e.kind == EventKind::kRaise; });
  if (raise != events.end()) std::rotate(events.begin(), raise, raise + 1);
}

Alert fold_sorted(const std::vector<Event>& events) {
  Alert alert;
  if (events.empty()) return alert;
  alert.id = events.front().alert;
  if (events.front().kind != EventKind::kRaise) return alert;
  for (const Event& event : events) fold_one(alert, event);
  return alert;
}

Alert fold(std::vector<Event> events) {
  std::sort(events.begin(), events.end(), before);
  const auto same = [](const Event& a, const Event& b) { return a.id == b.id; };
  events.erase(std::unique(events.begin(), events.end(), same), events.end());
  sort_for_fold(events);
  return fold_sorted(events);
}

}  // namespace lander::alert
