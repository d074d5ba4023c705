// Items, lanes, receipts and bundles: what leaves or enters a site, whatever carries it. Pure: the
// owner keeps items in its store and asks here what to send next and what an arriving bundle means.
// Formats: docs/formats/item.md, bundle.md.
//
// An item is numbered (site, epoch, lane, number), numbers from 1 without gaps. A bundle may be
// lost, duplicated, reordered or repeated by another carrier: the effect at the receiver is once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "crypto/crypto.h"
#include "sensing/block.h"
#include "sensing/datastream.h"

namespace lander::link {

// In the order of urgency; the values are on disk and on the wire. Pickup: raw observations, and
// what explains them, that only a courier takes.
enum : std::uint8_t {
  kLaneAlert = 0,
  kLaneState = 1,
  kLaneSummary = 2,
  kLaneBulk = 3,
  kLanePickup = 4,
  kLanes = 5
};
std::string_view lane_name(std::uint8_t lane);  // "alert", ...

struct Item {
  std::uint8_t lane = 0;
  std::uint64_t number = 0;
  std::string type;  // 1-32 bytes, see item.md: "alert-event", "reported", "datastream", "summary",
                     // "blocks", "desired", "trust", "blob", "model", "dictionary"
  base::TimeUs created = 0;
  base::Bytes body;
};

// Numbers of one lane, as disjoint ascending ranges [first, last]. Bounded: at most 4,096 ranges;
// what would exceed them is not taken (and so not receipted) until a gap closes.
class Ranges {
 public:
  static constexpr std::size_t kMax = 4096;
  bool contains(std::uint64_t number) const;
  bool can_add(std::uint64_t number) const;
  bool add(
      std::uint64_t number);  // false: known already, too scattered, or no number (0, over 2^63-1)
  void merge(const Ranges& other);  // as much of it as fits
  std::uint64_t through() const;    // all of 1..through() are in
  const std::map<std::uint64_t, std::uint64_t>& ranges() const { return ranges_; }
  // kCorrupt unless ascending with gaps between, numbers 1..2^63-1, at most kMax.
  static base::Result<Ranges> from(
      const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges);

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // first -> last
};

// Why numbers of a lane will never come.
enum class Gone : std::uint8_t {
  kExpired = 0,
  kThinned = 1,     // for room
  kSuperseded = 2,  // a newer item says all that it said
  kLost = 3,        // damaged; or the peer lost it after its receipt, and we kept it no longer
};
std::string_view to_string(Gone why);
// A receiver counts these numbers as accounted for: a gap is always explained.
struct Tombstone {
  std::uint8_t lane = 0;
  Gone why = Gone::kExpired;
  Ranges numbers;
};

// Which run of a site's process this is: so that a peer tells a copy of a site from the site.
struct Instance {
  std::uint64_t starts = 0;  // of this data folder, counted on; 0: a hub, which has none
  std::uint64_t id = 0;      // random at each start
  std::uint64_t parent = 0;  // the id of the start before
};

// "I hold these": cumulative, repeated in every bundle, idempotent.
struct Receipt {
  std::uint64_t epoch = 0;
  std::uint8_t lane = 0;
  Ranges held;
};

struct Want {  // a blob the site lacks; the answer is items of type "blob"
  std::string digest;
  std::uint64_t offset = 0;
};

// The other end of a site: its hub, or another recipient that its tenant's trust document names.
inline constexpr std::string_view kHub = "hub";

struct Bundle {
  std::string tenant, site;
  std::string peer{kHub};
  bool to_site = false;                // else from it
  std::uint64_t epoch = 0;             // of `items` and `gone`
  base::TimeUs sent = 0;               // by the sender's clock
  base::DurationUs sent_error = 0;     // INT64_MAX: the sender's clock is not to be trusted
  Instance instance;                   // of a site
  base::TimeUs heard = 0;              // `sent` of the peer's newest bundle that was taken
  std::uint64_t refused_epoch = 0;     // hub: another machine goes on under it; begin a new one
  std::uint64_t desired_revision = 0;  // site: newest decided on; hub: newest assigned
  std::map<std::string, double>
      vitals;  // site: "load1", "mem_used", "disk_free", "disk_days", "uptime", "backlog"...
  std::vector<Want> wants;
  std::vector<Receipt> receipts;
  Ranges noticed;  // hub: alert items of the newest epoch that it has in brief
  std::vector<Tombstone> gone;
  std::vector<Item> items;
};

inline constexpr std::size_t kMaxBundleBytes = 4 << 20;
inline constexpr std::size_t kMaxItemBytes = 1 << 20;
inline constexpr std::size_t kBlobChunkBytes = 256 << 10;
// What a bundle takes besides its items, at most, when its site sends it: room to leave when
// filling one up to a carrier's max_message.
inline constexpr std::size_t kBundleOverheadBytes = 64 << 10;
inline constexpr std::size_t kMaxTombstones = 16;
std::size_t wire_bytes(const Item& item);  // of one item within a bundle, at most

// The plain form. decode_bundle() is bounded and accepts only what encode() makes: kCorrupt,
// kUnsupported. Outside tests, bundles travel sealed.
base::Bytes encode(const Bundle& bundle);
base::Result<Bundle> decode_bundle(base::ByteView bytes);

// The full envelope: COSE_Sign1 by the sender inside COSE_Encrypt to the recipient; both contexts
// name direction, peer, tenant and site, so that a bundle of one never passes for another's.
struct Keys {
  crypto::PrivateKey signing;  // own, P-256
  crypto::PrivateKey sealing;  // own, X25519
  crypto::PublicKey peer_signing, peer_sealing;
};
// kInvalid, kExhausted: what open() would refuse is not sealed.
base::Result<base::Bytes> seal(const Bundle& bundle, const Keys& keys);
// Decrypts, verifies, and only then parses, bounded. kCorrupt, kUnauthenticated, kUnsupported. A
// bundle may be old or come twice: items are taken once by Receiver; for vitals and revisions
// compare `sent`.
struct Expected {
  std::string_view tenant, site;
  bool to_site = false;
  std::string_view peer = kHub;
};
base::Result<Bundle> open(base::ByteView message, const Keys& keys, const Expected& expected);

// The receiver's journal for one peer: which numbers were taken, by epoch. Persist encode() in the
// same transaction as the items' effects. Keeps the last kMaxEpochs epochs; an older one is closed:
// nothing more is taken from it. Not thread-safe.
class Receiver {
 public:
  static constexpr std::size_t kMaxEpochs = 16;
  static constexpr std::size_t kMaxClosed = 4096;  // then new epochs are refused: a peer gone mad
  static constexpr std::size_t kReceiptRanges = 256;
  bool fresh(std::uint64_t epoch, const Item& item) const;
  // Marks it; call it with the effect. False: not fresh, drop it.
  bool take(std::uint64_t epoch, const Item& item);
  // These will never come. False: nothing new, or as much as fits.
  bool skip(std::uint64_t epoch, const std::vector<Tombstone>& gone);
  std::uint64_t newest_epoch() const { return epochs_.empty() ? 0 : epochs_.back().id; }
  bool holds(std::uint64_t epoch, std::uint8_t lane, std::uint64_t number) const;
  // Of this epoch (at least one, if only to say that nothing of it is held) and of the newest
  // other; of a lane the first kReceiptRanges ranges (a receipt that claims less is still true).
  std::vector<Receipt> receipts(std::uint64_t epoch) const;
  base::Bytes encode() const;
  static base::Result<Receiver> decode(base::ByteView bytes);

 private:
  struct Epoch {
    std::uint64_t id = 0;
    std::map<std::uint8_t, Ranges> lanes;
  };
  const Epoch* find(std::uint64_t id) const;
  bool is_closed(std::uint64_t epoch) const;
  Ranges& lane_of(std::uint64_t epoch, std::uint8_t lane);  // made when it is new

  std::vector<Epoch> epochs_;          // by first sight
  std::vector<std::uint64_t> closed_;  // by age
};

// --- Bodies of items -----------------------------------------------------------------------------

// "blocks": raw observations.
using sensing::decode_blocks;
using sensing::encode_blocks;
using sensing::SeriesBlock;

// "summary": a minute of every datastream whose policy allows it.
struct SeriesSummary {
  std::string datastream;
  std::uint32_t revision = 1;
  base::TimeUs from = 0;  // UTC
  base::DurationUs span = base::kMinute;
  sensing::Summary summary;
};
base::Bytes encode_summaries(const std::vector<SeriesSummary>& summaries);
base::Result<std::vector<SeriesSummary>> decode_summaries(base::ByteView body);

// "blob": a piece of a package.
struct BlobPiece {
  std::string digest;
  std::uint64_t offset = 0, total = 0;
  base::Bytes bytes;
};
base::Bytes encode_blob(const BlobPiece& piece);
base::Result<BlobPiece> decode_blob(base::ByteView body);

}  // namespace lander::link
