#include <algorithm>
#include <tuple>
#include <utility>

#include "alert/fold.h"

namespace lander::alert {
namespace {

constexpr std::ptrdiff_t kMaxRaises =
    100;  // of one alert, before a chattering cause gets a new one

bool waits(const Alert& alert) { return alert.raised == 0; }

base::TimeUs age_key(const Alert& alert, const std::vector<Event>& events) {
  return waits(alert) ? events.front().time : alert.raised;
}

}  // namespace

base::Result<bool> Book::apply(const Event& event) {
  LANDER_TRY(validate(event));
  Entry& entry = entries_[event.alert];
  const auto known = std::find_if(entry.events.begin(), entry.events.end(),
                                  [&](const Event& e) { return e.id == event.id; });
  if (known != entry.events.end()) {
    if (event.brief || !known->brief) return false;
    *known = event;
  } else if (entry.events.size() >= kMaxEventsPerAlert) {
    return base::Error(base::Code::kExhausted,
                       "alert \"" + event.alert + "\" has " + std::to_string(kMaxEventsPerAlert) +
                           " events already; event \"" + event.id + "\" was not taken");
  } else {
    entry.events.push_back(event);
  }
  sort_for_fold(entry.events);
  entry.folded = fold_sorted(entry.events);
  entry.folded.info.evidence = {};  // held once, in the event
  newest_ = std::max(newest_, event.time);
  drop_oldest();
  return true;
}

void Book::drop_oldest() {
  if (entries_.size() <= kept_) return;
  // Those that are over and those that wait for their raise are bounded each for themselves.
  for (const bool waiting : {false, true}) {
    std::vector<std::pair<base::TimeUs, std::string_view>> spare;
    for (const auto& [id, entry] : entries_) {
      const bool may_go =
          waiting ? waits(entry.folded)
                  : !waits(entry.folded) && entry.folded.state(newest_) == State::kNormal;
      if (may_go) spare.emplace_back(age_key(entry.folded, entry.events), id);
    }
    if (spare.size() <= kept_) continue;
    std::sort(spare.begin(), spare.end());
    for (std::size_t i = 0; i < spare.size() - kept_; ++i) {
      const auto found = entries_.find(spare[i].second);
      for (const Event& event : found->second.events) dropped_.push_back(event.id);
      entries_.erase(found);
    }
  }
}

std::optional<Alert> Book::find(std::string_view id) const {
  const auto found = entries_.find(id);
  if (found == entries_.end() || waits(found->second.folded)) return std::nullopt;
  Alert alert = fold_sorted(found->second.events);
  if (!alert.info.similar) return alert;
  // What people say of it may have come since this alert was raised.
  const auto similar = entries_.find(alert.info.similar->alert);
  if (similar != entries_.end() && similar->second.folded.verdict != Verdict::kNone) {
    alert.info.similar->verdict = similar->second.folded.verdict;
    alert.info.similar->note = similar->second.folded.note;
  }
  return alert;
}

std::vector<Event> Book::events(std::string_view id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? std::vector<Event>{} : found->second.events;
}

std::vector<Alert> Book::alerts(bool only_open, base::TimeUs now, std::size_t limit) const {
  std::vector<const Alert*> chosen;
  for (const auto& [id, entry] : entries_) {
    if (waits(entry.folded)) continue;
    if (only_open && entry.folded.state(now) == State::kNormal) continue;
    chosen.push_back(&entry.folded);
  }
  std::sort(chosen.begin(), chosen.end(), [](const Alert* a, const Alert* b) {
    return std::tie(b->raised, b->id) < std::tie(a->raised, a->id);
  });
  std::vector<Alert> out;
  for (std::size_t i = 0; i < std::min(limit, chosen.size()); ++i) out.push_back(*chosen[i]);
  return out;
}

std::optional<std::string> Book::active(std::string_view rule, std::string_view asset) const {
  const Alert* newest = nullptr;
  for (const auto& [id, entry] : entries_) {
    const Alert& alert = entry.folded;
    if (!alert.active || alert.info.rule != rule || alert.info.asset != asset) continue;
    if (newest == nullptr || alert.raised > newest->raised) newest = &alert;
  }
  if (newest == nullptr) return std::nullopt;
  return newest->id;
}

std::optional<std::string> Book::current(std::string_view rule, std::string_view asset,
                                         base::TimeUs now) const {
  const Entry* newest = nullptr;
  for (const auto& [id, entry] : entries_) {
    const Alert& alert = entry.folded;
    if (waits(alert) || alert.info.rule != rule || alert.info.asset != asset) continue;
    if (alert.state(now) == State::kNormal) continue;
    if (newest == nullptr || alert.raised > newest->folded.raised) newest = &entry;
  }
  if (newest == nullptr) return std::nullopt;
  const auto raises = std::count_if(newest->events.begin(), newest->events.end(),
                                    [](const Event& e) { return e.kind == EventKind::kRaise; });
  const bool chatters = raises >= kMaxRaises && !newest->folded.active;
  return chatters ? std::nullopt : std::optional(newest->folded.id);
}

std::vector<std::string> Book::take_dropped() { return std::exchange(dropped_, {}); }

}  // namespace lander::alert
