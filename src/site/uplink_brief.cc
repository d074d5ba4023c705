// Alerts in brief, and what a hub that never heard of them needs to understand them.

#include <algorithm>

#include "base/cbor.h"
#include "site/uplink.h"

namespace lander::site {
namespace {

constexpr std::size_t kItems = 2000;
constexpr std::uint64_t kCountersAtOnce = 64;
// Of a short message: some copies of it pass a narrow way within a second.
constexpr std::size_t kBriefMessage = 1000;
// What is looked through for untold entries of the dictionary.
constexpr std::size_t kStateItems = 64, kStateBytes = 64 << 10;

}  // namespace

// By item; each with the number of its first entry.
struct Uplink::Entries {
  std::vector<std::pair<std::uint64_t, link::Item>> untold;
  // Those without which the hub would not understand what takes `needed` entries for granted.
  std::vector<link::Item> up_to(std::size_t needed) const {
    std::vector<link::Item> out;
    for (const auto& [first, item] : untold) {
      if (first < needed) out.push_back(item);
    }
    return out;
  }
};

base::Result<Uplink::Entries> Uplink::untold_entries() const {
  Entries out;
  LANDER_ASSIGN(auto items,
                context_.store.items(link::kLaneState, outbox_.through(link::kLaneState),
                                     kStateItems, kStateBytes));
  for (auto& item : items) {
    if (item.type != "dictionary" || outbox_.held(link::kLaneState, item.number)) continue;
    const auto with = told_with_.find(item.number);
    if (with != told_with_.end() && outbox_.noticed(with->second)) continue;
    LANDER_ASSIGN(const std::uint64_t first, link::Dictionary::first_of(item.body));
    out.untold.emplace_back(first, link::Item{link::kLaneState, item.number, std::move(item.type),
                                              item.created, std::move(item.body)});
  }
  return out;
}

// Spent when it is durable that it is: a counter never comes twice under one key.
base::Result<std::uint64_t> Uplink::next_counter() {
  if (counter_ == counters_reserved_) {
    LANDER_TRY(keep_counters(counter_ + kCountersAtOnce));
  }
  return ++counter_;
}

base::Status Uplink::keep_counters(std::uint64_t reserved) {
  base::CborWriter out;
  out.array(3).unsigned_integer(outbox_.epoch()).unsigned_integer(reserved);
  out.unsigned_integer(newest_down_);
  store::Batch batch;
  batch.records.push_back({std::string(kMarkRecord), "short-counter", out.take()});
  LANDER_TRY(context_.store.commit(batch));
  counters_reserved_ = reserved;
  kept_down_ = newest_down_;
  return {};
}

base::Result<Uplink::Outgoing> Uplink::next_brief(const Ways::Way& way) {
  const base::DurationUs monotonic = context_.clock.monotonic_us();
  link::Standing carrier = ways_.standing(way);
  carrier.up = carrier.contact = carrier.brief = true;
  carrier.max_message = std::min(carrier.max_message, kBriefMessage);
  const std::size_t most = std::min<std::uint64_t>(carrier.max_message, carrier.left);
  if (most < kLeastBrief) return Outgoing{};
  const std::size_t room = most - link::kShortOverhead;
  LANDER_ASSIGN(auto chosen,
                outbox_.choose(carrier, ways_.standings(), {room, kItems}, monotonic, heads()));
  std::erase_if(chosen, [&](const auto& head) { return no_brief_.contains(head.number); });
  chosen.resize(std::min<std::size_t>(chosen.size(), room / 4));
  if (chosen.empty()) return Outgoing{};
  LANDER_ASSIGN(const auto items, bodies(chosen));
  LANDER_ASSIGN(const Entries entries, untold_entries());
  Outgoing out;
  link::ShortMessage message;
  base::Bytes plain;
  std::vector<link::Head> told;
  for (const auto& item : items) {
    const auto event = alert::decode_event(item.body);
    auto brief = event.ok() ? link::encode_brief(*event, identity_.tenant, identity_.site,
                                                 alarms_.dictionary())
                            : std::nullopt;
    if (!brief) {
      no_brief_.insert(item.number);
      continue;
    }
    link::ShortMessage longer = message;
    longer.briefs[item.number] = std::move(*brief);
    // Where its entries do not fit either it goes without: the hub keeps it until they come.
    auto needs = entries.up_to(alarms_.dictionary().needed(*event));
    if (needs.size() < message.items.size()) needs = message.items;
    longer.items = std::move(needs);
    base::Bytes encoded = link::encode(longer);
    if (encoded.size() > room && told.empty()) {
      longer.items.clear();
      encoded = link::encode(longer);
    }
    if (encoded.size() > room) {
      out.more = true;
      break;
    }
    for (const auto& entry : longer.items) told_with_.try_emplace(entry.number, item.number);
    message = std::move(longer);
    plain = std::move(encoded);
    told.push_back(*std::find_if(chosen.begin(), chosen.end(),
                                 [&](const auto& head) { return head.number == item.number; }));
  }
  if (told.empty()) return out;
  LANDER_ASSIGN(const std::uint64_t counter, next_counter());
  outbox_.sent(carrier, told, monotonic);
  out.items = told.size();
  out.copies = carrier.terms.copies;
  out.sealed = link::seal_short(short_keys_, false, counter, plain);
  return out;
}

}  // namespace lander::site
