#include <algorithm>
#include <limits>

#include "link/codec.h"
#include "link/link.h"

namespace lander::link {
namespace {

constexpr std::uint64_t kFormat = 2;
constexpr std::size_t kMaxNameBytes = 128;
constexpr std::size_t kMaxTypeBytes = 32;
constexpr std::size_t kMaxVitals = 64;
constexpr std::size_t kMaxWants = 64;
constexpr std::size_t kMaxReceipts = 2 * kLanes;  // of two epochs
constexpr base::DurationUs kUnknown = std::numeric_limits<base::DurationUs>::max();

// RFC 8949 §4.2.1: keys by their encoded bytes, so the shorter text first.
bool key_before(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

void put_vitals(base::CborWriter& out, const std::map<std::string, double>& vitals) {
  std::vector<const std::pair<const std::string, double>*> sorted;
  for (const auto& vital : vitals) sorted.push_back(&vital);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return key_before(a->first, b->first); });
  out.map(sorted.size());
  for (const auto* vital : sorted) out.text(vital->first).real(vital->second);
}

base::Result<std::map<std::string, double>> read_vitals(base::CborReader& in) {
  std::map<std::string, double> out;
  LANDER_ASSIGN(const std::uint64_t count, in.map());
  if (count > kMaxVitals) return in.corrupt("at most 64 vitals");
  std::string before;
  for (std::uint64_t i = 0; i < count; ++i) {
    LANDER_ASSIGN(std::string name, in.text_of(1, kMaxTypeBytes, "a vital's name"));
    LANDER_ASSIGN(const double value, in.real());
    if (i > 0 && !key_before(before, name)) return in.corrupt("vitals in order");
    out[name] = value;
    before = std::move(name);
  }
  return out;
}

base::Result<std::vector<Want>> read_wants(base::CborReader& in) {
  std::vector<Want> out;
  LANDER_ASSIGN(const std::uint64_t count, in.array_up_to(kMaxWants, "wants"));
  for (std::uint64_t i = 0; i < count; ++i) {
    Want want;
    LANDER_TRY(in.array_of(2, "want"));
    LANDER_ASSIGN(want.digest, in.text_of(1, kMaxNameBytes, "a digest"));
    LANDER_ASSIGN(want.offset, in.unsigned_integer());
    out.push_back(std::move(want));
  }
  return out;
}

base::Result<std::vector<Receipt>> read_receipts(base::CborReader& in) {
  std::vector<Receipt> out;
  LANDER_ASSIGN(const std::uint64_t count, in.array_up_to(kMaxReceipts, "receipts"));
  for (std::uint64_t i = 0; i < count; ++i) {
    Receipt receipt;
    LANDER_TRY(in.array_of(3, "receipt"));
    LANDER_ASSIGN(receipt.epoch, in.unsigned_integer());
    LANDER_ASSIGN(receipt.lane, read_lane(in));
    LANDER_ASSIGN(receipt.held, read_ranges(in));
    out.push_back(std::move(receipt));
  }
  return out;
}

base::Result<std::vector<Tombstone>> read_gone(base::CborReader& in) {
  std::vector<Tombstone> out;
  LANDER_ASSIGN(const std::uint64_t count, in.array_up_to(kMaxTombstones, "tombstones"));
  for (std::uint64_t i = 0; i < count; ++i) {
    Tombstone gone;
    LANDER_TRY(in.array_of(3, "tombstone"));
    LANDER_ASSIGN(gone.lane, read_lane(in));
    LANDER_ASSIGN(const std::uint8_t why, in.enumerator(4, "why it is gone"));
    gone.why = static_cast<Gone>(why);
    LANDER_ASSIGN(gone.numbers, read_ranges(in));
    out.push_back(std::move(gone));
  }
  return out;
}

base::Result<Instance> read_instance(base::CborReader& in) {
  Instance out;
  LANDER_TRY(in.array_of(3, "instance"));
  LANDER_ASSIGN(out.starts, in.unsigned_integer());
  LANDER_ASSIGN(out.id, in.unsigned_integer());
  LANDER_ASSIGN(out.parent, in.unsigned_integer());
  return out;
}

base::Result<Item> read_item(base::CborReader& in) {
  Item item;
  LANDER_TRY(in.array_of(5, "item"));
  LANDER_ASSIGN(item.lane, read_lane(in));
  LANDER_ASSIGN(item.number, in.unsigned_integer());
  if (!Ranges().can_add(item.number)) return in.corrupt("an item's number from 1 to 2^63-1");
  LANDER_ASSIGN(item.type, in.text_of(1, kMaxTypeBytes, "an item's type"));
  LANDER_ASSIGN(item.created, in.integer());
  LANDER_ASSIGN(const base::ByteView body, in.bytes());
  if (body.size() > kMaxItemBytes) return in.corrupt("an item of at most 1 MiB");
  item.body.assign(body.begin(), body.end());
  return item;
}

base::Result<Bundle> read_bundle(base::CborReader& in) {
  Bundle out;
  LANDER_TRY(in.record(18, kFormat, "bundle"));
  LANDER_ASSIGN(out.tenant, in.text_of(1, kMaxNameBytes, "a tenant"));
  LANDER_ASSIGN(out.site, in.text_of(1, kMaxNameBytes, "a site"));
  LANDER_ASSIGN(out.peer, in.text_of(1, kMaxNameBytes, "a peer"));
  LANDER_ASSIGN(out.to_site, in.boolean());
  LANDER_ASSIGN(out.epoch, in.unsigned_integer());
  LANDER_ASSIGN(out.sent, in.integer());
  LANDER_ASSIGN(const base::CborType error, in.peek());
  if (error == base::CborType::kNull) {
    LANDER_TRY(in.null());
    out.sent_error = kUnknown;
  } else {
    LANDER_ASSIGN(out.sent_error, in.integer());
    if (out.sent_error < 0 || out.sent_error == kUnknown) return in.corrupt("a clock's error");
  }
  LANDER_ASSIGN(out.instance, read_instance(in));
  LANDER_ASSIGN(out.heard, in.integer());
  LANDER_ASSIGN(out.refused_epoch, in.unsigned_integer());
  LANDER_ASSIGN(out.desired_revision, in.unsigned_integer());
  LANDER_ASSIGN(out.vitals, read_vitals(in));
  LANDER_ASSIGN(out.wants, read_wants(in));
  LANDER_ASSIGN(out.receipts, read_receipts(in));
  LANDER_ASSIGN(out.noticed, read_ranges(in));
  LANDER_ASSIGN(out.gone, read_gone(in));
  LANDER_ASSIGN(const std::uint64_t items, in.array());
  for (std::uint64_t i = 0; i < items; ++i) {
    LANDER_ASSIGN(Item item, read_item(in));
    out.items.push_back(std::move(item));
  }
  LANDER_TRY(in.end());
  return out;
}

}  // namespace

std::size_t wire_bytes(const Item& item) { return item.body.size() + item.type.size() + 32; }

base::Bytes encode(const Bundle& bundle) {
  base::CborWriter out;
  out.array(18).unsigned_integer(kFormat).text(bundle.tenant).text(bundle.site);
  out.text(bundle.peer).boolean(bundle.to_site).unsigned_integer(bundle.epoch).integer(bundle.sent);
  if (bundle.sent_error == kUnknown) {
    out.null();
  } else {
    out.integer(bundle.sent_error);
  }
  const Instance& instance = bundle.instance;
  out.array(3).unsigned_integer(instance.starts).unsigned_integer(instance.id);
  out.unsigned_integer(instance.parent).integer(bundle.heard);
  out.unsigned_integer(bundle.refused_epoch).unsigned_integer(bundle.desired_revision);
  put_vitals(out, bundle.vitals);
  out.array(bundle.wants.size());
  for (const Want& want : bundle.wants)
    out.array(2).text(want.digest).unsigned_integer(want.offset);
  out.array(bundle.receipts.size());
  for (const Receipt& receipt : bundle.receipts) {
    out.array(3).unsigned_integer(receipt.epoch).unsigned_integer(receipt.lane);
    put_ranges(out, receipt.held);
  }
  put_ranges(out, bundle.noticed);
  out.array(bundle.gone.size());
  for (const Tombstone& gone : bundle.gone) {
    out.array(3).unsigned_integer(gone.lane).unsigned_integer(static_cast<std::uint8_t>(gone.why));
    put_ranges(out, gone.numbers);
  }
  out.array(bundle.items.size());
  for (const Item& item : bundle.items) {
    out.array(5).unsigned_integer(item.lane).unsigned_integer(item.number).text(item.type);
    out.integer(item.created).bytes(item.body);
  }
  return out.take();
}

base::Result<Bundle> decode_bundle(base::ByteView bytes) {
  base::CborReader in(bytes);
  auto bundle = read_bundle(in);
  if (!bundle.ok()) return bundle.error().context("bundle");
  return bundle;
}

}  // namespace lander::link
