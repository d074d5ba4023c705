// What comes from the hub.

#include <algorithm>

#include "base/cbor.h"
#include "os/log.h"
#include "site/uplink.h"

namespace lander::site {
namespace {

// A hub that tells a time outside of these has no clock, or means harm.
constexpr base::TimeUs kEarliest = 1'767'225'600 * base::kSecond;  // 2026-01-01
constexpr base::TimeUs kLatest = 4'102'444'800 * base::kSecond;    // 2100-01-01
constexpr std::size_t kCountBytes = 1 << 20;
constexpr std::uint64_t kCountersBehind = 1024;
constexpr std::int64_t kDrift = 10'000;  // a round trip is measured by a clock that errs by 100 ppm

base::Bytes encode_sent(const Uplink::Sent& sent) {
  base::CborWriter out;
  out.array(2).unsigned_integer(sent.raw).unsigned_integer(sent.summaries);
  return out.take();
}

}  // namespace

// What one bundle changes: committed together with the journal of what was taken, then acted on.
struct Uplink::Effects {
  store::Batch batch;
  std::optional<twin::Desired> desired;  // supersedes the one in force
  std::vector<trust::Document> trust;    // each newer than the one before
  std::vector<alert::Event> events;
  std::vector<link::BlobPiece> pieces;
};

base::Status Uplink::effect(const link::Item& item, const twin::Desired& in_force,
                            Effects& effects) const {
  if (item.type == "alert-event") {
    LANDER_ASSIGN(const alert::Event event, alert::decode_event(item.body));
    LANDER_ASSIGN(auto record, alarms_.from_hub(event));
    effects.batch.records.push_back(std::move(record));
    effects.events.push_back(event);
  } else if (item.type == "desired") {
    LANDER_ASSIGN(auto desired, twin::decode_desired(item.body));
    if (!twin::supersedes(desired, effects.desired ? *effects.desired : in_force)) return {};
    // With the receipt in one commit: a crash after it finds the new revision in force.
    effects.batch.records.push_back({std::string(kDesiredRecord), "current", item.body});
    effects.desired = std::move(desired);
  } else if (item.type == "trust") {
    // Newer than the one in force and than another of this bundle: whatever comes last counts.
    std::uint64_t newest = apps_.trust_version();
    for (const auto& other : effects.trust) newest = std::max(newest, other.version);
    LANDER_ASSIGN(auto document, trust::verify_document(item.body, identity_.root, newest));
    if (document.version == newest)
      return base::Error(base::Code::kExists, "this trust document is in force already");
    effects.batch.records.push_back({std::string(kTrustRecord), "document", item.body});
    effects.trust.push_back(std::move(document));
  } else if (item.type == "blob") {
    LANDER_ASSIGN(link::BlobPiece piece, link::decode_blob(item.body));
    std::uint64_t before = 0;
    for (const auto& earlier : effects.pieces) {
      if (earlier.digest == piece.digest) before += earlier.bytes.size();
    }
    LANDER_ASSIGN(auto record, apps_.piece(piece, before));
    effects.batch.records.push_back(std::move(record));
    effects.pieces.push_back(std::move(piece));
  } else {
    return base::Error(base::Code::kUnsupported,
                       "an item of type \"" + item.type + "\" is not known to this version");
  }
  return {};
}

base::Result<std::optional<twin::Desired>> Uplink::take(base::ByteView sealed,
                                                        base::DurationUs round_trip,
                                                        const twin::Desired& in_force) {
  if (!link::is_short(sealed)) return take_bundle(sealed, round_trip, in_force);
  LANDER_TRY(take_short(sealed));
  return std::optional<twin::Desired>();
}

// Receipts, mostly: what the hub wants of the site comes by other ways.
base::Status Uplink::take_short(base::ByteView sealed) {
  LANDER_ASSIGN(const auto opened, link::open_short(std::span(&short_keys_, 1),
                                                    std::span(&newest_down_, 1), true, sealed));
  LANDER_ASSIGN(const auto message, link::decode_short_message(opened.plain, opened.epoch));
  newest_down_ = std::max(newest_down_, opened.counter);
  // Kept now and then: a run that begins far behind would not know the hub's counter any more.
  if (newest_down_ - kept_down_ > kCountersBehind) LANDER_TRY(keep_counters(counters_reserved_));
  outbox_.noticed(message.noticed);
  // It may be old: it never takes anything back.
  receipts(message.receipts, INT64_MIN, false, false);
  return {};
}

base::Result<std::optional<twin::Desired>> Uplink::take_bundle(base::ByteView sealed,
                                                               base::DurationUs round_trip,
                                                               const twin::Desired& in_force) {
  LANDER_ASSIGN(link::Bundle bundle,
                link::open(sealed, identity_.keys, {identity_.tenant, identity_.site, true}));
  // What answers a bundle of this run: how long that took is known, whichever way it went.
  const auto asked = sent_at_.find(bundle.heard);
  const bool answers = asked != sent_at_.end();
  if (round_trip == 0 && answers) round_trip = context_.clock.monotonic_us() - asked->second;
  if (round_trip > 0 && round_trip < base::kDay && bundle.sent > kEarliest &&
      bundle.sent < kLatest && bundle.sent_error < base::kDay) {
    if (auto told = context_.store.clock_reference(
            bundle.sent + round_trip / 2,
            bundle.sent_error + round_trip / 2 + round_trip / kDrift + base::kMillisecond, "hub");
        !told.ok()) {
      // The receipts below may be what makes room on the disk.
      os::log_warn("link", "the hub's time is not kept", {{"error", told.error().message()}});
    }
  }
  if (bundle.sent > heard_) {
    heard_ = bundle.sent;
    hub_is_behind_ =
        bundle.desired_revision < in_force.revision && in_force.origin == twin::Origin::kHub;
  }
  outbox_.noticed(bundle.noticed);
  receipts(bundle.receipts, bundle.sent, true, answers);
  if (bundle.refused_epoch == outbox_.epoch()) {
    LANDER_TRY(
        renew_epoch("another machine goes on under this one's: it is a copy of this site, "
                    "or this site was restored from one"));
  }

  Effects effects;
  bool took = false;
  link::Receiver journal = receiver_;
  took = journal.skip(bundle.epoch, bundle.gone);
  for (const auto& item : bundle.items) {
    if ((item.lane == link::kLaneBulk) != (item.type == "blob")) continue;
    if (item.lane != link::kLaneBulk) {
      if (!journal.take(bundle.epoch, item)) continue;
      took = true;
    }
    // A blob's pieces answer a want and repeat with it: their offset makes them idempotent, not
    // their number.
    if (auto done = effect(item, in_force, effects);
        !done.ok() && done.error().code() != base::Code::kExists) {
      os::log_warn(
          "link", "item from the hub is refused",
          {{"type", item.type}, {"number", item.number}, {"error", done.error().message()}});
    }
  }
  if (took)
    effects.batch.records.push_back({std::string(kReceiverRecord), "hub", journal.encode()});
  if (!effects.batch.records.empty()) {
    LANDER_TRY(context_.store.commit(effects.batch));
  }
  receiver_ = std::move(journal);
  for (const auto& event : effects.events) alarms_.accepted(event);
  // Before the pieces: the last of them may complete a package of a signer who is new with it.
  for (auto& document : effects.trust) apps_.set_trust(std::move(document));
  for (const auto& piece : effects.pieces) apps_.accepted(piece);
  return std::move(effects.desired);
}

void Uplink::receipts(std::vector<link::Receipt> receipts, base::TimeUs sent, bool whole,
                      bool answers) {
  if (auto kept = courier_.receipted(std::string(link::kHub), receipts, sent, whole && answers);
      !kept.ok()) {
    // It is repeated with the hub's next bundle.
    os::log_warn("link", "a receipt for what a courier took is not kept",
                 {{"error", kept.error().message()}});
  }
  std::erase_if(receipts, [](const auto& one) { return one.lane == link::kLanePickup; });
  std::map<std::uint8_t, std::uint64_t> before;
  for (std::uint8_t lane = 0; lane < link::kLanes; ++lane) before[lane] = outbox_.through(lane);
  const auto moved = outbox_.receipts(receipts, sent, whole, answers);
  for (const auto& [lane, through] : moved.forward) {
    if (auto status = count_sent(lane, before[lane], through); !status.ok()) {
      // They are receipted again at the next start, when `through` is read from the store.
      os::log_warn("link", "receipted items could not be forgotten",
                   {{"lane", int{lane}}, {"error", status.error().message()}});
    }
  }
  for (const auto& [lane, through] : moved.back) {
    os::log_warn("link", "the hub was restored from an older copy: it gets again what it lost",
                 {{"lane", int{lane}}, {"from", through + 1}});
    if (auto status = context_.store.recall_items(lane, through); !status.ok()) {
      os::log_error("link", "what the hub lost cannot be sent again yet",
                    {{"lane", int{lane}}, {"error", status.error().message()}});
    }
  }
}

base::Status Uplink::count_sent(std::uint8_t lane, std::uint64_t from, std::uint64_t through) {
  // The audit counts what the hub has receipted, not what was put on the wire.
  std::map<std::string, Sent> changed;
  while (from < through && (lane == link::kLaneBulk || lane == link::kLaneSummary)) {
    LANDER_ASSIGN(const auto items, context_.store.items(lane, from, 500, kCountBytes));
    if (items.empty()) break;
    for (const auto& item : items) {
      from = item.number;
      if (item.number > through) break;
      if (item.type == "blocks") {
        LANDER_ASSIGN(const auto blocks, link::decode_blocks(item.body));
        for (const auto& block : blocks) {
          LANDER_ASSIGN(const auto decoded, sensing::decode_block(block.block));
          changed.try_emplace(block.datastream, sent_[block.datastream]).first->second.raw +=
              decoded.size();
        }
      } else if (item.type == "summary") {
        LANDER_ASSIGN(const auto summaries, link::decode_summaries(item.body));
        for (const auto& s : summaries)
          ++changed.try_emplace(s.datastream, sent_[s.datastream]).first->second.summaries;
      }
    }
  }
  if (!changed.empty()) {
    store::Batch batch;
    for (const auto& [id, sent] : changed)
      batch.records.push_back({std::string(kSentRecord), id, encode_sent(sent)});
    LANDER_TRY(context_.store.commit(batch));
    for (const auto& [id, sent] : changed) sent_[id] = sent;
  }
  return context_.store.forget_items(lane, through);
}

}  // namespace lander::site
