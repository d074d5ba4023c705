#include "site/uplink.h"

#include <algorithm>

#include "base/cbor.h"
#include "os/log.h"

namespace lander::site {
namespace {

// A bundle is small enough to pass in one go over a poor link, large enough that a backlog drains
// fast.
constexpr std::size_t kBundleBytes = 1 << 20;
constexpr std::size_t kBundleItems = 2000;
// A hub that tells a time outside of these has no clock, or means harm.
constexpr base::TimeUs kEarliest = 1'767'225'600 * base::kSecond;  // 2026-01-01
constexpr base::TimeUs kLatest = 4'102'444'800 * base::kSecond;    // 2100-01-01

base::Bytes encode_sent(const Uplink::Sent& sent) {
  base::CborWriter out;
  out.array(2).unsigned_integer(sent.raw).unsigned_integer(sent.summaries);
  return out.take();
}

base::Result<Uplink::Sent> decode_sent(base::ByteView bytes) {
  base::CborReader in(bytes);
  LANDER_TRY(in.array_of(2, "what was sent"));
  Uplink::Sent out;
  LANDER_ASSIGN(out.raw, in.unsigned_integer());
  LANDER_ASSIGN(out.summaries, in.unsigned_integer());
  return out;
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

Uplink::Uplink(Context& context, Alarms& alarms, Apps& apps, Identity identity)
    : context_(context),
      alarms_(alarms),
      apps_(apps),
      identity_(std::move(identity)),
      sender_(context.store.epoch()) {}

base::Status Uplink::load() {
  LANDER_ASSIGN(const auto journal, context_.store.record(kReceiverRecord, "hub"));
  if (journal) {
    LANDER_ASSIGN(receiver_, link::Receiver::decode(*journal));
  }
  LANDER_ASSIGN(const auto sent, context_.store.records(kSentRecord));
  for (const auto& record : sent) {
    LANDER_ASSIGN(sent_[record.key], decode_sent(record.body));
  }
  LANDER_ASSIGN(const auto lanes, context_.store.lanes());
  for (const auto& lane : lanes) forgotten_[lane.lane] = lane.last - lane.waiting;
  return {};
}

base::Result<Uplink::Outgoing> Uplink::next(std::uint64_t desired_revision,
                                            std::map<std::string, double> vitals) {
  const auto now = context_.store.utc_now();
  const base::DurationUs monotonic = context_.clock.monotonic_us();
  Outgoing out;
  link::Bundle bundle;
  bundle.tenant = identity_.tenant;
  bundle.site = identity_.site;
  bundle.epoch = sender_.epoch();
  bundle.sent = now.time;
  bundle.sent_error = now.error;
  bundle.desired_revision = desired_revision;
  bundle.vitals = std::move(vitals);
  bundle.wants = apps_.wants();
  bundle.receipts = receiver_.receipts();
  std::size_t bytes = 0;
  for (std::uint8_t lane = 0; lane < link::kLanes && !out.more; ++lane) {
    // Observations leave with the time that is known for them: the reply to this bundle will tell
    // it.
    if (lane == link::kLaneBulk && now.error == INT64_MAX) continue;
    std::uint64_t last = sender_.after(lane, monotonic);
    last = std::max(last, forgotten_[lane]);
    const auto fetch = [&] {
      return context_.store.items(lane, last, kBundleItems - bundle.items.size(),
                                  kBundleBytes - bytes);
    };
    LANDER_ASSIGN(auto items, fetch());
    if (lane == link::kLaneBulk && items.empty() && bytes < kBundleBytes / 2) {
      // Made when they can leave, so that they are few and small.
      LANDER_ASSIGN(const bool left, context_.store.offer_raw(kBundleBytes - bytes));
      out.more = left;
      LANDER_ASSIGN(items, fetch());
    }
    for (auto& item : items) {
      last = item.number;
      if (sender_.held(lane, item.number)) continue;
      bytes += item.body.size() + 32;
      bundle.items.push_back(
          {lane, item.number, std::move(item.type), item.created, std::move(item.body)});
    }
    if (!items.empty()) sender_.sent(lane, last, monotonic);
    out.more = out.more || bytes >= kBundleBytes / 2 || bundle.items.size() >= kBundleItems;
  }
  out.items = bundle.items.size();
  LANDER_ASSIGN(out.sealed, link::seal(bundle, identity_.keys));
  return out;
}

bool Uplink::has_waiting() const {
  const auto lanes = context_.store.lanes();
  if (!lanes.ok()) return true;  // let the next bundle say what is wrong
  for (const auto& lane : *lanes) {
    if (lane.unoffered) return true;
    if (lane.waiting > 0 && sender_.after(lane.lane, context_.clock.monotonic_us()) < lane.last)
      return true;
  }
  return false;
}

void Uplink::lost() { sender_.lost(); }

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
  LANDER_ASSIGN(link::Bundle bundle,
                link::open(sealed, identity_.keys, identity_.tenant, identity_.site, true));
  if (bundle.sent > kEarliest && bundle.sent < kLatest && bundle.sent_error < base::kDay) {
    if (auto told = context_.store.clock_reference(
            bundle.sent + round_trip / 2, bundle.sent_error + round_trip / 2 + base::kMillisecond,
            "hub");
        !told.ok()) {
      // The receipts below may be what makes room on the disk.
      os::log_warn("link", "the hub's time is not kept", {{"error", told.error().message()}});
    }
  }
  for (const auto& held : bundle.receipts) receipt(held);

  Effects effects;
  bool took = false;
  link::Receiver journal = receiver_;
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

void Uplink::receipt(const link::Receipt& receipt) {
  for (const auto& [lane, through] : sender_.receipt(receipt)) {
    std::uint64_t& forgotten = forgotten_[lane];
    if (through <= forgotten) continue;
    if (auto status = count_sent(lane, forgotten, through); !status.ok()) {
      os::log_warn("link", "receipted items could not be forgotten, will try again",
                   {{"lane", int{lane}}, {"error", status.error().message()}});
      continue;
    }
    forgotten = through;
  }
}

base::Status Uplink::count_sent(std::uint8_t lane, std::uint64_t from, std::uint64_t through) {
  // The audit counts what the hub has receipted, not what was put on the wire.
  std::map<std::string, Sent> changed;
  while (from < through && (lane == link::kLaneBulk || lane == link::kLaneSummary)) {
    LANDER_ASSIGN(const auto items, context_.store.items(lane, from, 500, kBundleBytes));
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
