#include "site/uplink.h"

#include <algorithm>
#include <numeric>

#include "base/cbor.h"
#include "os/log.h"
#include "site/worth.h"

namespace lander::site {
namespace {

constexpr std::size_t kBundleItems = 2000;
constexpr std::size_t kLeastBundle = 2 << 10;    // of one without items, about
constexpr std::size_t kLeastRoom = 1 << 10;      // of items, beside a full bundle's overhead
constexpr std::size_t kAnswersAwaited = 10'000;  // of bundles: far away, many are under way

base::Bytes encode_instance(const link::Instance& instance) {
  base::CborWriter out;
  out.array(2).unsigned_integer(instance.starts).unsigned_integer(instance.id);
  return out.take();
}

}  // namespace

Uplink::Uplink(Context& context, Alarms& alarms, Apps& apps, Ways& ways, Courier& courier,
               Identity identity)
    : context_(context),
      alarms_(alarms),
      apps_(apps),
      ways_(ways),
      courier_(courier),
      identity_(std::move(identity)),
      outbox_(context.store.epoch()) {}

base::Status Uplink::load() {
  LANDER_ASSIGN(const auto journal, context_.store.record(kReceiverRecord, "hub"));
  if (journal) {
    LANDER_ASSIGN(receiver_, link::Receiver::decode(*journal));
  }
  LANDER_ASSIGN(const auto sent, context_.store.records(kSentRecord));
  for (const auto& record : sent) {
    base::CborReader in(record.body);
    LANDER_TRY(in.array_of(2, "what was sent"));
    LANDER_ASSIGN(sent_[record.key].raw, in.unsigned_integer());
    LANDER_ASSIGN(sent_[record.key].summaries, in.unsigned_integer());
  }
  LANDER_ASSIGN(const auto lanes, context_.store.lanes());
  began_ = context_.clock.monotonic_us();
  for (const auto& lane : lanes) {
    // The pickup lane's floor is what any recipient holds: the courier keeps who holds what.
    if (lane.lane != link::kLanePickup) outbox_.set_through(lane.lane, lane.floor);
    last_at_start_[lane.lane] = lane.last;
  }
  LANDER_ASSIGN(const auto before, context_.store.record(kMarkRecord, "instance"));
  if (before) {
    base::CborReader in(*before);
    LANDER_TRY(in.array_of(2, "instance"));
    LANDER_ASSIGN(instance_.starts, in.unsigned_integer());
    LANDER_ASSIGN(instance_.parent, in.unsigned_integer());
  }
  ++instance_.starts;
  instance_.id = context_.random.next_u64();
  return renew_keys();
}

base::Status Uplink::ready() {
  if (ready_) return {};
  LANDER_TRY(recognise_host());
  store::Batch batch;
  batch.records.push_back({std::string(kMarkRecord), "instance", encode_instance(instance_)});
  LANDER_TRY(context_.store.commit(batch));
  LANDER_TRY(tell_dictionary());
  ready_ = true;
  return {};
}

base::Status Uplink::recognise_host() {
  if (context_.host.empty()) return {};
  LANDER_ASSIGN(const auto known, context_.store.record(kMarkRecord, "host"));
  if (known && base::as_text(*known) == context_.host) return {};
  if (known) LANDER_TRY(renew_epoch("the data came to another machine, or back from a copy"));
  const auto host = base::as_bytes(context_.host);
  store::Batch batch;
  batch.records.push_back({std::string(kMarkRecord), "host", {host.begin(), host.end()}});
  LANDER_TRY(context_.store.commit(batch));
  return {};
}

base::Status Uplink::renew_keys() {
  LANDER_ASSIGN(short_keys_, link::short_keys(identity_.keys, identity_.tenant, identity_.site,
                                              outbox_.epoch()));
  LANDER_ASSIGN(const auto reserved, context_.store.record(kMarkRecord, "short-counter"));
  counter_ = counters_reserved_ = newest_down_ = kept_down_ = 0;
  no_brief_.clear();
  told_with_.clear();
  if (!reserved) return {};
  base::CborReader in(*reserved);
  LANDER_TRY(in.array_of(3, "counters of short messages"));
  LANDER_ASSIGN(const std::uint64_t epoch, in.unsigned_integer());
  LANDER_ASSIGN(const std::uint64_t counter, in.unsigned_integer());
  LANDER_ASSIGN(const std::uint64_t down, in.unsigned_integer());
  if (epoch != outbox_.epoch()) return {};
  counter_ = counters_reserved_ = counter;
  newest_down_ = kept_down_ = down;
  return {};
}

base::Status Uplink::renew_epoch(const char* why) {
  LANDER_TRY(context_.store.renew_epoch());
  os::log_warn("link", "a new epoch begins: what waits is numbered anew", {{"why", why}});
  outbox_ = link::Outbox(context_.store.epoch());
  LANDER_TRY(tell_dictionary());
  return renew_keys();
}

// An epoch is told all of it once: what was told in another one, this hub's end does not count.
base::Status Uplink::tell_dictionary() {
  base::CborWriter epoch;
  epoch.unsigned_integer(outbox_.epoch());
  LANDER_ASSIGN(const auto told, context_.store.record(kMarkRecord, "dictionary"));
  if (told && *told == epoch.out()) return {};
  store::Batch batch;
  for (auto& body : alarms_.dictionary().retell()) {
    batch.items.push_back({link::kLaneState, "dictionary", std::move(body), kWorthOfState});
  }
  batch.records.push_back({std::string(kMarkRecord), "dictionary", epoch.take()});
  LANDER_TRY(context_.store.commit(batch));
  return {};
}

base::Result<link::Bundle> Uplink::head(std::uint64_t desired_revision,
                                        std::map<std::string, double> vitals) {
  LANDER_TRY(ready());
  const auto now = context_.store.utc_now();
  link::Bundle out;
  out.tenant = identity_.tenant;
  out.site = identity_.site;
  out.epoch = outbox_.epoch();
  out.sent = now.time;
  if (sent_at_.size() >= kAnswersAwaited) sent_at_.erase(sent_at_.begin());
  // Of two with one time (the clock was set back) the earlier: the answer may be to either.
  sent_at_.try_emplace(out.sent, context_.clock.monotonic_us());
  out.sent_error = now.error;
  out.instance = instance_;
  out.heard = heard_;
  out.desired_revision = desired_revision;
  out.vitals = std::move(vitals);
  out.wants = apps_.wants();
  out.receipts = receiver_.receipts(receiver_.newest_epoch());
  for (std::uint8_t lane = 0; lane < link::kLanes; ++lane) {
    LANDER_ASSIGN(const auto ranges, context_.store.gone(lane, 64));
    for (const auto& range : ranges) {
      const auto why = static_cast<link::Gone>(range.why);
      LANDER_ASSIGN(const auto numbers, link::Ranges::from({{range.first, range.last}}));
      const auto same = std::find_if(out.gone.begin(), out.gone.end(), [&](const auto& gone) {
        return gone.lane == lane && gone.why == why;
      });
      if (same != out.gone.end()) {
        same->numbers.merge(numbers);
      } else if (out.gone.size() < link::kMaxTombstones) {
        out.gone.push_back({lane, why, numbers});
      }
    }
  }
  return out;
}

link::Outbox::Heads Uplink::heads() const {
  return [this](std::uint8_t lane, std::uint64_t after,
                std::size_t max) -> base::Result<std::vector<link::Head>> {
    // Observations leave with the time that is known for them: the hub's answer will tell it.
    if (lane >= link::kLaneBulk && context_.store.utc_now().error == INT64_MAX)
      return std::vector<link::Head>();
    LANDER_ASSIGN(const auto found, context_.store.heads(lane, after, max));
    std::vector<link::Head> out;
    for (const auto& head : found) {
      out.push_back({head.lane, head.number, static_cast<std::size_t>(head.bytes), head.worth,
                     head.created, head.expires});
    }
    return out;
  };
}

base::Result<std::vector<link::Item>> Uplink::bodies(const std::vector<link::Head>& heads) const {
  std::vector<link::Item> out;
  for (std::size_t at = 0; at < heads.size();) {
    const std::uint8_t lane = heads[at].lane;
    std::vector<std::uint64_t> numbers;
    for (; at < heads.size() && heads[at].lane == lane; ++at) numbers.push_back(heads[at].number);
    LANDER_ASSIGN(auto items, context_.store.items(lane, numbers, link::kMaxBundleBytes));
    // In the order that was chosen.
    std::map<std::uint64_t, store::Item*> by_number;
    for (auto& item : items) by_number[item.number] = &item;
    for (const std::uint64_t number : numbers) {
      const auto found = by_number.find(number);
      if (found == by_number.end()) continue;  // it went meanwhile
      store::Item& item = *found->second;
      out.push_back({lane, number, std::move(item.type), item.created, std::move(item.body)});
    }
  }
  return out;
}

// Raw observations become items when they can leave, so that they are few and small. True: there
// is more.
base::Result<bool> Uplink::offer_raw(std::size_t bytes) {
  auto offered = context_.store.offer_raw(bytes);
  // No room to copy what was stored before it had an exit; all else is offered even so.
  if (!offered.ok() && offered.error().code() == base::Code::kExhausted) {
    os::log_warn("link", "older observations wait for room",
                 {{"error", offered.error().message()}});
    return false;
  }
  return offered;
}

base::Result<Uplink::Outgoing> Uplink::next(const std::string& carrier,
                                            std::uint64_t desired_revision,
                                            std::map<std::string, double> vitals) {
  const Ways::Way* way = ways_.find(carrier);
  if (way == nullptr) {
    return base::Error(base::Code::kNotFound, "carrier \"" + carrier + "\" is not declared");
  }
  LANDER_TRY(ready());
  const link::Standing standing = ways_.standing(*way);
  if (standing.brief) return next_brief(*way);
  // Where bytes are dear or get lost, an alert is told in brief first, and the whole follows.
  const link::Terms& terms = standing.terms;
  if (terms.copies > 1 || terms.price > 0 || terms.bytes_a_day > 0) {
    LANDER_ASSIGN(auto brief, next_brief(*way));
    if (!brief.sealed.empty()) {
      brief.more = true;
      return brief;
    }
  }
  return next_bundle(*way, desired_revision, std::move(vitals));
}

base::Result<Uplink::Outgoing> Uplink::next_bundle(const Ways::Way& way,
                                                   std::uint64_t desired_revision,
                                                   std::map<std::string, double> vitals) {
  const base::DurationUs monotonic = context_.clock.monotonic_us();
  link::Standing carrier = ways_.standing(way);
  carrier.up = carrier.contact = true;  // it is about to be tried
  auto all = ways_.standings();
  Outgoing out;
  LANDER_ASSIGN(link::Bundle bundle, head(desired_revision, std::move(vitals)));
  const std::size_t room = ways_.message_bytes(way);
  const std::size_t overhead = link::encode(bundle).size() + 512;
  link::Outbox::Room left{room > overhead + kLeastRoom ? room - overhead : kLeastRoom,
                          kBundleItems};
  carrier.left -= std::min<std::uint64_t>(carrier.left, overhead);
  carrier.left_for_others -= std::min<std::uint64_t>(carrier.left_for_others, overhead);
  LANDER_ASSIGN(auto chosen, outbox_.choose(carrier, all, left, monotonic, heads()));
  const auto bytes_of = [](const std::vector<link::Head>& heads) {
    return std::accumulate(heads.begin(), heads.end(), std::size_t{0},
                           [](std::size_t sum, const auto& head) { return sum + head.bytes; });
  };
  if (carrier.terms.price == 0 && bytes_of(chosen) < left.bytes / 2 &&
      context_.store.utc_now().error != INT64_MAX) {
    LANDER_ASSIGN(out.more, offer_raw(left.bytes));
    LANDER_ASSIGN(chosen, outbox_.choose(carrier, all, left, monotonic, heads()));
  }
  // A heartbeat is not worth the last of a budget, which alerts in brief may need.
  if (chosen.empty() && carrier.left_for_others == 0) return out;
  LANDER_ASSIGN(bundle.items, bodies(chosen));
  outbox_.sent(carrier, chosen, monotonic);
  out.items = bundle.items.size();
  out.more = out.more || bytes_of(chosen) >= left.bytes / 2 || out.items >= kBundleItems;
  LANDER_ASSIGN(out.sealed, link::seal(bundle, identity_.keys));
  return out;
}

bool Uplink::has_waiting(const std::string& carrier) {
  const Ways::Way* way = ways_.find(carrier);
  if (way == nullptr) return false;
  link::Standing standing = ways_.standing(*way);
  // One that failed is tried again, by its owner's patience.
  standing.up = link::in_contact(standing.terms, context_.now());
  const std::size_t least = standing.brief ? kLeastBrief : kLeastBundle;
  if (standing.left < least) return false;
  if (!standing.brief && standing.left != UINT64_MAX) {
    standing.left -= least;
    standing.left_for_others -= std::min<std::uint64_t>(standing.left_for_others, least);
  }
  const auto chosen = outbox_.choose(
      standing, ways_.standings(), {std::max(ways_.message_bytes(*way), kLeastRoom), kBundleItems},
      context_.clock.monotonic_us(), heads());
  if (!chosen.ok()) return true;  // let the next message say what is wrong
  if (standing.brief) {
    return std::any_of(chosen->begin(), chosen->end(),
                       [&](const auto& head) { return !no_brief_.contains(head.number); });
  }
  if (!chosen->empty()) return true;
  if (!standing.up || standing.terms.price > 0) return false;
  if (context_.store.utc_now().error == INT64_MAX) return false;
  const auto lanes = context_.store.lanes();
  return !lanes.ok() || std::any_of(lanes->begin(), lanes->end(), [](const auto& lane) {
    return lane.unoffered && lane.lane == link::kLaneBulk;
  });
}

void Uplink::lost(const std::string& carrier) { outbox_.lost(carrier); }

}  // namespace lander::site
