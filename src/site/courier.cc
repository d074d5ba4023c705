#include "site/courier.h"

#include <algorithm>

#include "base/cbor.h"
#include "os/log.h"

namespace lander::site {
namespace {

using base::Code;
using base::Error;

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kHeadsAtOnce = 4096;
// Of bodies in one file: with the head, and what raw blocks gain when they leave, below a bundle's
// bound. Less than this is topped up before it leaves, so that files are few.
constexpr std::size_t kFullBytes = link::kMaxBundleBytes - link::kMaxItemBytes / 2;
constexpr std::size_t kGoodBytes = kFullBytes / 2;
// What the core's thread makes at once: capture waits for no more.
constexpr std::size_t kOfferBytes = 1 << 20;
constexpr std::size_t kItemOverhead = 64;

base::Bytes encode(std::uint64_t epoch, const link::Ranges& numbers) {
  base::CborWriter out;
  out.array(3).unsigned_integer(kFormat).unsigned_integer(epoch).array(numbers.ranges().size());
  for (const auto& [first, last] : numbers.ranges())
    out.array(2).unsigned_integer(first).unsigned_integer(last);
  return out.take();
}

base::Result<std::pair<std::uint64_t, link::Ranges>> decode(base::ByteView body) {
  base::CborReader in(body);
  LANDER_TRY(in.record(3, kFormat, "what a recipient holds"));
  LANDER_ASSIGN(const std::uint64_t epoch, in.unsigned_integer());
  LANDER_ASSIGN(const std::uint64_t count, in.array_up_to(link::Ranges::kMax, "ranges"));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (std::uint64_t i = 0; i < count; ++i) {
    LANDER_TRY(in.array_of(2, "a range"));
    LANDER_ASSIGN(const std::uint64_t first, in.unsigned_integer());
    LANDER_ASSIGN(const std::uint64_t last, in.unsigned_integer());
    ranges.emplace_back(first, last);
  }
  LANDER_TRY(in.end());
  LANDER_ASSIGN(auto numbers, link::Ranges::from(ranges));
  return std::pair(epoch, std::move(numbers));
}

// Another recipient learns of a site what explains its data, no more.
void strip(link::Bundle& bundle) {
  bundle.wants.clear();
  bundle.receipts.clear();
  bundle.vitals.clear();
  bundle.heard = 0;
  bundle.desired_revision = 0;
  std::erase_if(bundle.gone, [](const auto& gone) { return gone.lane != link::kLanePickup; });
}

}  // namespace

base::Status Courier::load() {
  LANDER_ASSIGN(const auto records, context_.store.records(kRecipientRecord));
  for (const auto& record : records) {
    LANDER_ASSIGN(auto held, decode(record.body));
    held_[record.key] = {held.first, std::move(held.second)};
  }
  return {};
}

std::vector<std::string> Courier::peers() const {
  std::vector<std::string> out{std::string(link::kHub)};
  if (const auto& trust = apps_.trust()) {
    for (const auto& recipient : trust->recipients)
      if (recipient.name != link::kHub) out.push_back(recipient.name);
  }
  return out;
}

base::Result<const trust::Recipient*> Courier::recipient(const std::string& peer) const {
  const auto& trust = apps_.trust();
  const auto* found = trust ? trust::find_recipient(*trust, peer) : nullptr;
  if (found != nullptr && peer != link::kHub) return found;
  return Error(Code::kNotFound,
               "the trust document in force names no recipient \"" + peer.substr(0, 64) +
                   "\": whoever keeps the root key adds one with `lander trust add --recipient`");
}

bool Courier::gets(const std::string& peer, std::uint8_t lane) const {
  if (peer != link::kHub) return lane == link::kLaneState || lane == link::kLanePickup;
  const auto& trust = apps_.trust();
  return lane != link::kLanePickup || !trust || trust::hub_is_recipient(*trust);
}

base::Result<carrier::Part> Courier::part(const carrier::PartAsked& asked, link::Bundle head,
                                          const Identity& identity) {
  link::Keys keys = identity.keys;
  if (asked.peer != link::kHub) {
    LANDER_ASSIGN(const trust::Recipient* to, recipient(asked.peer));
    LANDER_ASSIGN(keys.peer_signing, crypto::PublicKey::from_der(to->signing_der));
    LANDER_ASSIGN(keys.peer_sealing, crypto::PublicKey::from_der(to->sealing_der));
    head.peer = to->name;
    strip(head);
  }
  carrier::Part out;
  out.epoch = context_.store.epoch();
  if (asked.lane == carrier::BundleName::kNoLane) {
    out.first = out.last = static_cast<std::uint64_t>(std::max<base::TimeUs>(head.sent, 0));
  } else if (gets(asked.peer, asked.lane)) {
    LANDER_TRY(asked.peer != link::kHub && asked.lane == link::kLaneState
                   ? add_declarations(asked, head)
                   : add_items(asked, head, out));
    out.items = head.items.size();
    if (out.items > 0) {
      out.first = head.items.front().number;
      out.last = head.items.back().number;
    }
  }
  LANDER_TRY(count_left(asked, out));
  if (out.items > 0 || asked.lane == carrier::BundleName::kNoLane) {
    LANDER_ASSIGN(out.sealed, link::seal(head, keys));
  }
  return out;
}

base::Result<Courier::Chosen> Courier::choose(const carrier::PartAsked& asked) const {
  LANDER_ASSIGN(const auto heads, context_.store.heads(asked.lane, asked.after, kHeadsAtOnce));
  const auto held = held_.find(asked.peer);
  const bool knows = asked.lane == link::kLanePickup && held != held_.end() &&
                     held->second.epoch == context_.store.epoch();
  Chosen out;
  out.looked = asked.after;
  out.more = heads.size() == kHeadsAtOnce && heads.back().number < asked.before;
  for (const auto& head : heads) {
    if (head.number >= asked.before) break;
    if (!out.numbers.empty() && out.bytes + head.bytes + kItemOverhead > kFullBytes) {
      out.more = true;
      break;
    }
    out.looked = head.number;
    if (knows && held->second.numbers.contains(head.number)) continue;
    out.bytes += head.bytes + kItemOverhead;
    out.numbers.push_back(head.number);
  }
  return out;
}

base::Status Courier::add_items(const carrier::PartAsked& asked, link::Bundle& bundle,
                                carrier::Part& out) {
  store::Store& store = context_.store;
  if (asked.lane == link::kLanePickup) LANDER_TRY(store.start_pickup());
  LANDER_ASSIGN(Chosen chosen, choose(asked));
  const bool makes = asked.lane >= link::kLaneBulk && asked.before == INT64_MAX;
  // At the end of the lane more is made first, a step at a time. Without room for it what is there
  // goes.
  if (makes && !chosen.more && chosen.bytes < kGoodBytes) {
    const auto more = store.offer_raw(kOfferBytes);
    if (!more.ok() && more.error().code() != Code::kExhausted) return more.error();
    out.more = more.ok() && *more;
    if (out.more) return {};
    LANDER_ASSIGN(chosen, choose(asked));
  } else if (makes) {
    chosen.more = true;  // nobody looked whether there is
  }
  out.more = chosen.more;
  out.last = chosen.looked;
  LANDER_ASSIGN(auto items, store.items(asked.lane, chosen.numbers, link::kMaxBundleBytes));
  for (auto& item : items)
    bundle.items.push_back(
        {asked.lane, item.number, std::move(item.type), item.created, std::move(item.body)});
  return {};
}

base::Status Courier::add_declarations(const carrier::PartAsked& asked,
                                       link::Bundle& bundle) const {
  std::size_t bytes = 0;
  for (const auto& [key, datastream] : context_.store.datastreams()) {
    if (key <= asked.after || key >= asked.before) continue;
    link::Item item{link::kLaneState, key, "datastream", bundle.sent, sensing::encode(datastream)};
    bytes += link::wire_bytes(item);
    if (bytes > kFullBytes) break;
    bundle.items.push_back(std::move(item));
  }
  return {};
}

// Numbers of a lane have no gaps, so the share of what is behind `last` is that of the bytes.
base::Status Courier::count_left(const carrier::PartAsked& asked, carrier::Part& out) const {
  LANDER_ASSIGN(const auto lanes, context_.store.lanes());
  const bool from_start = asked.lane == carrier::BundleName::kNoLane;
  for (const auto& lane : lanes) {
    if (asked.peer != link::kHub ? lane.lane != link::kLanePickup : !gets(asked.peer, lane.lane))
      continue;
    if (lane.lane == asked.lane) out.receipted = lane.floor;
    if (!from_start && lane.lane < asked.lane) continue;
    double share = 1;
    if (lane.lane == asked.lane && lane.last > lane.floor) {
      const std::uint64_t through = std::max({lane.floor, asked.after, out.last});
      share = static_cast<double>(lane.last - std::min(lane.last, through)) /
              static_cast<double>(lane.last - lane.floor);
    }
    out.items_left += static_cast<std::uint64_t>(share * static_cast<double>(lane.waiting));
    out.bytes_left += static_cast<std::uint64_t>(share * static_cast<double>(lane.bytes));
  }
  return {};
}

base::Result<bool> Courier::take(const std::string& peer, base::ByteView sealed,
                                 const Identity& identity) {
  LANDER_ASSIGN(const trust::Recipient* from, recipient(peer));
  link::Keys keys = identity.keys;
  LANDER_ASSIGN(keys.peer_signing, crypto::PublicKey::from_der(from->signing_der));
  LANDER_ASSIGN(keys.peer_sealing, crypto::PublicKey::from_der(from->sealing_der));
  LANDER_ASSIGN(const auto bundle,
                link::open(sealed, keys, {identity.tenant, identity.site, true, peer}));
  // Brought by hand, in any order: it never takes anything back.
  LANDER_TRY(receipted(peer, bundle.receipts, bundle.sent, false));
  return bundle.refused_epoch == context_.store.epoch();
}

base::Status Courier::receipted(const std::string& peer, const std::vector<link::Receipt>& receipts,
                                base::TimeUs sent, bool takes_back) {
  const std::uint64_t epoch = context_.store.epoch();
  link::Ranges numbers;
  bool told = false;
  for (const auto& receipt : receipts) {
    if (receipt.epoch != epoch) continue;
    told = true;
    if (receipt.lane == link::kLanePickup) numbers.merge(receipt.held);
  }
  if (!told || !gets(peer, link::kLanePickup)) return {};
  Held& known = held_[peer];
  takes_back = takes_back && sent > known.sent;
  known.sent = std::max(known.sent, sent);
  Held before{epoch, {}, known.sent};
  if (known.epoch == epoch) before = known;
  Held now = before;
  if (takes_back) now.numbers = {};
  now.numbers.merge(numbers);
  if (now.numbers.ranges() == before.numbers.ranges()) return {};
  link::Ranges any = now.numbers;
  for (const auto& [name, held] : held_)
    if (name != peer && held.epoch == epoch) any.merge(held.numbers);
  // Before the record, which is what the next receipts are compared with: what failed is repeated.
  if (takes_back) LANDER_TRY(context_.store.recall_items(link::kLanePickup, any.through()));
  if (any.through() > 0) LANDER_TRY(context_.store.forget_items(link::kLanePickup, any.through()));
  store::Batch batch;
  batch.records.push_back({std::string(kRecipientRecord), peer, encode(epoch, now.numbers)});
  LANDER_TRY(context_.store.commit(batch));
  if (now.numbers.through() < before.numbers.through())
    os::log_warn("courier",
                 "a recipient was restored from an older copy: it gets again what it lost",
                 {{"recipient", peer}, {"from", now.numbers.through() + 1}});
  known = std::move(now);
  return {};
}

}  // namespace lander::site
