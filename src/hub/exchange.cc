// What a site's bundle does to the hub, and what the hub answers.

#include <algorithm>

#include "base/cbor.h"
#include "hub/core.h"
#include "hub/records.h"
#include "os/log.h"

namespace lander::hub {
namespace {

// What one site may make the hub keep in memory. A site that needs more is broken, or not ours.
constexpr std::size_t kMaxAlerts = 5'000, kMaxEvents = 100'000;
constexpr std::size_t kMaxDatastreams = 4'000, kMaxRevisions = 1'000;
constexpr std::size_t kMaxModels = 200;
constexpr std::uint64_t kMaxRevision = std::uint64_t{1} << 53;  // JSON's integers end there
// A value from further ahead has a wrong clock, and would hide all that comes after it.
constexpr base::DurationUs kMaxAhead = base::kDay;

base::Error too_many(const char* what) {
  return base::Error(base::Code::kExhausted, std::string("the site has too many ") + what);
}

bool for_the_lake(const link::Item& item) {
  return item.type == "blocks" || item.type == "summary" || item.type == "alert-event" ||
         item.type == "datastream";
}

}  // namespace

// What one bundle changes here: committed together with the journal of what was taken, then acted
// on.
struct Core::Effects {
  std::uint64_t epoch = 0;
  std::uint64_t reported_number = 0;
  Batch batch;
  std::vector<alert::Event> events;
  std::optional<std::size_t> alerts;  // of the site, with those that come now; counted when needed
  std::optional<twin::Reported> reported;
  std::optional<twin::Desired> adopted;
  std::vector<sensing::Datastream> datastreams;
  std::vector<base::Bytes> models;
  std::vector<model::History> histories;
};

link::Keys Core::keys_for(const Site& site) const {
  return {keys_.signing, keys_.sealing, site.signing, site.sealing};
}

base::Result<base::Bytes> Core::exchange(const std::string& client_key_id, base::ByteView sealed) {
  const auto at = by_key_.find(client_key_id);
  if (at == by_key_.end()) {
    ++stats_.refused;
    return base::Error(
        base::Code::kDenied,
        "this key is not one of an enrolled site: enrol with a token (`lander site add`)");
  }
  return converse(*at->second, sealed, {});
}

base::Result<base::Bytes> Core::arrived(const SiteKey& claimed, base::ByteView sealed,
                                        std::size_t max_answer, bool sole) {
  Tenant* tenant = find_tenant(claimed.tenant);
  const auto at =
      tenant == nullptr ? decltype(tenant->sites.begin()){} : tenant->sites.find(claimed.site);
  if (tenant == nullptr || at == tenant->sites.end() || at->second->key_id.empty() ||
      at->second->revoked) {
    ++stats_.refused;
    return base::Error(base::Code::kDenied, "no enrolled site \"" + claimed.tenant.substr(0, 64) +
                                                "/" + claimed.site.substr(0, 64) + "\"");
  }
  return converse(*at->second, sealed, {Way::By::kGateway, max_answer, sole});
}

base::Result<Core::Brought> Core::courier(const access::Scope& scope, const std::string& name,
                                          base::ByteView sealed) {
  LANDER_TRY(scope.allows(access::Right::kOperate));
  LANDER_ASSIGN(Site * site, mutable_site(scope, name));
  if (site->key_id.empty() || site->revoked) {
    return base::Error(base::Code::kConflict, "site \"" + name + "\" is not enrolled");
  }
  const std::uint64_t before = stats_.items;
  Brought brought;
  LANDER_ASSIGN(brought.answer, converse(*site, sealed, {Way::By::kCourier}));
  brought.items = stats_.items - before;
  return brought;
}

base::Result<base::Bytes> Core::converse_bundle(Site& site, base::ByteView sealed, const Way& way) {
  LANDER_ASSIGN(const auto bundle,
                link::open(sealed, keys_for(site), {site.key.tenant, site.key.site, false}));
  const bool by_courier = way.by == Way::By::kCourier;
  LANDER_ASSIGN(const bool itself, recognise(site, bundle, by_courier));
  if (!itself) return answer_to_copy(site, bundle);
  const bool news = by_courier ? bundle.sent >= site.told : site.instances.newest(bundle);
  LANDER_TRY(take(site, bundle, way.by, news));
  // Who repeats a recorded bundle at a gateway must not make items count as under way.
  return answer(site, bundle, way.max_answer, news || way.by != Way::By::kGateway);
}

base::Result<base::Bytes> Core::converse(Site& site, base::ByteView sealed, const Way& way) {
  auto reply = link::is_short(sealed) ? converse_short(site, sealed, way.sole)
                                      : converse_bundle(site, sealed, way);
  // Then it is another site's.
  if (!reply.ok() && !way.sole && reply.error().code() == base::Code::kUnauthenticated)
    return reply;
  if (reply.ok()) {
    ++stats_.bundles;
    site.link_error.clear();
    return reply;
  }
  ++stats_.refused;
  if (site.link_error != reply.error().message()) {
    os::log_warn("hub", "a message is refused",
                 {{"site", site.key.site}, {"error", reply.error().message()}});
  }
  site.link_error = reply.error().message();
  return reply;
}

base::Result<bool> Core::recognise(Site& site, const link::Bundle& bundle, bool by_courier) {
  link::Instances instances = site.instances;
  bool changed = false;
  const auto verdict =
      instances.see(bundle, site.receiver.receipts(bundle.epoch), now(), changed, by_courier);
  if (changed) {
    Batch batch;
    batch.records.push_back(
        {site.key.tenant, std::string(kInstancesRecord), site.key.site, "", instances.encode()});
    LANDER_TRY(commit(batch));
  }
  const bool clone = site.instances.cloned_since() == 0 && instances.cloned_since() != 0;
  site.instances = std::move(instances);
  if (clone) {
    os::log_error("hub", "two machines use the identity of one site: enrol one of them anew",
                  {{"tenant", site.key.tenant}, {"site", site.key.site}});
    context_.changed(site.key.tenant, "site", site.key.site);
  }
  if (verdict == link::Instances::Verdict::kGoesOn) return true;
  os::log_warn("hub", "a site was restored from a copy, or cloned: it is told to begin a new epoch",
               {{"tenant", site.key.tenant}, {"site", site.key.site}});
  return false;
}

base::Status Core::clone_resolved(const access::Scope& scope, const std::string& name) {
  LANDER_TRY(scope.allows(access::Right::kOperate));
  LANDER_ASSIGN(Site * site, mutable_site(scope, name));
  link::Instances instances = site->instances;
  instances.forget_clone();
  Batch batch;
  batch.records.push_back(
      {scope.tenant, std::string(kInstancesRecord), name, "", instances.encode()});
  LANDER_TRY(commit(batch));
  site->instances = std::move(instances);
  context_.changed(scope.tenant, "site", name);
  return {};
}

base::Status Core::take(Site& site, const link::Bundle& bundle, Way::By by, bool news) {
  Effects effects;
  effects.epoch = bundle.epoch;
  link::Receiver journal = site.receiver;
  std::vector<link::Item> fresh;
  const bool told = journal.skip(bundle.epoch, bundle.gone);  // of what will never come
  for (const auto& item : bundle.items) {
    if (journal.take(bundle.epoch, item)) fresh.push_back(item);
  }
  if (!fresh.empty() || told) {
    // The lake first: it drops what it has, so a crash before our own commit only repeats the work.
    std::vector<link::Item> rows;
    std::copy_if(fresh.begin(), fresh.end(), std::back_inserter(rows), for_the_lake);
    if (!rows.empty()) {
      LANDER_TRY(context_.lake.ingest({site.key.tenant, site.key.site, bundle.epoch, now()}, rows));
    }
    for (const auto& item : fresh) {
      if (auto done = effect(site, item, effects); !done.ok()) {
        // Receipted all the same: sending it again would not mend it, and it must not block what
        // follows.
        os::log_warn("hub", "an item is refused",
                     {{"site", site.key.site},
                      {"type", item.type},
                      {"number", item.number},
                      {"error", done.error().message()}});
      }
    }
    effects.batch.records.push_back(
        {site.key.tenant, std::string(kReceiverRecord), site.key.site, "", journal.encode()});
    LANDER_TRY(commit(effects.batch));
    stats_.items += fresh.size();
    site.receiver = std::move(journal);
  }
  const auto before = presence(site);
  // A stick was on its way for days: that is no contact now, and news may have overtaken it. What
  // a gateway brings may be a replay. TLS alone proves that the site is there now.
  if (by == Way::By::kCourier) {
    site.last_contact = std::max(site.last_contact, std::min(bundle.sent, now()));
  } else if (news || by == Way::By::kTls) {
    site.last_contact = now();
  }
  if (news) {
    site.told = bundle.sent;
    site.vitals = bundle.vitals;
  }
  for (const auto& event : effects.events) tell(site, event);
  LANDER_TRY(unpark(site, bundle.epoch));
  for (auto& datastream : effects.datastreams)
    site.datastreams[datastream.id][datastream.revision] = std::move(datastream);
  for (const auto& body : effects.models) LANDER_TRY(read_models(site, body));
  for (auto& history : effects.histories) site.histories[history.asset] = std::move(history);
  if (effects.adopted) site.desired = std::move(*effects.adopted);
  for (const auto& item : fresh) note_latest(site, item);
  if (effects.reported) {
    site.reported = std::move(*effects.reported);
    site.reported_epoch = effects.epoch;
    site.reported_number = effects.reported_number;
    context_.changed(site.key.tenant, "twin", site.key.site);
    // All of the bundle is durable by now: when this fails, tick() tries it again.
    site.rollouts_due = true;
    catch_up(site);
  }
  if (before != presence(site)) context_.changed(site.key.tenant, "site", site.key.site);
  return {};
}

base::Status Core::effect(Site& site, const link::Item& item, Effects& effects) {
  auto keep = [&](std::string_view kind, std::string key, base::Bytes body) {
    effects.batch.records.push_back(
        {site.key.tenant, std::string(kind), site.key.site, std::move(key), std::move(body)});
  };
  if (item.type == "alert-event") {
    // The whole of what was told in brief.
    keep(kBriefRecord, std::to_string(effects.epoch) + "/" + std::to_string(item.number), {});
    return take_alert_event(site, item, effects);
  } else if (item.type == "dictionary") {
    LANDER_ASSIGN(Shorts * shorts, shorts_of(site, effects.epoch));
    LANDER_TRY(shorts->dictionary.take(item.body));
    keep(kDictionaryRecord, std::to_string(effects.epoch), shorts->dictionary.encode());
  } else if (item.type == "reported") {
    return take_reported(site, item, effects);
  } else if (item.type == "datastream") {
    LANDER_ASSIGN(auto datastream, sensing::decode_datastream(item.body));
    const auto known = site.datastreams.find(datastream.id);
    if (site.datastreams.size() + effects.datastreams.size() >= kMaxDatastreams &&
        known == site.datastreams.end())
      return too_many("datastreams");
    if (known != site.datastreams.end() && known->second.size() >= kMaxRevisions &&
        !known->second.contains(datastream.revision))
      return too_many("revisions of a datastream");
    keep(kDatastreamRecord, datastream.id + "/" + std::to_string(datastream.revision), item.body);
    effects.datastreams.push_back(std::move(datastream));
  } else if (item.type == "model") {
    base::CborReader in(item.body);
    LANDER_TRY(in.array_of(4, "models"));
    LANDER_ASSIGN(const auto asset, in.text());
    Site trial;
    LANDER_TRY(read_models(trial, item.body));
    if (site.models.size() + effects.models.size() >= kMaxModels &&
        !site.models.contains(std::string(asset)))
      return too_many("models");
    keep(kModelRecord, std::string(asset), item.body);
    effects.models.push_back(item.body);
  } else if (item.type == "model-history") {
    LANDER_ASSIGN(auto history, model::decode_history(item.body));
    if (site.histories.size() + effects.histories.size() >= kMaxModels &&
        !site.histories.contains(history.asset))
      return too_many("histories of models");
    keep(kModelHistoryRecord, history.asset, item.body);
    effects.histories.push_back(std::move(history));
  }
  return {};
}

base::Status Core::take_alert_event(Site& site, const link::Item& item, Effects& effects) {
  LANDER_ASSIGN(auto event, alert::decode_event(item.body));
  if (event.actor.ends_with("@hub")) {
    return base::Error(base::Code::kDenied, "a site does not speak for \"" + event.actor + "\"");
  }
  // What ends an alert still finds room when no new one does.
  const std::size_t room = event.kind == alert::EventKind::kRaise ? kMaxEvents : 2 * kMaxEvents;
  if (site.events + effects.events.size() >= room) return too_many("events of alerts");
  // Before it is kept: at the next start another of them would be the one too many.
  if (site.events + effects.events.size() >= alert::kMaxEventsPerAlert) {
    const auto now_coming =
        std::count_if(effects.events.begin(), effects.events.end(),
                      [&](const alert::Event& e) { return e.alert == event.alert; });
    if (site.alerts.events(event.alert).size() + static_cast<std::size_t>(now_coming) >=
        alert::kMaxEventsPerAlert)
      return too_many("events of one alert");
  }
  // Fewer events cannot be more alerts.
  if (event.kind == alert::EventKind::kRaise && site.events + effects.events.size() >= kMaxAlerts &&
      !site.alerts.find(event.alert)) {
    if (!effects.alerts)
      effects.alerts = site.alerts.alerts(false, now(), SIZE_MAX).size() + effects.events.size();
    if (*effects.alerts >= kMaxAlerts) return too_many("alerts");
    ++*effects.alerts;
  }
  effects.batch.records.push_back(
      {site.key.tenant, std::string(kAlertEventRecord), site.key.site, event.id, item.body});
  effects.events.push_back(std::move(event));
  return {};
}

base::Status Core::take_reported(Site& site, const link::Item& item, Effects& effects) {
  LANDER_ASSIGN(auto reported, twin::decode_reported(item.body));
  if (reported.desired_revision > kMaxRevision)
    return base::Error(base::Code::kInvalid, "a revision beyond 2^53");
  // By number, not by the site's clock: that may have been set back meanwhile.
  const bool same_epoch = effects.reported || site.reported_epoch == effects.epoch;
  const std::uint64_t newest = effects.reported ? effects.reported_number : site.reported_number;
  if (same_epoch && item.number < newest) return {};  // came late
  if (reported.site_desired) {
    LANDER_ASSIGN(auto made, twin::decode_desired(*reported.site_desired));
    if (made.revision <= kMaxRevision &&
        twin::supersedes(made, effects.adopted ? *effects.adopted : site.desired)) {
      effects.batch.records.push_back({site.key.tenant, std::string(kDesiredRecord), site.key.site,
                                       "", *reported.site_desired});
      effects.adopted = std::move(made);
    }
  }
  effects.batch.records.push_back(
      {site.key.tenant, std::string(kReportedRecord), site.key.site, "", item.body});
  effects.reported = std::move(reported);
  effects.reported_number = item.number;
  return {};
}

base::Status Core::read_models(Site& site, base::ByteView body) {
  base::CborReader in(body);
  LANDER_TRY(in.array_of(4, "models"));
  LANDER_ASSIGN(const auto asset, in.text());
  Site::Models models;
  for (auto [model, digest] : {std::pair(&models.active, &models.active_digest),
                               std::pair(&models.shadow, &models.shadow_digest),
                               std::pair(&models.previous, &models.previous_digest)}) {
    LANDER_ASSIGN(const auto bytes, in.bytes());
    if (bytes.empty()) continue;
    LANDER_ASSIGN(*model, model::decode_model(bytes));
    *digest = model::digest(bytes);
    (*model)->body.clear();  // the hub shows the lineage, it does not run it
  }
  LANDER_TRY(in.end());
  site.models[std::string(asset)] = std::move(models);
  return {};
}

void Core::note_latest(Site& site, const link::Item& item) {
  auto note = [&](const std::string& datastream, base::TimeUs time, double value) {
    if (!site.datastreams.contains(datastream) || time > now() + kMaxAhead) return;
    Site::Latest& latest = site.latest[datastream];
    if (time >= latest.time) latest = {time, value};
  };
  if (item.type == "summary") {
    const auto summaries = link::decode_summaries(item.body);
    if (!summaries.ok()) return;  // the lake has parked it and says so
    for (const auto& s : *summaries) {
      base::TimeUs end = 0;
      if (s.summary.count > 0 && !__builtin_add_overflow(s.from, s.span, &end))
        note(s.datastream, end, s.summary.mean());
    }
  } else if (item.type == "blocks") {
    const auto blocks = link::decode_blocks(item.body);
    if (!blocks.ok()) return;
    for (const auto& b : *blocks) {
      const auto block = sensing::decode_block(b.block);
      if (!block.ok()) continue;
      for (std::size_t i = block->numbers.size(); i-- > 0;) {
        if (!sensing::is_good(block->qualities[i])) continue;  // it is shown as a good one
        base::TimeUs time = 0;
        if (!__builtin_add_overflow(block->times[i], b.utc_offset, &time))
          note(b.datastream, time, block->numbers[i]);
        break;
      }
    }
  }
}

}  // namespace lander::hub
