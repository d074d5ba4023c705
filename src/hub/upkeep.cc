// Alerts that people handle, and what the hub does by itself once a second.

#include <algorithm>

#include "base/cbor.h"
#include "hub/core.h"
#include "hub/records.h"
#include "os/log.h"

namespace lander::hub {
namespace {

constexpr base::DurationUs kSaveContactsEvery = base::kMinute;
constexpr std::size_t kWaitingEvents = 10'000, kWaitingBytes = 64 << 20;

base::Bytes encode_time(base::TimeUs time) {
  base::CborWriter out;
  out.integer(time);
  return out.take();
}

}  // namespace

base::Result<alert::Alert> Core::alert_event(const access::Scope& scope, const std::string& name,
                                             const alert::Event& event) {
  LANDER_TRY(scope.allows(access::Right::kHandleAlerts));
  LANDER_ASSIGN(Site * site, mutable_site(scope, name));
  if (!site->alerts.find(event.alert))
    return base::Error(base::Code::kNotFound, "no alert \"" + event.alert + "\" at this site");
  LANDER_TRY(alert::validate(event));  // before anything is written
  std::vector<alert::Event> events = site->alerts.events(event.alert);
  if (events.size() >= alert::kMaxEventsPerAlert)
    return base::Error(base::Code::kExhausted, "this alert has too many events already");
  const base::Bytes body = alert::encode(event);
  Batch batch;
  batch.records.push_back({scope.tenant, std::string(kAlertEventRecord), name, event.id, body});
  batch.items.push_back({site->key, link::kLaneAlert, "alert-event", body});
  LANDER_TRY(commit(batch));
  apply(*site, event);
  const link::Item item{link::kLaneAlert, site->last_item[link::kLaneAlert], "alert-event", now(),
                        body};
  if (auto told = context_.lake.ingest({scope.tenant, name, context_.state.epoch(), now()}, {item});
      !told.ok()) {
    site->lake_due = true;  // it is durable and on its way: the person is not to do it again
    os::log_warn("hub", "an event waits for the lake", {{"error", told.error().message()}});
  }
  // Folded here: an alert that is over with this event may have left the book already.
  events.push_back(event);
  const alert::Alert alert = alert::fold(std::move(events));
  context_.alerted(site->key, event, alert);
  return alert;
}

bool Core::apply(Site& site, const alert::Event& event) {
  const auto applied = site.alerts.apply(event);
  if (applied.ok()) {
    if (*applied) ++site.events;
    return *applied;
  }
  os::log_warn("hub", "an alert's event is refused",
               {{"site", site.key.site}, {"error", applied.error().message()}});
  site.dropped_events.push_back(event.id);
  ++site.events;  // until its record is gone
  return false;
}

void Core::catch_up(Site& site) {
  if (site.rollouts_due) {
    if (auto advanced = advance_rollouts(site); !advanced.ok()) {
      os::log_warn("hub", "a rollout waits",
                   {{"site", site.key.site}, {"error", advanced.error().message()}});
    }
  }
  if (!site.lake_due) return;
  // What the site has not receipted yet is still here; the lake drops what it has.
  auto waiting = context_.state.items(site.key, link::kLaneAlert, 0, kWaitingEvents, kWaitingBytes);
  base::Status told = waiting.ok() ? base::Status() : base::Status(waiting.error());
  if (waiting.ok() && !waiting->empty()) {
    told = context_.lake.ingest({site.key.tenant, site.key.site, context_.state.epoch(), now()},
                                *waiting);
  }
  site.lake_due = !told.ok();
}

void Core::tick() {
  const base::DurationUs monotonic = context_.clock.monotonic_us();
  Batch housekeeping;
  const bool save = monotonic >= next_save_;
  std::vector<Site*> dropped;
  for (auto& [name, tenant] : tenants_) {
    for (auto& [site_name, site] : tenant.sites) {
      for (auto& event : site->alerts.take_dropped()) site->dropped_events.push_back(event);
      for (const auto& event : site->dropped_events) {
        housekeeping.records.push_back(
            {name, std::string(kAlertEventRecord), site_name, event, {}});
        dropped.push_back(site.get());
      }
      catch_up(*site);
      const auto now_present = presence(*site);
      auto [known, first] = presence_.try_emplace(site->key, now_present);
      if (!first && known->second != now_present) {
        known->second = now_present;
        os::log_info(
            "hub", "presence of a site changed",
            {{"tenant", name}, {"site", site_name}, {"presence", fleet::to_string(now_present)}});
        context_.changed(name, "site", site_name);
      }
      if (save && site->last_contact != site->saved_contact) {
        housekeeping.records.push_back(
            {name, std::string(kContactRecord), site_name, "", encode_time(site->last_contact)});
        site->saved_contact = site->last_contact;
      }
    }
  }
  if (save) next_save_ = monotonic + kSaveContactsEvery;
  if (housekeeping.records.empty()) return;
  if (auto saved = commit(housekeeping); !saved.ok()) {
    os::log_warn("hub", "housekeeping is not durable", {{"error", saved.error().message()}});
    return;
  }
  for (Site* site : dropped) {
    site->events -= std::min(site->events, site->dropped_events.size());
    site->dropped_events.clear();
  }
}

}  // namespace lander::hub
