#include "site/core.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/cbor.h"
#include "os/log.h"
#include "site/worth.h"

namespace lander::site {
namespace {

// What an observation takes in a block at most: time, quality, value.
constexpr std::size_t kCommitBytes = 32 << 20;  // at once: bounds what a flood takes
// A minute's summary is made when its late data had this long to arrive.
constexpr base::DurationUs kSummaryDelay = 5 * base::kSecond;
constexpr base::DurationUs kDeclareAgain = 10 * base::kSecond;
constexpr std::size_t kMaxDesiredBytes = 512 << 10;  // it is told to the hub within one item
constexpr std::size_t kSummaryMinutes = 60;  // a tick, so that a backlog is caught up in steps
// Before this no clock of ours can be right: Lander did not exist.
constexpr base::TimeUs kEarliestPlausible = 1'767'225'600 * base::kSecond;  // 2026-01-01

base::Bytes encode_mark(base::TimeUs through) {
  base::CborWriter out;
  out.integer(through);
  return out.take();
}

base::Error not_enrolled() {
  return {base::Code::kConflict,
          "this site is not enrolled: nobody knows whom to seal for. lander-site enrol"};
}

}  // namespace

Core::Core(Context context)
    : context_(std::move(context)),
      alarms_(context_),
      models_(context_, alarms_),
      apps_(context_, alarms_, bound_),
      store_watch_(context_, alarms_),
      courier_(context_, apps_),
      ways_(context_) {}

base::Result<std::unique_ptr<Core>> Core::open(Context context, std::optional<Identity> identity) {
  std::unique_ptr<Core> core(new Core(std::move(context)));
  LANDER_TRY(core->load(std::move(identity)));
  return core;
}

base::Status Core::load(std::optional<Identity> identity) {
  LANDER_TRY(alarms_.load());
  LANDER_TRY(store_watch_.load());
  LANDER_TRY(models_.load());
  LANDER_TRY(ways_.load());
  LANDER_ASSIGN(const auto stored, context_.store.record(kDesiredRecord, "current"));
  if (stored) {
    LANDER_ASSIGN(desired_, twin::decode_desired(*stored));
  }
  LANDER_ASSIGN(const auto mark, context_.store.record(kMarkRecord, "summaries"));
  if (mark) {
    base::CborReader in(*mark);
    LANDER_ASSIGN(summaries_through_, in.integer());
  }
  std::optional<trust::Document> trust;
  if (identity) {
    LANDER_TRY(meet(*identity));
    LANDER_ASSIGN(trust, trust::verify_document(identity->trust_document, identity->root, 0));
    LANDER_ASSIGN(const auto newer, context_.store.record(kTrustRecord, "document"));
    if (newer) {
      LANDER_ASSIGN(auto document, trust::verify_document(*newer, identity->root, 0));
      if (document.version > trust->version) trust = std::move(document);
    }
  }
  LANDER_TRY(apps_.load(std::move(trust)));
  LANDER_TRY(courier_.load());
  if (identity) {
    uplink_.emplace(context_, alarms_, apps_, ways_, courier_, std::move(*identity));
    LANDER_TRY(uplink_->load());
  }
  declare_all();
  run(twin::Desired{});
  return {};
}

base::Status Core::enrol(Identity identity) {
  LANDER_ASSIGN(auto document, trust::verify_document(identity.trust_document, identity.root, 0));
  LANDER_TRY(meet(identity));
  context_.tenant = identity.tenant;
  context_.site = identity.site;
  apps_.set_trust(std::move(document));
  uplink_.emplace(context_, alarms_, apps_, ways_, courier_, std::move(identity));
  reported_.clear();  // tell the hub everything
  declare_all();
  return uplink_->load();
}

base::Status Core::meet(const Identity& identity) {
  const std::string hub = identity.keys.peer_signing.id();
  LANDER_ASSIGN(const auto known, context_.store.record(kMarkRecord, "hub"));
  if (known && base::as_text(*known) == hub) return {};
  store::Batch batch;
  const auto name = base::as_bytes(hub);
  batch.records.push_back({std::string(kMarkRecord), "hub", {name.begin(), name.end()}});
  if (known) {
    // Its numbers begin at 1: it would wait for ever for those that the other hub has. A crash
    // before the commit only repeats this.
    LANDER_TRY(context_.store.renew_epoch());
    for (const std::string_view kind :
         {kReceiverRecord, kToldRecord, kSentRecord, kTrustRecord, kRecipientRecord}) {
      LANDER_ASSIGN(const auto records, context_.store.records(kind));
      for (const auto& record : records)
        batch.records.push_back({std::string(kind), record.key, {}});
    }
    os::log_info("link", "another hub than before", {{"key", hub.substr(0, 16)}});
  }
  LANDER_TRY(context_.store.commit(batch));
  return {};
}

base::Result<std::size_t> Core::commit(std::span<const sensing::Observation> observations) {
  store::Batch batch;
  std::size_t bytes = 0;
  for (const auto& observation : observations) {
    bytes += sizeof observation + sensing::held_bytes(observation.value);
    if (bytes > kCommitBytes && !batch.observations.empty()) break;
    batch.observations.push_back(observation);
  }
  const std::size_t count = batch.observations.size();
  auto committed = context_.store.commit(batch);
  if (committed.ok()) {
    store_watch_.accepted();
    return count;
  }
  if (committed.error().code() != base::Code::kInvalid) {
    store_watch_.refused(committed.error());
    return committed.error();
  }
  // One that the store can never take must not hold back the others for ever.
  if (count > 1) return commit(observations.first(count / 2));
  os::log_error("store", "an observation is refused", {{"error", committed.error().message()}});
  return count;
}

void Core::signal(const std::string& pipeline, const stream::Signal& signal,
                  const std::vector<sensing::Observation>& uncommitted) {
  if (pipeline.starts_with("shadow/")) return;  // a shadow is watched, it does not speak
  alarms_.signal(pipeline, signal, uncommitted);
}

base::Status Core::declare(const sensing::Datastream& wanted) {
  LANDER_ASSIGN(const auto key, context_.store.declare(wanted));
  const auto declared = context_.store.datastream(key);
  LANDER_CHECK(declared.has_value());
  // The hub's tables need the context of every revision, and its policy, before the first
  // observation.
  const base::Bytes body = sensing::encode(*declared);
  LANDER_ASSIGN(const auto told, context_.store.record(kToldRecord, wanted.id));
  if (!told || *told != body) {
    store::Batch batch;
    batch.records.push_back({std::string(kToldRecord), wanted.id, body});
    batch.items.push_back({link::kLaneState, "datastream", body, kWorthOfState});
    LANDER_TRY(context_.store.commit(batch));
  }
  bound_.push_back({key, *declared});
  return {};
}

void Core::declare_all() {
  bound_.clear();
  declare_errors_.clear();
  for (const auto& datastream : desired_.datastreams) {
    if (auto declared = declare(datastream); !declared.ok()) {
      os::log_warn("twin", "datastream is not declared, will try again",
                   {{"datastream", datastream.id}, {"error", declared.error().message()}});
      declare_errors_[datastream.id] = declared.error().message();
    }
  }
  next_declare_ = context_.clock.monotonic_us() + kDeclareAgain;
}

base::Result<Core::Applied> Core::apply_yaml(std::string_view yaml, const std::string& file,
                                             const std::string& author, bool dry_run) {
  LANDER_ASSIGN(const std::string meant, twin::site_of_yaml(yaml, file));
  if (!meant.empty() && meant != context_.site) {
    return base::Error(base::Code::kConflict,
                       file + " is for site \"" + meant + "\", this is \"" + context_.site + "\"");
  }
  LANDER_ASSIGN(twin::Desired wanted, twin::parse_yaml(yaml, file, desired_));
  Applied out;
  for (const auto& action : twin::plan(desired_, wanted)) {
    out.changes.push_back(twin::to_text(action));
  }
  out.revision = desired_.revision;
  if (out.changes.empty() && desired_.revision > 0) return out;
  out.revision = desired_.revision + 1;
  if (dry_run) return out;
  wanted.revision = out.revision;
  wanted.origin = twin::Origin::kSite;
  wanted.author = author;
  wanted.created = context_.now();
  store::Batch batch;
  batch.records.push_back({std::string(kDesiredRecord), "current", twin::encode(wanted)});
  if (batch.records[0].body.size() > kMaxDesiredBytes) {
    return base::Error(base::Code::kExhausted,
                       file + " describes more than fits into one message to the hub (512 KiB)");
  }
  LANDER_TRY(context_.store.commit(batch));
  adopt(std::move(wanted));
  return out;
}

void Core::adopt(twin::Desired desired) {
  const twin::Desired before = std::move(desired_);
  desired_ = std::move(desired);
  os::log_info("twin", "new desired revision",
               {{"revision", desired_.revision}, {"author", desired_.author}});
  declare_all();
  run(before);
  report_changes();
}

void Core::run(const twin::Desired& before) {
  const bool first = before.revision == 0;
  const auto actions = twin::plan(before, desired_);
  auto has = [&](std::initializer_list<twin::ActionKind> kinds) {
    return first || std::any_of(actions.begin(), actions.end(), [&](const twin::Action& action) {
             return std::find(kinds.begin(), kinds.end(), action.kind) != kinds.end();
           });
  };
  using enum twin::ActionKind;
  if (has({kStopSource, kStartSource, kDeclare, kRetire}))
    context_.shell.run_sources(desired_.sources, bound_);
  if (has({kSetWebhook})) context_.shell.set_webhook(desired_.webhook);
  if (has({kSetCarriers})) {
    ways_.declare(desired_.carriers);
    context_.shell.run_carriers(desired_.carriers);
  }
  if (has({kDeclare, kRetire})) models_.install_watches();
  apps_.want(desired_.apps);
  if (!first && has({kDeclare, kRetire, kRebindApp})) apps_.rebind();
}

void Core::tick() {
  const base::TimeUs now = context_.now();
  alarms_.tick(now);
  store_watch_.tick(now);
  apps_.tick();
  models_.tick(now, desired_.autonomy);
  if (!declare_errors_.empty() && context_.clock.monotonic_us() >= next_declare_) {
    const std::size_t before = bound_.size();
    declare_all();
    context_.shell.run_sources(desired_.sources, bound_);
    if (bound_.size() > before) {
      models_.install_watches();
      apps_.rebind();
    }
  }
  if (uplink_) send_summaries(now);
  report_changes();
}

void Core::send_summaries(base::TimeUs now) {
  // Times of a box that woke in 1970 are not told before somebody has told it the time.
  if (now < kEarliestPlausible) return;
  const base::TimeUs last = (now - kSummaryDelay) / base::kMinute * base::kMinute;
  if (summaries_through_ < kEarliestPlausible) {
    if (context_.store.stats().oldest == 0) return;  // nothing stored yet
    const base::TimeUs oldest = std::max(context_.store.stats().oldest, kEarliestPlausible);
    summaries_through_ = std::min(oldest / base::kMinute * base::kMinute, last);
  }
  // The clock was ahead for a while: do not wait until it is again.
  if (summaries_through_ > last + base::kHour) summaries_through_ = last;
  const base::TimeUs to = std::min<base::TimeUs>(
      last, summaries_through_ + static_cast<base::DurationUs>(kSummaryMinutes) * base::kMinute);
  if (to <= summaries_through_) return;
  std::map<sensing::SeriesKey, const sensing::Datastream*> leaving;
  for (const auto& bound : bound_) {
    const auto& d = bound.datastream;
    if (d.policy.uplink >= sensing::Uplink::kSummary && sensing::is_numeric(d.kind)) {
      leaving.emplace(bound.series, &d);
    }
  }
  const auto minutes = context_.store.minutes(summaries_through_, to);
  if (!minutes.ok()) {
    os::log_warn("link", "summaries could not be read", {{"error", minutes.error().message()}});
    return;
  }
  std::map<base::TimeUs, std::vector<link::SeriesSummary>> by_minute;
  for (const auto& minute : *minutes) {
    const auto found = leaving.find(minute.series);
    if (found == leaving.end()) continue;
    by_minute[minute.from].push_back(
        {found->second->id, found->second->revision, minute.from, base::kMinute, minute.summary});
  }
  store::Batch batch;
  for (const auto& [minute, summaries] : by_minute) {
    batch.items.push_back({link::kLaneSummary, "summary", link::encode_summaries(summaries),
                           kWorthOfSummary, now + kSummaryExpires});
  }
  batch.records.push_back({std::string(kMarkRecord), "summaries", encode_mark(to)});
  if (auto committed = context_.store.commit(batch); !committed.ok()) {
    os::log_warn("link", "summaries wait for the disk", {{"error", committed.error().message()}});
    return;
  }
  summaries_through_ = to;
}

twin::Reported Core::reported() const {
  twin::Reported out;
  out.desired_revision = desired_.revision;
  out.software = LANDER_VERSION;
  out.time = context_.now();
  const auto health = context_.shell.source_health();
  for (const auto& config : desired_.sources) {
    twin::Component c;
    c.id = "source/" + config.id;
    c.desired = config.address;
    const auto at = health.find(config.id);
    if (at == health.end()) {
      c.status = twin::Status::kFailed;
      c.reason = "did not start";
    } else {
      c.reason = at->second.reason;
      const bool up = at->second.state == source::Health::State::kConnected;
      c.status = up                                                     ? twin::Status::kApplied
                 : at->second.state == source::Health::State::kStarting ? twin::Status::kPending
                                                                        : twin::Status::kFailed;
      if (up) c.running = config.address;
    }
    out.components.push_back(std::move(c));
  }
  for (const auto& datastream : desired_.datastreams) {
    twin::Component c;
    c.id = "datastream/" + datastream.id;
    const auto bound = std::find_if(bound_.begin(), bound_.end(), [&](const auto& b) {
      return b.datastream.id == datastream.id;
    });
    if (bound != bound_.end()) {
      c.desired = c.running = "r" + std::to_string(bound->datastream.revision);
      c.status = twin::Status::kApplied;
    } else {
      c.status = twin::Status::kRefused;
      const auto error = declare_errors_.find(datastream.id);
      c.reason = error == declare_errors_.end() ? "not declared" : error->second;
    }
    out.components.push_back(std::move(c));
  }
  for (auto& c : apps_.components()) out.components.push_back(std::move(c));
  for (auto& c : models_.components()) out.components.push_back(std::move(c));
  for (auto& c : out.components) {
    const auto known = since_.find(c.id);
    c.since = known != since_.end() && known->second.status == c.status &&
                      known->second.running == c.running
                  ? known->second.since
                  : out.time;
  }
  const bool behind = uplink_ && uplink_->hub_is_behind();
  if ((desired_.origin == twin::Origin::kSite || behind) && desired_.revision > 0)
    out.site_desired = twin::encode(desired_);
  return out;
}

void Core::report_changes() {
  twin::Reported now = reported();
  for (const auto& c : now.components) since_[c.id] = c;
  twin::Reported timeless = now;
  timeless.time = 0;
  for (auto& c : timeless.components) {
    c.since = 0;
    // "next try in 4s" is news every second; that the source is down is news once.
    if (c.status == twin::Status::kPending || c.id.starts_with("source/")) c.reason.clear();
  }
  base::Bytes encoded = twin::encode(timeless);
  if (encoded == reported_) return;
  store::Batch batch;
  store::NewItem item{link::kLaneState, "reported", twin::encode(now), kWorthOfState};
  item.subject = "site";  // the newest says it all
  batch.items.push_back(std::move(item));
  if (auto committed = context_.store.commit(batch); !committed.ok()) {
    os::log_warn("twin", "report waits for the disk", {{"error", committed.error().message()}});
    return;
  }
  reported_ = std::move(encoded);
  using Json = nlohmann::json;  // a site's name is the host's, or anything
  context_.shell.publish(
      "twin", Json{{"site", context_.site}}.dump(-1, ' ', false, Json::error_handler_t::replace));
}

base::Result<Uplink::Outgoing> Core::next_message(const std::string& carrier,
                                                  std::map<std::string, double> vitals) {
  LANDER_CHECK(uplink_.has_value());
  return uplink_->next(carrier, desired_.revision, std::move(vitals));
}

bool Core::has_waiting(const std::string& carrier) {
  return uplink_ && (uplink_->has_waiting(carrier) || (carrier == kHttps && fetching()));
}

void Core::exchanged(const std::string& carrier, const Ways::Exchange& exchange) {
  ways_.exchanged(carrier, exchange);
  if (uplink_ && !exchange.failure.empty() && !exchange.goes_on) uplink_->lost(carrier);
}

base::Status Core::take_message(base::ByteView sealed, base::DurationUs round_trip) {
  LANDER_CHECK(uplink_.has_value());
  LANDER_ASSIGN(auto desired, uplink_->take(sealed, round_trip, desired_));
  if (desired) adopt(std::move(*desired));
  return {};
}

base::Result<carrier::Part> Core::pickup_part(const carrier::PartAsked& asked,
                                              std::map<std::string, double> vitals) {
  if (!uplink_) return not_enrolled();
  LANDER_ASSIGN(auto head, uplink_->head(desired_.revision, std::move(vitals)));
  return courier_.part(asked, std::move(head), uplink_->identity());
}

base::Status Core::brought(const std::string& peer, base::ByteView sealed) {
  if (!uplink_) return not_enrolled();
  if (peer == link::kHub) return take_message(sealed, 0);
  LANDER_ASSIGN(const bool refused, courier_.take(peer, sealed, uplink_->identity()));
  if (refused)
    LANDER_TRY(uplink_->renew_epoch("a recipient says that a copy of this site goes on"));
  return {};
}

}  // namespace lander::site
