// The site's durable store: series of observations, records, and items waiting to leave, in one
// SQLite database (WAL, synchronous=FULL) so that what belongs together commits together. Format:
// docs/formats/store.md.
//
// Thread-safe: one mutex around the writer connection; reads use a connection of their own (and one
// at a time) and see the last commit. When commit() returned ok, the batch survives power loss;
// when it failed, nothing of it is visible and the caller still owns it (kExhausted: disk full, try
// again after space was made).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "os/clock.h"
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
};

inline constexpr std::size_t kMaxItemBytes = 1 << 20;
inline constexpr std::size_t kMaxRecordBytes = 64 << 20;

struct Batch {
  std::vector<sensing::Observation> observations;
  std::vector<Record> records;
  std::vector<NewItem> items;
  // Lane that gets an item (type "blocks") that refers to the blocks of those series of this batch
  // whose policy is Uplink::kRaw; their bytes are not copied. More than one when they are over 512
  // KiB; none when nothing of such series was stored. Unset: none.
  std::optional<Lane> raw_lane;
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

struct Sample {
  sensing::Observation observation;  // time is UTC now
  base::DurationUs time_error = 0;
};

struct Bucket {
  base::TimeUs from = 0;  // UTC, start of the bucket
  sensing::Summary summary;
};

struct Stats {
  std::uint64_t file_bytes = 0, observations = 0, commits = 0, duplicates = 0, series = 0;
  base::TimeUs oldest = 0, newest = 0;
};

class Store {
 public:
  struct Options {
    std::string path;  // of the database file; its folder exists
    std::string vfs;   // empty: the system's; sim passes its own
    os::Clock* clock = nullptr;
    os::Random* random = nullptr;           // for the epoch; null: the system's
    std::uint64_t reserve_bytes = 8 << 20;  // kept free on the disk for alerts and records: a batch
                                            // with observations is refused (kExhausted) below it
    std::function<base::Result<std::uint64_t>()> free_bytes;  // of the disk; empty: not asked
  };
  static base::Result<std::unique_ptr<Store>> open(const Options& options);
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
  // visitor stops. All revisions of a datastream: call once a key. The visitor must not read from
  // this store. kCorrupt names the block that does not verify; what stands before it was visited.
  virtual base::Status read(SeriesKey key, base::TimeUs from, base::TimeUs to, std::size_t limit,
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

  virtual base::Result<std::optional<base::Bytes>> record(std::string_view kind,
                                                          std::string_view key) const = 0;
  virtual base::Result<std::vector<Record>> records(std::string_view kind) const = 0;  // by key

  // The outbox. `epoch` is random (63 bits, never 0) and made with the database.
  virtual std::uint64_t epoch() const = 0;
  // After the database was restored or cloned: a new epoch, in which the items that wait are
  // numbered from 1 in their order.
  virtual base::Status renew_epoch() = 0;
  // Ascending after `after`, at most max_items and max_bytes of bodies (never more, so possibly
  // none). Raw blocks whose datastream is no longer Uplink::kRaw, or that do not verify, are left
  // out.
  virtual base::Result<std::vector<Item>> items(Lane lane, std::uint64_t after,
                                                std::size_t max_items,
                                                std::size_t max_bytes) const = 0;
  virtual base::Status forget_items(Lane lane, std::uint64_t through) = 0;  // a receipt covers them
  struct LaneState {
    Lane lane;
    std::uint64_t last = 0, waiting = 0;
    base::TimeUs oldest = 0;  // created time of the first that waits
  };
  virtual base::Result<std::vector<LaneState>> lanes() const = 0;

  // A better clock told the time (see sensing::ClockBook): reads give better UTC from now on, for
  // the past as well. Durable.
  virtual base::Status clock_reference(base::TimeUs reference, base::DurationUs error,
                                       std::string_view source) = 0;
  virtual sensing::ClockBook::Utc utc_now() const = 0;

  virtual Stats stats() const = 0;
};

}  // namespace lander::store
