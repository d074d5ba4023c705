// What the hub says to a site: receipts, and what waits for it.

#include <algorithm>

#include "hub/core.h"
#include "hub/records.h"
#include "os/log.h"

namespace lander::hub {
namespace {

constexpr std::size_t kReplyBytes = 1 << 20;
constexpr std::size_t kReplyItems = 500;
constexpr std::size_t kBlobsAReply = 4, kSmallestPiece = 16 << 10;
constexpr std::size_t kEnvelopeBytes = 2 << 10;  // what sealing adds, at most
constexpr std::size_t kPieceOverhead = 256;      // of a piece of a package, beside its bytes

// Whatever brought the site's message brings the answer: which carrier that is, is the site's
// choice.
link::Standing back(std::size_t max_message) {
  link::Standing out;
  out.terms.id = "back";
  out.up = true;
  out.max_message = max_message;
  return out;
}

// What is left for items in an answer of at most `max` bytes.
std::size_t room_in(const link::Bundle& reply, std::size_t max) {
  const std::size_t used = link::encode(reply).size() + kEnvelopeBytes;
  return max > used ? max - used : 0;
}

}  // namespace

base::Status Core::renew_epoch() {
  LANDER_ASSIGN(const auto ahead, counters_ahead());
  LANDER_TRY(context_.state.renew_epoch(context_.random.next_u64(), ahead));
  os::log_warn("hub", "this hub was restored from an older copy: a new epoch begins", {});
  LANDER_ASSIGN(const auto lanes, context_.state.lanes());
  for (auto& [name, tenant] : tenants_) {
    for (auto& [site_name, site] : tenant.sites) {
      site->outbox = link::Outbox(context_.state.epoch());
      site->last_item.clear();
      for (auto& [epoch, shorts] : site->shorts)
        shorts.counter = shorts.reserved = shorts.reserved + kCountersLost;
    }
  }
  for (const auto& lane : lanes) {
    Tenant* tenant = find_tenant(lane.site.tenant);
    if (tenant == nullptr) continue;
    if (const auto at = tenant->sites.find(lane.site.site); at != tenant->sites.end())
      at->second->last_item[lane.lane] = lane.last;
  }
  return {};
}

base::Status Core::take_receipts(Site& site, const std::vector<link::Receipt>& receipts,
                                 base::TimeUs sent) {
  const bool unknown = std::any_of(receipts.begin(), receipts.end(), [&](const auto& receipt) {
    return receipt.epoch == context_.state.epoch() && receipt.lane != link::kLaneBulk &&
           receipt.held.through() > site.last_item[receipt.lane];
  });
  // Of numbers that this database never gave.
  if (unknown) return renew_epoch();
  // By the site's own clock, which may jump: what it takes back is only what goes to it again.
  const auto moved = site.outbox.receipts(receipts, sent, true, true);
  for (const auto& [lane, through] : moved.forward) {
    if (lane == link::kLaneAlert && site.lake_due) continue;  // the lake is told from there
    LANDER_TRY(context_.state.forget_items(site.key, lane, through));
  }
  return {};
}

// A site that was restored from a copy lacks what it had receipted, and says so by its revision.
base::Status Core::repeat_desired(Site& site, const link::Bundle& bundle) {
  const auto last = site.last_item.find(link::kLaneState);
  const bool waits =
      last != site.last_item.end() && site.outbox.through(link::kLaneState) < last->second;
  if (bundle.desired_revision >= site.desired.revision || waits) return {};
  Batch batch;
  batch.items.push_back({site.key, link::kLaneState, "desired", twin::encode(site.desired)});
  const Tenant* tenant = find_tenant(site.key.tenant);
  if (tenant != nullptr && !tenant->trust_document.empty()) {
    batch.items.push_back({site.key, link::kLaneState, "trust", tenant->trust_document});
  }
  return commit(batch);
}

// What it once receipted is kept no longer: its numbers are accounted for.
base::Status Core::add_tombstones(Site& site, link::Bundle& reply) {
  for (const auto& [lane, last] : site.last_item) {
    const std::uint64_t through = site.outbox.through(lane);
    if (through >= last) continue;
    LANDER_ASSIGN(const auto first, context_.state.heads(site.key, lane, through, 1));
    const std::uint64_t kept = first.empty() ? last + 1 : first.front().number;
    if (kept <= through + 1) continue;
    LANDER_ASSIGN(auto lost, link::Ranges::from({{through + 1, kept - 1}}));
    reply.gone.push_back({lane, link::Gone::kLost, std::move(lost)});
  }
  return {};
}

base::Status Core::add_items(Site& site, std::size_t room, link::Bundle& reply) {
  const link::Standing carrier = back(room);
  const base::DurationUs monotonic = context_.clock.monotonic_us();
  LANDER_ASSIGN(
      const auto chosen,
      site.outbox.choose(carrier, {carrier}, {std::min(room, kReplyBytes), kReplyItems}, monotonic,
                         [&](std::uint8_t lane, std::uint64_t after,
                             std::size_t max) -> base::Result<std::vector<link::Head>> {
                           const auto last = site.last_item.find(lane);
                           if (last == site.last_item.end() || after >= last->second)
                             return std::vector<link::Head>();
                           return context_.state.heads(site.key, lane, after, max);
                         }));
  for (const auto& head : chosen) {
    LANDER_ASSIGN(auto items, context_.state.items(site.key, head.lane, head.number - 1, 1,
                                                   link::kMaxItemBytes));
    if (items.empty() || items.front().number != head.number) continue;
    reply.items.push_back(std::move(items.front()));
  }
  site.outbox.sent(carrier, chosen, monotonic);
  return {};
}

link::Bundle Core::head(const Site& site) const {
  link::Bundle out;
  out.tenant = site.key.tenant;
  out.site = site.key.site;
  out.to_site = true;
  out.epoch = context_.state.epoch();
  out.sent = now();
  out.desired_revision = site.desired.revision;
  return out;
}

base::Result<base::Bytes> Core::answer(Site& site, const link::Bundle& bundle, std::size_t max,
                                       bool with_items) {
  LANDER_TRY(take_receipts(site, bundle.receipts, bundle.sent));
  link::Bundle reply = head(site);
  reply.heard = bundle.sent;
  reply.receipts = site.receiver.receipts(bundle.epoch);
  if (const auto shorts = site.shorts.find(bundle.epoch); shorts != site.shorts.end())
    reply.noticed = shorts->second.noticed;
  if (with_items) {
    LANDER_TRY(repeat_desired(site, bundle));
    LANDER_TRY(add_tombstones(site, reply));
    LANDER_TRY(add_items(site, room_in(reply, max), reply));
    add_blobs(site, bundle.wants, room_in(reply, max), reply);
  }
  return link::seal(reply, keys_for(site));
}

base::Result<base::Bytes> Core::answer_to_copy(Site& site, const link::Bundle& bundle) {
  link::Bundle reply = head(site);
  reply.heard = bundle.sent;
  reply.refused_epoch = bundle.epoch;
  reply.receipts = site.instances.receipts(bundle);
  return link::seal(reply, keys_for(site));
}

void Core::add_blobs(Site& site, const std::vector<link::Want>& wants, std::size_t room,
                     link::Bundle& reply) {
  Tenant* tenant = find_tenant(site.key.tenant);
  std::size_t pieces = 0;  // of all wants together: the reply must stay within one message
  for (const auto& want : wants) {
    if (pieces >= kBlobsAReply || room < kSmallestPiece) return;
    if (!tenant || !tenant->packages.contains(want.digest))
      continue;  // another tenant's package is no package
    if (last_blob_.digest != want.digest) {
      auto bytes = context_.files.read(context_.folder + "/packages/" + want.digest,
                                       package::kMaxPackageBytes);
      if (!bytes.ok()) {
        os::log_error("hub", "a package cannot be read",
                      {{"digest", want.digest}, {"error", bytes.error().message()}});
        continue;
      }
      last_blob_ = {want.digest, std::move(*bytes)};
    }
    const base::ByteView blob = last_blob_.bytes;
    std::uint64_t offset = want.offset;
    for (; pieces < kBlobsAReply && offset < blob.size() && room >= kSmallestPiece; ++pieces) {
      const std::size_t size = std::min<std::size_t>(
          {link::kBlobChunkBytes, room - kPieceOverhead, blob.size() - offset});
      const auto part = blob.subspan(offset, size);
      link::BlobPiece body{want.digest, offset, blob.size(), base::Bytes(part.begin(), part.end())};
      reply.items.push_back(
          {link::kLaneBulk, 1 + offset, "blob", reply.sent, link::encode_blob(body)});
      room -= std::min(room, link::wire_bytes(reply.items.back()));
      offset += size;
    }
  }
}

}  // namespace lander::hub
