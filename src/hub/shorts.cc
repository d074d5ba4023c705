// Short messages of sites: alerts in brief, before the whole comes by another carrier. What cannot
// be read yet, for want of an epoch's key or of an entry of the dictionary, is parked.

#include <algorithm>
#include <charconv>

#include "base/cbor.h"
#include "hub/core.h"
#include "hub/records.h"
#include "os/log.h"

namespace lander::hub {
namespace {

constexpr std::size_t kMaxParkedBriefs = 1000, kMaxParkedMessages = 64;
constexpr std::size_t kMaxNoticed = 5000;  // in brief, of which the whole did not come yet
constexpr std::uint64_t kCountersAtOnce = 64;
constexpr std::uint64_t kFirstCounters = 16'384;  // where a new epoch's begin, at most
constexpr std::size_t kShortReply = 270 - link::kShortOverhead;  // what the narrowest carrier takes

std::string brief_key(std::uint64_t epoch, std::uint64_t number) {
  return std::to_string(epoch) + "/" + std::to_string(number);
}

base::Result<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t out = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), out);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size())
    return base::Error(base::Code::kCorrupt,
                       "expected a number, found \"" + std::string(text) + "\"");
  return out;
}

std::size_t count(const link::Ranges& ranges) {
  std::size_t out = 0;
  for (const auto& [first, last] : ranges.ranges()) out += last - first + 1;
  return out;
}

// They are here whole by now.
void forget_whole(const link::Receiver& receiver, std::uint64_t epoch, link::Ranges& noticed) {
  link::Ranges out;
  for (const auto& [first, last] : noticed.ranges()) {
    for (std::uint64_t number = first; number <= last; ++number) {
      if (!receiver.holds(epoch, link::kLaneAlert, number)) out.add(number);
    }
  }
  noticed = std::move(out);
}

// The oldest first.
base::Result<std::vector<Record>> parked_shorts(State& state, const SiteKey& site) {
  std::vector<Record> out;
  LANDER_TRY(state.load(
      kShortRecord,
      [&](const Record& r) -> base::Status {
        out.push_back(r);
        return {};
      },
      &site));
  return out;
}

struct Counters {
  std::uint64_t reserved = 0, newest_up = 0;
};

base::Bytes encode(const Counters& counters) {
  base::CborWriter out;
  out.array(2).unsigned_integer(counters.reserved).unsigned_integer(counters.newest_up);
  return out.take();
}

base::Result<Counters> decode_counters(base::ByteView body) {
  Counters out;
  base::CborReader in(body);
  LANDER_TRY(in.array_of(2, "counters of short messages"));
  LANDER_ASSIGN(out.reserved, in.unsigned_integer());
  LANDER_ASSIGN(out.newest_up, in.unsigned_integer());
  return out;
}

}  // namespace

base::Result<Shorts*> Core::shorts_of(Site& site, std::uint64_t epoch) {
  if (const auto known = site.shorts.find(epoch); known != site.shorts.end()) return &known->second;
  LANDER_ASSIGN(auto kept, kept_shorts(site, epoch));
  if (site.shorts.size() >= kMaxShorts) {
    // Not the newest epochs that bundles came of.
    const auto newest = site.instances.newest_epoch(), last = site.receiver.newest_epoch();
    const auto oldest = std::find_if(
        site.shorts.begin(), site.shorts.end(),
        [&](const auto& entry) { return entry.first != newest && entry.first != last; });
    site.shorts.erase(oldest);
  }
  return &(site.shorts[epoch] = std::move(kept));
}

base::Result<Shorts> Core::kept_shorts(const Site& site, std::uint64_t epoch) {
  Shorts out;
  const std::string key = std::to_string(epoch);
  LANDER_TRY(context_.state.load(
      kDictionaryRecord,
      [&](const Record& r) -> base::Status {
        if (r.key != key) return {};
        if (auto dictionary = link::Dictionary::decode(r.body); dictionary.ok()) {
          out.dictionary = *std::move(dictionary);
        } else {  // its entries come again
          os::log_error(
              "hub", "a record is left out",
              {{"kind", r.kind}, {"site", r.site}, {"error", dictionary.error().message()}});
        }
        return {};
      },
      &site.key));
  bool known = false;
  LANDER_TRY(context_.state.load(
      kCounterRecord,
      [&](const Record& r) -> base::Status {
        if (r.key != key) return {};
        LANDER_ASSIGN(const Counters counters, decode_counters(r.body));
        out.reserved = counters.reserved;
        out.newest_up = counters.newest_up;
        known = true;
        return {};
      },
      &site.key));
  // A hub that was restored from a copy without this epoch does not know what it gave out since: it
  // begins further on, by a counter a minute.
  if (!known)
    out.reserved = static_cast<std::uint64_t>(std::max<base::TimeUs>(now(), 0) / base::kMinute) %
                   kFirstCounters;
  out.counter = out.reserved;
  return out;
}

base::Result<std::vector<Record>> Core::counters_ahead() {
  std::vector<Record> out;
  LANDER_TRY(context_.state.load(kCounterRecord, [&](const Record& r) -> base::Status {
    LANDER_ASSIGN(Counters counters, decode_counters(r.body));
    counters.reserved += kCountersLost;
    out.push_back(r);
    out.back().body = encode(counters);
    return {};
  }));
  return out;
}

base::Status Core::load_shorts() {
  const auto with_site = [&](std::string_view kind, auto use) {
    return context_.state.load(kind, [&](const Record& r) -> base::Status {
      Tenant* tenant = find_tenant(r.tenant);
      if (tenant == nullptr || !tenant->sites.contains(r.site)) return {};
      if (auto used = use(*tenant->sites[r.site], r); !used.ok()) {
        os::log_error("hub", "a record is left out",
                      {{"kind", r.kind}, {"site", r.site}, {"error", used.error().message()}});
      }
      return {};
    });
  };
  for (const auto kind : {kDictionaryRecord, kCounterRecord}) {
    LANDER_TRY(with_site(kind, [&](Site& site, const Record& r) -> base::Status {
      LANDER_ASSIGN(const std::uint64_t epoch, number_of(r.key));
      LANDER_TRY(shorts_of(site, epoch));
      return {};
    }));
  }
  return with_site(kBriefRecord, [&](Site& site, const Record& r) -> base::Status {
    const auto slash = r.key.find('/');
    LANDER_ASSIGN(const std::uint64_t epoch, number_of(std::string_view(r.key).substr(0, slash)));
    LANDER_ASSIGN(const std::uint64_t number, number_of(std::string_view(r.key).substr(slash + 1)));
    LANDER_ASSIGN(Shorts * shorts, shorts_of(site, epoch));
    shorts->noticed.add(number);
    const auto event =
        link::decode_brief(r.body, site.key.tenant, site.key.site, shorts->dictionary);
    if (!event.ok()) {
      shorts->parked[number] = r.body;
      return {};
    }
    apply(site, *event);
    return {};
  });
}

// Once for an event, however it came first.
void Core::tell(Site& site, const alert::Event& event) {
  const auto before = site.alerts.events(event.alert);
  const bool known = std::any_of(before.begin(), before.end(),
                                 [&](const alert::Event& e) { return e.id == event.id; });
  if (!apply(site, event)) return;
  const auto alert = site.alerts.find(event.alert);
  if (!alert) return;
  if (known) {
    --site.events;  // it was counted when it came in brief
    context_.changed(site.key.tenant, "site", site.key.site);
  } else {
    context_.alerted(site.key, event, *alert);
  }
}

base::Result<link::OpenedShort> Core::open_short(Site& site, base::ByteView sealed) {
  // Bundles tell the epochs; the one that nothing was heard of yet is tried when it is.
  for (const auto epoch : {site.receiver.newest_epoch(), site.instances.newest_epoch()}) {
    if (epoch != 0) LANDER_TRY(shorts_of(site, epoch));
  }
  std::vector<link::ShortKeys> keys;
  std::vector<std::uint64_t> newest;
  for (auto& [epoch, shorts] : site.shorts) {
    if (!shorts.keys) {
      LANDER_ASSIGN(shorts.keys,
                    link::short_keys(keys_for(site), site.key.tenant, site.key.site, epoch));
    }
    keys.push_back(*shorts.keys);
    newest.push_back(shorts.newest_up);
  }
  return link::open_short(keys, newest, false, sealed);
}

base::Result<base::Bytes> Core::converse_short(Site& site, base::ByteView sealed, bool park) {
  const auto opened = open_short(site, sealed);
  if (!opened.ok()) {
    if (park && opened.error().code() == base::Code::kUnauthenticated)
      LANDER_TRY(park_short(site, sealed));
    return opened.error();
  }
  LANDER_ASSIGN(const bool news, take_short(site, *opened));
  Shorts& shorts = site.shorts[opened->epoch];
  if (news) {
    LANDER_ASSIGN(shorts.last_answer, answer_short(site, shorts));
  }
  return shorts.last_answer;
}

// What its briefs take for granted. No receipt: the items come again in a bundle, and change
// nothing.
base::Status Core::take_entries(Site& site, Shorts& shorts, const link::OpenedShort& opened,
                                const link::ShortMessage& message) {
  link::Dictionary dictionary = shorts.dictionary;
  for (const auto& item : message.items) {
    if (item.type != "dictionary") continue;
    if (auto taken = dictionary.take(item.body); !taken.ok()) {
      os::log_warn("hub", "names for alerts in brief are refused",
                   {{"site", site.key.site}, {"error", taken.error().message()}});
      break;
    }
  }
  if (dictionary.encode() == shorts.dictionary.encode()) return {};
  Batch batch;
  batch.records.push_back({site.key.tenant, std::string(kDictionaryRecord), site.key.site,
                           std::to_string(opened.epoch), dictionary.encode()});
  LANDER_TRY(commit(batch));
  shorts.dictionary = std::move(dictionary);
  return {};
}

base::Result<bool> Core::take_short(Site& site, const link::OpenedShort& opened) {
  LANDER_ASSIGN(const auto message, link::decode_short_message(opened.plain, opened.epoch));
  Shorts& shorts = site.shorts[opened.epoch];
  if (!message.items.empty()) LANDER_TRY(take_entries(site, shorts, opened, message));
  const bool later = opened.counter > shorts.newest_up;
  const auto before = presence(site);
  LANDER_ASSIGN(const bool briefs, take_briefs(site, shorts, opened, message));
  shorts.newest_up = std::max(shorts.newest_up, opened.counter);
  if (later) site.last_contact = now();
  tell_parked(site, shorts);
  if (before != presence(site)) context_.changed(site.key.tenant, "site", site.key.site);
  return later || briefs;
}

base::Result<bool> Core::take_briefs(Site& site, Shorts& shorts, const link::OpenedShort& opened,
                                     const link::ShortMessage& message) {
  forget_whole(site.receiver, opened.epoch, shorts.noticed);
  Batch batch;
  std::vector<alert::Event> events;
  std::map<std::uint64_t, base::Bytes> parked;
  link::Ranges noticed = shorts.noticed;
  for (const auto& [number, brief] : message.briefs) {
    if (site.receiver.holds(opened.epoch, link::kLaneAlert, number) || noticed.contains(number))
      continue;
    if (count(noticed) >= kMaxNoticed) {
      return base::Error(base::Code::kExhausted, "the site told too many alerts in brief");
    }
    const auto event = link::decode_brief(brief, site.key.tenant, site.key.site, shorts.dictionary);
    if (event.ok()) {
      events.push_back(*event);
    } else if (event.error().code() == base::Code::kNotFound &&
               shorts.parked.size() + parked.size() < kMaxParkedBriefs) {
      parked[number] = brief;
    } else {
      os::log_warn("hub", "an alert in brief is refused",
                   {{"site", site.key.site}, {"error", event.error().message()}});
      continue;
    }
    noticed.add(number);
    batch.records.push_back({site.key.tenant, std::string(kBriefRecord), site.key.site,
                             brief_key(opened.epoch, number), brief});
  }
  if (batch.records.empty()) return false;
  LANDER_TRY(commit(batch));
  shorts.noticed = std::move(noticed);
  shorts.parked.merge(parked);
  for (const auto& event : events) tell(site, event);
  return true;
}

base::Result<base::Bytes> Core::answer_short(Site& site, Shorts& shorts) {
  const std::uint64_t epoch = shorts.keys->epoch;
  if (shorts.counter == shorts.reserved) {
    Batch batch;
    batch.records.push_back({site.key.tenant, std::string(kCounterRecord), site.key.site,
                             std::to_string(epoch),
                             encode(Counters{shorts.counter + kCountersAtOnce, shorts.newest_up})});
    LANDER_TRY(commit(batch));
    shorts.reserved = shorts.counter + kCountersAtOnce;
  }
  link::ShortMessage message;
  message.noticed = shorts.noticed;
  message.receipts = site.receiver.receipts(epoch);
  // What is here whole needs no brief: without it their numbers would be gaps.
  for (const auto& receipt : message.receipts) {
    if (receipt.epoch == epoch && receipt.lane == link::kLaneAlert)
      message.noticed.merge(receipt.held);
  }
  std::erase_if(message.receipts, [&](const auto& receipt) { return receipt.epoch != epoch; });
  message.desired_revision = site.desired.revision;
  base::Bytes plain = link::encode(message);
  if (plain.size() > kShortReply) {  // what tells that briefs arrived goes before all else
    message.receipts.clear();
    plain = link::encode(message);
  }
  return link::seal_short(*shorts.keys, true, ++shorts.counter, plain);
}

base::Status Core::park_short(Site& site, base::ByteView sealed) {
  LANDER_ASSIGN(auto parked, parked_shorts(context_.state, site.key));
  const std::string hash = crypto::sha256_hex(sealed);
  if (std::any_of(parked.begin(), parked.end(),
                  [&](const Record& r) { return r.key.ends_with(hash); }))
    return {};
  Batch batch;
  if (parked.size() >= kMaxParkedMessages) {  // the oldest goes
    batch.records.push_back(std::move(parked.front()));
    batch.records.back().body.clear();
  }
  std::string time = std::to_string(std::max<base::TimeUs>(now(), 0));
  time.insert(0, 19 - std::min<std::size_t>(time.size(), 19), '0');
  batch.records.push_back({site.key.tenant,
                           std::string(kShortRecord),
                           site.key.site,
                           time + "/" + hash,
                           {sealed.begin(), sealed.end()}});
  return commit(batch);
}

// The briefs whose entries have come by now.
void Core::tell_parked(Site& site, Shorts& shorts) {
  for (auto at = shorts.parked.begin(); at != shorts.parked.end();) {
    const auto event =
        link::decode_brief(at->second, site.key.tenant, site.key.site, shorts.dictionary);
    const bool waits = !event.ok() && event.error().code() == base::Code::kNotFound;
    if (event.ok()) tell(site, *event);
    at = waits ? std::next(at) : shorts.parked.erase(at);
  }
}

base::Status Core::unpark(Site& site, std::uint64_t epoch) {
  const auto known = site.shorts.find(epoch);
  if (known != site.shorts.end()) tell_parked(site, known->second);
  if (site.unparked_epoch == epoch) return {};
  site.unparked_epoch = epoch;
  LANDER_ASSIGN(auto messages, parked_shorts(context_.state, site.key));
  Batch batch;
  for (Record& record : messages) {
    // What does not open now never will: a site tells its epoch before long.
    if (const auto opened = open_short(site, record.body); opened.ok()) {
      if (auto taken = take_short(site, *opened); !taken.ok()) continue;
    }
    record.body.clear();
    batch.records.push_back(std::move(record));
  }
  return batch.records.empty() ? base::Status() : commit(batch);
}

std::optional<std::string> Core::address_of(const SiteKey& key) const {
  const auto tenant = tenants_.find(key.tenant);
  if (tenant == tenants_.end()) return std::nullopt;
  const auto site = tenant->second.sites.find(key.site);
  if (site == tenant->second.sites.end()) return std::nullopt;
  for (const auto& config : site->second->desired.carriers) {
    const auto address = config.settings.find("address");
    if (config.type == "short-message" && address != config.settings.end()) return address->second;
  }
  return std::nullopt;
}

std::vector<SiteKey> Core::sites_of_address(std::string_view address) const {
  std::vector<SiteKey> out;
  for (const auto& [name, tenant] : tenants_) {
    for (const auto& [site_name, site] : tenant.sites) {
      if (address_of(site->key) == address) out.push_back(site->key);
    }
  }
  return out;
}

}  // namespace lander::hub
