#include "site/alarms.h"

#include <algorithm>
#include <limits>

#include "link/link.h"
#include "os/log.h"
#include "site/worth.h"

namespace lander::site {
namespace {

constexpr base::DurationUs kEvidenceBefore = 2 * base::kMinute;
constexpr std::size_t kEvidencePoints = 120;
constexpr std::size_t kEvidenceSeries = 8;
// A pipeline that started anew has had time by then to raise again what still holds.
constexpr base::DurationUs kSettle = base::kMinute;
constexpr std::size_t kMaxWaiting = 10'000;
constexpr base::DurationUs kLongestRise = base::kDay;

// The key of an event's record: its id alone, as the book names what it dropped.
std::string key_of(const alert::Event& event) { return event.id; }

}  // namespace

base::Status Alarms::load() {
  salt_ = static_cast<std::uint16_t>(context_.random.next_u64());
  LANDER_ASSIGN(const auto dictionary, context_.store.record(kDictionaryRecord, "own"));
  if (dictionary) {
    LANDER_ASSIGN(dictionary_, link::Dictionary::decode(*dictionary));
  }
  LANDER_ASSIGN(const auto records, context_.store.records(kAlertEventRecord));
  for (const auto& record : records) {
    auto event = alert::decode_event(record.body);
    if (!event.ok()) {
      os::log_error("alert", "stored event does not decode, left out",
                    {{"key", record.key}, {"error", event.error().message()}});
      continue;
    }
    if (auto applied = book_.apply(*event); !applied.ok()) {
      os::log_error("alert", "stored event is refused, left out",
                    {{"key", record.key}, {"error", applied.error().message()}});
    }
  }
  return {};
}

alert::Evidence Alarms::evidence(const alert::Info& info, base::TimeUs now,
                                 const std::vector<sensing::Observation>& uncommitted) const {
  alert::Evidence out{now - kEvidenceBefore, now, {}};
  for (const auto& cause : info.causes) {
    if (out.series.size() == kEvidenceSeries) break;
    const auto keys = context_.store.keys(cause.datastream);
    if (keys.empty()) continue;
    std::vector<alert::Point> points;
    auto buckets = context_.store.downsample(keys.back(), out.from, out.to, kEvidencePoints);
    if (!buckets.ok()) {
      os::log_warn("alert", "evidence could not be read",
                   {{"datastream", cause.datastream}, {"error", buckets.error().message()}});
      continue;
    }
    for (const auto& bucket : *buckets) {
      if (bucket.summary.count > 0) points.push_back({bucket.from, bucket.summary.mean()});
    }
    for (const auto& observation : uncommitted) {
      if (observation.series == keys.back() && sensing::is_good(observation.quality)) {
        points.push_back({observation.time, sensing::as_number(observation.value)});
      }
    }
    if (points.size() > kEvidencePoints)
      points.erase(points.begin(), points.end() - kEvidencePoints);
    out.series.emplace_back(cause.datastream, std::move(points));
  }
  return out;
}

void Alarms::signal(const std::string& pipeline, const stream::Signal& signal,
                    const std::vector<sensing::Observation>& uncommitted) {
  const base::TimeUs now = context_.now();
  const std::string rule = pipeline + "/" + signal.rule;
  const auto active = book_.active(rule, signal.info.asset);
  if (signal.raise) {
    Run& run = runs_[pipeline];
    ++run.raised;
    run.seen.insert(rule);
    if (active) return;
    alert::Event event;
    // A shelved or unseen alarm whose cause comes back is the same alarm, not a second one.
    event.alert = book_.current(rule, signal.info.asset, now).value_or("");
    event.kind = alert::EventKind::kRaise;
    event.time = now;
    name(event);
    event.actor = "site";
    event.info = signal.info;
    event.info->rule = rule;
    event.info->evidence = evidence(signal.info, now, uncommitted);
    if (signal.info.since != 0) {
      // The pipeline lives in its data's time; a label is in the site's.
      const base::DurationUs rising = signal.time - signal.info.since;
      event.info->since = now - std::clamp<base::DurationUs>(rising, 0, kLongestRise);
    }
    event.info->similar = book_.most_similar(signal.info.causes, signal.info.asset, event.alert);
    record(event, true);
  } else if (active) {
    if (const auto alert = book_.find(*active)) clear(*alert, now, "");
  }
}

void Alarms::clear(const alert::Alert& alert, base::TimeUs now, const std::string& why) {
  alert::Event event;
  event.alert = alert.id;
  event.kind = alert::EventKind::kClear;
  event.time = now;
  name(event);
  event.actor = "site";
  event.comment = why;
  record(event, true);
}

void Alarms::name(alert::Event& event) {
  ++salt_;
  const auto derived = [&](link::IdOf what) {
    return link::derived_id(context_.tenant, context_.site, what, event.time, salt_);
  };
  event.id = derived(link::IdOf::kEvent);
  if (event.alert.empty()) event.alert = derived(link::IdOf::kAlert);
}

store::NewItem Alarms::item_of(const alert::Event& event) const {
  store::NewItem out{link::kLaneAlert, "alert-event", alert::encode(event)};
  const auto alert = book_.find(event.alert);
  const bool own = event.kind == alert::EventKind::kRaise || event.kind == alert::EventKind::kClear;
  out.worth = own && alert ? worth_of(alert->info.severity) : kWorthOfWords;
  return out;
}

void Alarms::record(const alert::Event& event, bool to_hub) {
  auto applied = book_.apply(event);
  if (!applied.ok()) {
    os::log_error("alert", "own event is refused",
                  {{"event", event.id}, {"error", applied.error().message()}});
    return;
  }
  if (!*applied) return;
  announce(event);
  if (waiting_.size() >= kMaxWaiting) {
    os::log_error("alert", "too many events wait for the disk; the oldest is not kept",
                  {{"event", waiting_.front().event.id}});
    waiting_.pop_front();
  }
  waiting_.push_back({event, to_hub});
  write_waiting();
}

void Alarms::write_waiting() {
  if (waiting_.empty()) return;
  store::Batch batch;
  link::Dictionary dictionary = dictionary_;
  for (const Waiting& waiting : waiting_) {
    const base::Bytes body = alert::encode(waiting.event);
    batch.records.push_back({std::string(kAlertEventRecord), key_of(waiting.event), body});
    if (!waiting.to_hub) continue;
    const alert::Event told = for_hub(waiting.event);
    if (auto entries = dictionary.add(told)) {
      batch.items.push_back({link::kLaneState, "dictionary", std::move(*entries), kWorthOfState});
    }
    batch.items.push_back(item_of(told));
  }
  if (dictionary.size() > dictionary_.size()) {
    batch.records.push_back({std::string(kDictionaryRecord), "own", dictionary.encode()});
  }
  if (auto committed = context_.store.commit(batch); !committed.ok()) {
    os::log_error(
        "alert", "alarm is not durable yet, will try again",
        {{"events", std::uint64_t{waiting_.size()}}, {"error", committed.error().message()}});
    return;
  }
  waiting_.clear();
  dictionary_ = std::move(dictionary);
}

alert::Event Alarms::for_hub(const alert::Event& event) const {
  if (!event.info) return event;
  auto stays = [&](const std::string& id) {
    const auto keys = context_.store.keys(id);
    const auto datastream = keys.empty() ? std::nullopt : context_.store.datastream(keys.back());
    return datastream && datastream->policy.uplink == sensing::Uplink::kNever;
  };
  alert::Event out = event;
  std::erase_if(out.info->evidence.series, [&](const auto& series) { return stays(series.first); });
  bool hidden = false;
  for (auto& cause : out.info->causes) {
    if (!stays(cause.datastream)) continue;
    hidden = true;
    cause.value = cause.expected = 0;
    cause.deviation = std::numeric_limits<double>::quiet_NaN();
  }
  if (hidden) {
    out.info->detail =
        "The values stay on the site: a datastream that explains this never leaves it.";
  }
  return out;
}

void Alarms::announce(const alert::Event& event) {
  const auto alert = book_.find(event.alert);
  if (!alert) return;
  os::log_info("alert", alert::to_string(event.kind).data(),
               {{"alert", event.alert},
                {"asset", alert->info.asset},
                {"title", alert->info.title},
                {"actor", event.actor}});
  context_.shell.tell({context_.tenant, context_.site, event, *alert});
}

base::Result<alert::Alert> Alarms::command(const alert::Event& event) {
  if (!book_.find(event.alert)) {
    return base::Error(base::Code::kNotFound, "no alert \"" + event.alert + "\" at this site");
  }
  LANDER_TRY(alert::validate(event));  // before anything is written
  std::vector<alert::Event> events = book_.events(event.alert);
  if (events.size() >= alert::kMaxEventsPerAlert)
    return base::Error(base::Code::kExhausted, "this alert has too many events already");
  const base::Bytes body = alert::encode(event);
  store::Batch batch;
  batch.records.push_back({std::string(kAlertEventRecord), key_of(event), body});
  batch.items.push_back(item_of(event));
  LANDER_TRY(context_.store.commit(batch));
  accepted(event);
  // Folded here: an alert that is over with this event may have left the book already.
  events.push_back(event);
  return alert::fold(std::move(events));
}

base::Result<store::Record> Alarms::from_hub(const alert::Event& event) const {
  if (event.kind == alert::EventKind::kRaise || event.kind == alert::EventKind::kClear) {
    return base::Error(base::Code::kDenied, "only the site itself raises and clears its alarms");
  }
  if (!event.actor.ends_with("@hub")) {
    return base::Error(base::Code::kDenied,
                       "the hub does not speak for \"" + event.actor + "\" of the site");
  }
  return store::Record{std::string(kAlertEventRecord), key_of(event), alert::encode(event)};
}

void Alarms::accepted(const alert::Event& event) {
  auto applied = book_.apply(event);
  if (!applied.ok()) {
    os::log_warn("alert", "event is refused",
                 {{"event", event.id}, {"error", applied.error().message()}});
  } else if (*applied) {
    announce(event);
  }
}

void Alarms::end_all(const std::string& pipeline, const std::string& why) {
  const base::TimeUs now = context_.now();
  const std::string prefix = pipeline + "/";
  for (const auto& alert : book_.alerts(true, now, SIZE_MAX)) {
    if (alert.active && alert.info.rule.starts_with(prefix)) clear(alert, now, why);
  }
  runs_.erase(pipeline);
}

void Alarms::started(const std::string& pipeline) {
  runs_[pipeline] = Run{context_.clock.monotonic_us(), 0, {}, false};
}

void Alarms::rebound(const std::string& pipeline) {
  Run& run = runs_[pipeline];
  run = Run{context_.clock.monotonic_us(), run.raised, {}, false};
}

std::uint64_t Alarms::raised_since_start(const std::string& pipeline) const {
  const auto run = runs_.find(pipeline);
  return run == runs_.end() ? 0 : run->second.raised;
}

void Alarms::tick(base::TimeUs now) {
  write_waiting();
  const base::DurationUs monotonic = context_.clock.monotonic_us();
  for (auto& [pipeline, run] : runs_) {
    if (run.settled || monotonic - run.since < kSettle) continue;
    run.settled = true;
    const std::string prefix = pipeline + "/";
    for (const auto& alert : book_.alerts(true, now, SIZE_MAX)) {
      if (alert.active && alert.info.rule.starts_with(prefix) &&
          !run.seen.contains(alert.info.rule)) {
        clear(alert, now, "not seen again since the restart");
      }
    }
  }
  store::Batch dropped;
  for (const std::string& key : book_.take_dropped()) {
    dropped.records.push_back({std::string(kAlertEventRecord), key, {}});
  }
  if (dropped.records.empty()) return;
  if (auto committed = context_.store.commit(dropped); !committed.ok()) {
    os::log_warn("alert", "old events could not be removed",
                 {{"error", committed.error().message()}});
  }
}

}  // namespace lander::site
