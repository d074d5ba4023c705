// The site's durable store: series of observations, records, and items waiting to leave, in one
// SQLite database (WAL, synchronous=FULL) so that what belongs together commits together; objects
// stand beside it as files. Format: docs/formats/store.md.
//
// A commit adds one row, whatever it holds: a *frame* with all its observations. upkeep() moves
// frames into *chunks* of up to 4096 samples of one series, a few bytes each.
//
// Thread-safe: one mutex around the writer connection; reads use connections of their own and see
// the last commit. When commit() returned ok, the batch survives power loss; when it failed,
// nothing of it is visible and the caller still owns it (kExhausted: disk full, try again after
// space was made; kIo: the disk failed, try again: the store recovers with the disk).
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "os/clock.h"
#include "os/files.h"
#include "os/random.h"
#include "sensing/block.h"
#include "sensing/clock.h"
#include "sensing/datastream.h"
#include "sensing/observation.h"

namespace lander::store {

using sensing::SeriesKey;

// Lanes of the link, in the order of their urgency. The numbers are on disk and on the wire.
using Lane = std::uint8_t;

// A small durable document, addressed by (kind, key): alert events, model pointers, the twin, clock
// segments. Writing an existing key replaces it; an empty body deletes it.
struct Record {
  std::string kind, key;
  base::Bytes body;
};

// An item for the link; commit() numbers it: the next of its lane, without gaps.
struct NewItem {
  Lane lane = 0;
  std::string type;  // see docs/formats/item.md; not empty
  base::Bytes body;
  double worth = 0;          // what its arrival is worth, in the currency of the carriers' prices
  base::TimeUs expires = 0;  // UTC; upkeep() drops it when it is not receipted by then; 0: never
  // Not empty: says all that an older item of the same lane, type and subject says. One that still
  // waits goes in the same commit.
  std::string subject;
};

inline constexpr std::size_t kMaxItemBytes = 1 << 20;
inline constexpr std::size_t kMaxSubjectBytes = 256;
inline constexpr std::size_t kMaxRecordBytes = 64 << 20;

struct Batch {
  std::vector<sensing::Observation> observations;
  std::vector<Record> records;
  std::vector<NewItem> items;
};

struct Committed {
  std::size_t stored = 0;      // observations
  std::size_t duplicates = 0;  // repeated by sequence, or by equal time and value; dropped
  std::vector<std::uint64_t> item_numbers;  // of Batch::items, in their order
};

struct Item {
  Lane lane = 0;
  std::uint64_t number = 0;  // from 1 within (epoch, lane)
  std::string type;
  base::TimeUs created = 0;
  base::Bytes body;
};

// An item that waits, without its body.
struct Head {
  Lane lane = 0;
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;  // of the body as it stands; raw blocks leave with a little more
  double worth = 0;
  base::TimeUs created = 0, expires = 0;
};

// Why numbers of a lane will never leave. The values are on disk and on the wire.
enum class Gone : std::uint8_t {
  kExpired = 0,
  kThinned = 1,     // for room
  kSuperseded = 2,  // a newer item says all that it said
  kLost = 3,        // damaged; or the peer lost it after its receipt, and it was kept no longer
};
struct GoneRange {
  std::uint64_t first = 0, last = 0;
  Gone why = Gone::kExpired;
};

// What wipe() did.
struct Wiped {
  std::uint64_t observations = 0, bytes = 0;
  // Of a datastream that has older observations still: from when on, and why.
  struct Kept {
    enum class Why : std::uint8_t {
      kNoExit = 0,      // its policy lets nothing leave raw
      kNotOffered = 1,  // offer_raw() has more to do
      kNotReceipted = 2,
      kIncomplete = 3,  // some of it never left: its policy changed, or what waited was dropped
      kObjects = 4,     // objects do not leave with the observations that name them
    } why = Why::kNoExit;
    std::string datastream;
    base::TimeUs from = 0;  // UTC
  };
  std::vector<Kept> kept;
};

struct Sample {
  sensing::Observation observation;  // time is UTC now
  base::DurationUs time_error = 0;
};

struct Bucket {
  base::TimeUs from = 0;  // UTC, start of the bucket
  sensing::Summary summary;
};

// Observations that a read could not give.
struct Gap {
  enum class Why : std::uint8_t {
    kDamaged = 0,
    kThinned = 1,
    kWiped = 2,  // carried off first: see Store::wipe()
  } why = Why::kDamaged;
  base::TimeUs from = 0, to = 0;  // UTC, of the first and the last of them
  std::uint64_t observations = 0;
};

std::string_view to_string(Gap::Why why);  // "damaged", "thinned", "wiped"

// Something an operator must know, kept for good in the order it happened.
struct Incident {
  enum class Kind : std::uint8_t {
    kDamaged = 0,     // observations are lost: their bytes do not verify
    kThinned = 1,     // observations went by their datastream's policy, for room
    kDiskFull = 2,    // from `from` to `to` observations were refused for want of room
    kDiskFailed = 3,  // ... because the disk failed
    kWiped = 4        // observations were carried off, and wiped
  } kind = Kind::kDamaged;
  std::uint64_t id = 0;            // ascending, from 1
  base::TimeUs time = 0;           // UTC when it was noted
  std::string datastream;          // empty: of none
  base::TimeUs from = 0, to = 0;   // UTC of what is affected; `to` is the last of it
  std::uint64_t observations = 0;  // lost, thinned or refused (as often as they were)
  std::string detail;              // for people
};

std::string_view to_string(Incident::Kind kind);  // "damaged", "disk-full", ...

struct Stats {
  // Of the database file, unused_bytes are free within it.
  std::uint64_t file_bytes = 0, unused_bytes = 0;
  std::uint64_t observations = 0, commits = 0, duplicates = 0, series = 0;
  base::TimeUs oldest = 0, newest = 0;
  // In frames that are not compacted yet, and their bytes; the rest stands in chunks.
  std::uint64_t tail_observations = 0, tail_frames = 0, tail_bytes = 0;
  std::uint64_t object_bytes = 0, objects = 0;
  std::uint64_t free_bytes = 0;                       // of the disk; 0: not asked
  std::uint64_t damaged = 0, thinned = 0, wiped = 0;  // observations
};

class Store {
 public:
  struct Options {
    std::string path;  // of the database file; its folder exists
    std::string vfs;   // empty: the system's; sim passes its own
    os::Clock* clock = nullptr;
    os::Random* random = nullptr;           // for the epoch; null: the system's
    os::Files* files = nullptr;             // for objects; null: the system's
    std::string objects;                    // their folder; empty: "objects" beside the database
    std::uint64_t reserve_bytes = 8 << 20;  // kept free on the disk for alerts and records: a batch
                                            // with observations is refused (kExhausted) below it
    std::uint64_t thin_below_bytes = 64 << 20;  // less free than this: upkeep() thins
    std::size_t compact_frames = 2048;          // upkeep() compacts once so many wait
    std::uint64_t checkpoint_pages = 1000;  // ... and moves the log into the database beyond that
    // The exits: lanes of the items that raw observations leave in; unset: none. Those of
    // datastreams that are Uplink::kRaw leave by raw_lane, those of others whose policy has pickup
    // by pickup_lane.
    std::optional<Lane> raw_lane, pickup_lane;
    double raw_worth = 0;              // NewItem::worth of their items
    base::DurationUs raw_expires = 0;  // after they were made; 0: never
    // What is receipted is kept for recall_items(): for so long, and at most so many bytes, the
    // oldest first out. At once out when room is short.
    base::DurationUs keep_receipted = 14 * base::kDay;
    std::uint64_t keep_receipted_bytes = 256 << 20;
    std::function<base::Result<std::uint64_t>()> free_bytes;  // of the disk; empty: not asked
  };
  static base::Result<std::unique_ptr<Store>> open(const Options& options);
  // The database as it is now, whether a site runs on it or not, which it never disturbs: nothing
  // is written. A running site's log cannot shrink meanwhile, so do not keep it for long. Uses
  // path, vfs, clock, files and objects. kNotFound, kCorrupt (no database, or another program's),
  // kUnsupported (another release's).
  static base::Result<std::unique_ptr<const Store>> open_snapshot(const Options& options);
  virtual ~Store() = default;

  // Idempotent. Same id and equal content (same_revision) returns the same key with the policy
  // updated; changed content makes the next revision with a new key.
  virtual base::Result<SeriesKey> declare(sensing::Datastream datastream) = 0;
  virtual std::optional<sensing::Datastream> datastream(SeriesKey key) const = 0;
  // All revisions, ascending by key.
  virtual std::vector<std::pair<SeriesKey, sensing::Datastream>> datastreams() const = 0;
  // Of one datastream, ascending by revision; empty when it was never declared.
  virtual std::vector<SeriesKey> keys(std::string_view datastream) const = 0;

  // kInvalid, and nothing is stored: an unknown series, a value of another kind than the
  // datastream's, a text over sensing::kMaxTextBytes, an item over kMaxItemBytes.
  virtual base::Result<Committed> commit(const Batch& batch) = 0;

  // Observations of one series in [from, to) UTC, ascending, at most `limit`; false from the
  // visitor stops. All revisions of a datastream: call once a key. The visitor must not call this
  // store. Returns what is missing between `from` and where it stopped: what does not verify is
  // left out and told, and nothing else is lost by it.
  virtual base::Result<std::vector<Gap>> read(
      SeriesKey key, base::TimeUs from, base::TimeUs to, std::size_t limit,
      const std::function<bool(const Sample&)>& visit) const = 0;
  // At most `buckets` (1 to 10,000) equal spans over [from, to), empty ones left out. Cost is
  // bounded by the buckets, not by the samples: spans over 15 s are rounded up to whole minutes,
  // those over 20 minutes to whole hours, and come from rollups; the first then begins at or before
  // `from`. Samples outside [from, to) never count. Where the clock was off by an odd amount, a
  // rollup that straddles two buckets counts in that of its middle (docs/formats/store.md).
  virtual base::Result<std::vector<Bucket>> downsample(SeriesKey key, base::TimeUs from,
                                                       base::TimeUs to,
                                                       std::size_t buckets) const = 0;
  virtual base::Result<std::optional<Sample>> latest(SeriesKey key) const = 0;
  // Minutes of all series that have numbers in [from, to) UTC, both whole minutes at most an hour
  // apart: one pass where downsample() takes one for each series.
  struct Minute {
    SeriesKey series = 0;
    base::TimeUs from = 0;
    sensing::Summary summary;
  };
  virtual base::Result<std::vector<Minute>> minutes(base::TimeUs from, base::TimeUs to) const = 0;

  // An object's content is durable when this returns, once however often it is put. What no
  // observation refers to is dropped by upkeep() a day later.
  virtual base::Result<sensing::Object> put_object(base::ByteView content,
                                                   std::string_view media_type) = 0;
  // kNotFound; kCorrupt when the bytes are not those of the digest.
  virtual base::Result<base::Bytes> object(const std::array<std::uint8_t, 32>& sha256) const = 0;

  virtual base::Result<std::optional<base::Bytes>> record(std::string_view kind,
                                                          std::string_view key) const = 0;
  virtual base::Result<std::vector<Record>> records(std::string_view kind) const = 0;  // by key

  // The outbox. Numbers of a lane from its floor (what is receipted) to its last: each is an item
  // that waits, or stands in gone(). `epoch` is random (63 bits, never 0) and made with the
  // database.
  virtual std::uint64_t epoch() const = 0;
  // After the database was restored or cloned: a new epoch, in which the items that wait are
  // numbered from 1 in their order. What was receipted is kept no longer.
  virtual base::Status renew_epoch() = 0;
  // Makes items, of type "blocks", of raw observations that have an exit and did not leave yet:
  // what came since the last call, and then, the earliest first, what was stored before its
  // datastream had an exit; their bytes are copied. At most about max_bytes of them at once; true:
  // there is more. The first call opens raw_lane. Call it when something can carry them: the more
  // come at once, the smaller they are. upkeep() does so for what it is about to compact.
  // kExhausted: there is no room for copies of what was stored before; call it again once something
  // was receipted or freed. All else is offered even so.
  virtual base::Result<bool> offer_raw(std::size_t max_bytes) = 0;
  // Opens pickup_lane, for good: a courier will come. Idempotent. kInvalid: there is no such lane.
  virtual base::Status start_pickup() = 0;
  // Items that wait, ascending after `after`, at most max_items and max_bytes of bodies (never
  // more, so possibly none). Raw blocks whose datastream may not leave by this lane (any more) are
  // left out; an item that does not verify is, and upkeep() makes it gone.
  virtual base::Result<std::vector<Item>> items(Lane lane, std::uint64_t after,
                                                std::size_t max_items,
                                                std::size_t max_bytes) const = 0;
  // Of these numbers those that wait, in the order given, until one does not fit.
  virtual base::Result<std::vector<Item>> items(Lane lane, std::span<const std::uint64_t> numbers,
                                                std::size_t max_bytes) const = 0;
  // Reads no bodies.
  virtual base::Result<std::vector<Head>> heads(Lane lane, std::uint64_t after,
                                                std::size_t max) const = 0;
  // Ascending, disjoint, above the floor; neighbours of one reason are one range.
  virtual base::Result<std::vector<GoneRange>> gone(Lane lane, std::size_t max) const = 0;
  // A receipt covers them: the floor rises. Up to the lane's last at most; never down.
  virtual base::Status forget_items(Lane lane, std::uint64_t through) = 0;
  // The peer was restored from an older copy and holds only up to `through`: the floor goes back to
  // there. What is kept of the rest waits again, under its number; all else is Gone::kLost.
  virtual base::Status recall_items(Lane lane, std::uint64_t through) = 0;
  struct LaneState {
    Lane lane;
    std::uint64_t last = 0, waiting = 0;  // waiting: items
    base::TimeUs oldest = 0;              // created time of the first that waits
    bool unoffered = false;               // offer_raw() would make more
    std::uint64_t floor = 0;              // all up to here is receipted
    std::uint64_t bytes = 0;              // of the bodies that wait
  };
  // Of lanes that ever had an item, or whose exit is open and has more to offer; and of
  // pickup_lane once start_pickup() was called.
  virtual base::Result<std::vector<LaneState>> lanes() const = 0;
  // For a technician who carried the data off: drops raw observations before `before` (UTC; whole
  // hours go) of datastreams that have an exit, as far as all of them was offered and is receipted.
  // Summaries of minutes stay. Told as wiped. What came in the last minutes may not stand in chunks
  // yet, and stays. Takes long; commits wait for it no longer than for another commit. A crash
  // leaves some of it done.
  virtual base::Result<Wiped> wipe(base::TimeUs before) = 0;

  // A better clock told the time (see sensing::ClockBook): reads give better UTC from now on, for
  // the past as well. Durable.
  virtual base::Status clock_reference(base::TimeUs reference, base::DurationUs error,
                                       std::string_view source) = 0;
  virtual sensing::ClockBook::Utc utc_now() const = 0;

  // Background work, a bounded step at a time (a commit waits for it no longer than for another
  // commit): compacts, checkpoints the log, thins when the disk fills (and when that frees no more,
  // drops the oldest raw items), drops what expired or nobody needs. Call it from one thread of its
  // own about once a second, and at once again while it returns true.
  virtual base::Result<bool> upkeep() = 0;

  virtual base::Result<std::vector<Incident>> incidents(std::uint64_t after,
                                                        std::size_t max) const = 0;
  virtual Stats stats() const = 0;
};

}  // namespace lander::store
