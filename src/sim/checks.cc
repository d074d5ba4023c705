#include "sim/checks.h"

#include <algorithm>
#include <cstdlib>

namespace lander::sim {
namespace {

constexpr base::DurationUs kRounding = base::kMillisecond;

std::string reading(const std::string& id, std::uint64_t sequence) {
  return id + " #" + std::to_string(sequence);
}

// Is `time` +- `error` true of one of the deliveries? Empty: yes.
std::string time_complaint(SiteNode& site, const Feed& feed, std::uint64_t sequence,
                           base::TimeUs time, base::DurationUs error) {
  const auto deliveries = feed.deliveries(sequence);
  for (const Delivery& delivery : deliveries) {
    if (error == INT64_MAX && !site.contacted(delivery.boot)) return "";
    if (error != INT64_MAX && std::llabs(time - delivery.truth) <= error + kRounding) return "";
  }
  return "has the time " + base::to_rfc3339(time) +
         (error == INT64_MAX ? " of unknown error" : " +- " + std::to_string(error) + " us") +
         ", but was delivered at " + base::to_rfc3339(deliveries.front().truth) + " in boot " +
         std::to_string(deliveries.front().boot);
}

}  // namespace

void check_observations(SiteNode& site, Chronicle& chronicle) {
  std::uint64_t total = 0;
  base::TimeUs times = 0;
  for (const auto& entry : site.plant().feeds) {
    const auto& id = entry.first;  // no structured binding: clang 14 does not capture one
    const auto& feed = entry.second;
    std::vector<bool> seen(feed.made(), false);
    for (const auto key : site.store().keys(id)) {
      const auto status =
          site.store().read(key, INT64_MIN, INT64_MAX, SIZE_MAX, [&](const store::Sample& sample) {
            const std::uint64_t sequence = Feed::sequence_of(sample.observation.value);
            if (sequence == 0 || sequence > seen.size()) {
              chronicle.violation(site.name(), reading(id, sequence) + " was never made");
              return false;
            }
            if (seen[sequence - 1]) {
              chronicle.violation(site.name(), reading(id, sequence) + " is stored twice");
              return false;
            }
            seen[sequence - 1] = true;
            ++total;
            times += sample.observation.time;
            const std::string complaint =
                time_complaint(site, feed, sequence, sample.observation.time, sample.time_error);
            if (!complaint.empty()) {
              chronicle.violation(site.name(), reading(id, sequence) + " " + complaint);
            }
            return complaint.empty();
          });
      if (!status.ok()) return chronicle.violation(site.name(), status.error().message());
      if (chronicle.broken()) return;
    }
    for (std::uint64_t sequence = 1; sequence <= seen.size(); ++sequence) {
      if (feed.is_acknowledged(sequence) && !seen[sequence - 1]) {
        return chronicle.violation(site.name(),
                                   reading(id, sequence) + " was acknowledged and is missing");
      }
    }
  }
  chronicle.note(site.name(), "holds " + std::to_string(total) + " observations, sum of times " +
                                  std::to_string(times));
}

void check_twin(SiteNode& site, HubNode& hub, Chronicle& chronicle) {
  const auto found = hub.core().site(hub.scope(), site.name());
  LANDER_CHECK(found.ok());
  const hub::Site& at_hub = **found;
  const twin::Desired& desired = site.core().desired();
  const std::string revisions = "desired: hub r" + std::to_string(at_hub.desired.revision) +
                                ", site r" + std::to_string(desired.revision) + "; reported r" +
                                std::to_string(at_hub.reported.desired_revision);
  chronicle.note(site.name(), revisions);
  if (at_hub.desired.revision != desired.revision ||
      at_hub.reported.desired_revision != desired.revision) {
    return chronicle.violation(site.name(), "never agrees with the hub; " + revisions);
  }
  if (!twin::same_content(at_hub.desired, desired)) {
    return chronicle.violation(site.name(), "runs another content under the same revision");
  }
  for (const auto& c : at_hub.reported.components) {
    chronicle.note(site.name(), c.id + " " + std::string(twin::to_string(c.status)) + " desired " +
                                    c.desired + " runs " + c.running + ": " + c.reason);
    if (c.status == twin::Status::kPending) {
      chronicle.violation(site.name(), c.id + " is pending for ever: " + c.reason);
    } else if (c.status != twin::Status::kApplied && c.reason.empty()) {
      chronicle.violation(site.name(), c.id + " is not applied, and nobody says why");
    }
  }
  if (hub.core().presence(at_hub) != fleet::Presence::kOnTime) {
    chronicle.violation(site.name(), "is late though its link is good");
  }
}

void check_rollouts(HubNode& hub, Chronicle& chronicle) {
  const auto tenant = hub.core().tenant(hub.scope());
  LANDER_CHECK(tenant.ok());
  for (const auto& [id, rollout] : (*tenant)->rollouts) {
    std::string text = "rollout of " + rollout.version + " " +
                       std::string(fleet::to_string(rollout.state)) + " " + rollout.reason;
    for (const auto& [name, site] : rollout.sites) {
      text += "; " + name + " " + std::string(twin::to_string(site.status));
    }
    chronicle.note("hub", text);
    if (rollout.state == fleet::Rollout::State::kRunning) {
      chronicle.violation("hub", "a rollout never ends: " + text);
    }
  }
}

void check_alerts(SiteNode& site, HubNode& hub, Chronicle& chronicle) {
  constexpr std::size_t kKeptByHub = 200;
  const auto found = hub.core().site(hub.scope(), site.name());
  LANDER_CHECK(found.ok());
  const alert::Book& theirs = (*found)->alerts;
  const alert::Book& ours = site.core().alarms().book();
  const base::TimeUs now = site.core().context().now();
  const auto all = ours.alerts(false, now, SIZE_MAX);
  for (const auto& alert : all) {
    const auto here = ours.events(alert.id), there = theirs.events(alert.id);
    if (there.empty() && all.size() > kKeptByHub && alert.state(now) == alert::State::kNormal) {
      continue;  // an old one, over and seen
    }
    const bool same = std::equal(here.begin(), here.end(), there.begin(), there.end(),
                                 [](alert::Event a, alert::Event b) {
                                   // What explains a raise may have to stay at the site.
                                   for (alert::Event* event : {&a, &b}) {
                                     if (!event->info) continue;
                                     event->info->detail.clear();
                                     event->info->causes.clear();
                                     event->info->evidence = {};
                                   }
                                   return alert::encode(a) == alert::encode(b);
                                 });
    if (!same) {
      for (const auto* events : {&here, &there}) {
        std::string list = events == &here ? "has:" : "the hub has:";
        for (const auto& e : *events) {
          list += " " + e.id + " " + std::string(alert::to_string(e.kind)) + " " +
                  base::to_rfc3339(e.time) + " " + e.actor + ";";
        }
        chronicle.note(site.name(), list);
      }
      return chronicle.violation(site.name(), "alert " + alert.id + " has " +
                                                  std::to_string(here.size()) +
                                                  " events here, and at the hub " +
                                                  std::to_string(there.size()) + ", or others");
    }
    const auto at_hub = theirs.find(alert.id);
    if (!at_hub || at_hub->state(now) != alert.state(now)) {
      return chronicle.violation(site.name(), "alert " + alert.id + " stands otherwise at the hub");
    }
    chronicle.note(site.name(), "alert " + alert.id + " " + std::to_string(here.size()) + " " +
                                    std::string(alert::to_string(alert.state(now))));
  }
  if (!theirs.alerts(true, now, SIZE_MAX).empty() && all.empty()) {
    chronicle.violation(site.name(), "the hub has alerts that the site never had");
  }
}

namespace {

// What the lake holds of one site.
class LakeOfSite {
 public:
  LakeOfSite(SiteNode& site, Chronicle& chronicle)
      : site_(site),
        chronicle_(chronicle),
        epoch_(site.store().epoch()),
        counted_(site.plant().feeds[kCounter].made(), false) {}

  void take(const SimLake::Row& row) {
    const Place place{row.epoch, row.lane, row.number};
    if (row.epoch == last_.epoch && row.lane == last_.lane && row.number == last_.number) {
      return broken("item " + text(row) + " stands in the lake twice");
    }
    last_ = place;
    if (row.epoch == epoch_) {
      const auto known = site_.ledger().items.find({row.lane, row.number});
      if (known != site_.ledger().items.end()) {
        ++matched_;
        if (known->second != row.digest) return broken("item " + text(row) + " arrived changed");
      }
    }
    if (row.type == "alert-event") {
      const auto event = alert::decode_event(row.body);
      if (!event.ok()) return broken("item " + text(row) + " does not decode");
      if (!events_.insert(event->id).second) return broken("event " + event->id + " came twice");
    } else if (row.type == "blocks") {
      blocks(row);
    } else if (row.type == "summary") {
      const auto summaries = link::decode_summaries(row.body);
      if (!summaries.ok()) return broken("item " + text(row) + " does not decode");
      for (const auto& s : *summaries) {
        if (s.datastream == kSecret) broken("a summary of " + s.datastream + " left the site");
      }
    }
  }

  void finish(const std::set<std::pair<std::string, std::string>>& of_hub) {
    const auto& ledger = site_.ledger();
    if (matched_ != ledger.items.size()) {
      broken("the lake has " + std::to_string(matched_) + " of " +
             std::to_string(ledger.items.size()) + " items that the store acknowledged");
    }
    for (const auto& id : ledger.events) {
      if (!events_.contains(id)) broken("alert event " + id + " is not in the lake");
    }
    for (const auto& [site, id] : of_hub) {
      if (site == site_.name() && !events_.contains(id)) {
        broken("alert event " + id + ", made at the hub, is not in the lake");
      }
    }
    const alert::Book& book = site_.core().alarms().book();
    for (const auto& alert : book.alerts(false, site_.core().context().now(), SIZE_MAX)) {
      for (const auto& event : book.events(alert.id)) {
        if (events_.contains(event.id)) continue;
        broken("alert event " + event.id + " of " + event.actor +
               " counts at the site and is not in the lake");
      }
    }
    const Feed& counter = site_.plant().feeds[kCounter];
    for (std::uint64_t n = 1; n <= counted_.size(); ++n) {
      if (counter.is_acknowledged(n) && !counted_[n - 1]) {
        return broken(reading(kCounter, n) + " is not in the lake");
      }
    }
    chronicle_.note(site_.name(), "lake: " + std::to_string(matched_) + " items, " +
                                      std::to_string(events_.size()) + " alert events");
  }
  std::uint64_t events() const { return events_.size(); }

 private:
  struct Place {
    std::uint64_t epoch = 0;
    std::uint8_t lane = 0;
    std::uint64_t number = 0;
  };
  static std::string text(const SimLake::Row& row) {
    return std::to_string(row.lane) + "/" + std::to_string(row.number) + " (" + row.type + ")";
  }
  void broken(const std::string& what) { chronicle_.violation(site_.name(), what); }

  void blocks(const SimLake::Row& row) {
    const auto decoded = link::decode_blocks(row.body);
    if (!decoded.ok()) return broken("item " + text(row) + " does not decode");
    for (const auto& series : *decoded) {
      if (series.datastream == kSecret) broken("raw " + series.datastream + " left the site");
      if (series.datastream != kCounter) continue;
      const auto block = sensing::decode_block(series.block);
      if (!block.ok()) return broken("item " + text(row) + " does not decode");
      for (std::size_t i = 0; i < block->size(); ++i) {
        const auto n = static_cast<std::uint64_t>(block->integers[i]);
        if (n == 0 || n > counted_.size()) return broken(reading(kCounter, n) + " was never made");
        if (counted_[n - 1]) return broken(reading(kCounter, n) + " is in the lake twice");
        counted_[n - 1] = true;
        const std::string complaint =
            time_complaint(site_, site_.plant().feeds[kCounter], n,
                           block->times[i] + series.utc_offset, series.utc_error);
        if (!complaint.empty()) return broken("lake: " + reading(kCounter, n) + " " + complaint);
      }
    }
  }

  SiteNode& site_;
  Chronicle& chronicle_;
  const std::uint64_t epoch_;
  std::vector<bool> counted_;
  std::set<std::string> events_;
  Place last_;
  std::size_t matched_ = 0;
};

// The link's own books: all that was numbered is receipted and gone.
void check_outbox(SiteNode& site, HubNode& hub, Chronicle& chronicle) {
  const auto lanes = site.store().lanes();
  if (!lanes.ok()) return chronicle.violation(site.name(), lanes.error().message());
  const auto found = hub.core().site(hub.scope(), site.name());
  LANDER_CHECK(found.ok());
  for (const auto& lane : *lanes) {
    std::uint64_t held = 0;
    for (const auto& receipt : (*found)->receiver.receipts(site.store().epoch())) {
      if (receipt.epoch == site.store().epoch() && receipt.lane == lane.lane) {
        held = receipt.held.through();
      }
    }
    // What the last minutes made may be under way.
    constexpr std::uint64_t kFresh = 3;
    if (lane.waiting > kFresh || held + kFresh < lane.last) {
      chronicle.violation(
          site.name(), "lane " + std::to_string(lane.lane) + " of " + std::to_string(lane.last) +
                           ": " + std::to_string(lane.waiting) + " wait, the hub holds all up to " +
                           std::to_string(held));
    }
  }
}

}  // namespace

LakeCount check_lake(const std::vector<SiteNode*>& sites, HubNode& hub, Chronicle& chronicle) {
  std::map<std::string, LakeOfSite> lakes;
  for (SiteNode* site : sites) {
    check_outbox(*site, hub, chronicle);
    lakes.try_emplace(site->name(), *site, chronicle);
  }
  LakeCount count;
  const auto status = hub.lake().visit([&](const SimLake::Row& row) {
    ++count.items;
    if (!chronicle.broken()) lakes.at(row.site).take(row);
  });
  if (!status.ok()) chronicle.violation("hub", status.error().message());
  for (auto& [name, lake] : lakes) {
    if (!chronicle.broken()) lake.finish(hub.events());
    count.alert_events += lake.events();
  }
  return count;
}

void check_databases(const std::vector<SiteNode*>& sites, HubNode& hub, Chronicle& chronicle) {
  const auto check = [&](const std::string& who, const std::string& vfs, const std::string& path) {
    auto database = os::Database::open(path, {.vfs = vfs});
    if (!database.ok()) return chronicle.violation(who, database.error().message());
    auto query = database->prepare("PRAGMA integrity_check");
    if (!query.ok()) return chronicle.violation(who, query.error().message());
    const auto row = query->step();
    if (!row.ok() || query->text(0) != "ok") {
      chronicle.violation(who, path + " is damaged: " + std::string(query->text(0)));
    }
  };
  for (SiteNode* site : sites) check(site->name(), site->vfs().name(), "/data/site.db");
  check("hub", hub.vfs().name(), "/hub/hub.db");
  check("hub", hub.vfs().name(), "/hub/lake.db");
}

}  // namespace lander::sim
