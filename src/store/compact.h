// Compaction: moves a bunch of frames into chunks, a few series at a time, each step one
// transaction.
//
// A bunch ends at a frame; `bunch_series` in `meta` says which series have it in their chunks
// already. So a step that a crash undid is simply done again, and a reader knows for each series
// from which frame on the tail counts. Chunks of one series and segment never overlap in time, save
// by equal times at their ends, which bounds a scan; one that does not verify is set aside when
// others would come to stand within it.
#pragma once

#include "store/reading.h"
#include "store/rewrite.h"

namespace lander::store {

// Reads the chunks that new samples of a series belong into, and makes others that hold both.
class Merger {
 public:
  using Damaged = std::function<void(const Lost& lost, const base::Error& error)>;
  Merger(Connection& connection, SeriesKey key, sensing::Kind kind, Damaged damaged)
      : connection_(connection), key_(key), kind_(kind), damaged_(std::move(damaged)) {}

  // `samples` ascend.
  base::Result<Rewrite> merge(Segment segment, const Samples& samples);

 private:
  struct Group {
    std::vector<Samples> samples;
    std::vector<std::pair<base::TimeUs, std::int64_t>> gone;
    std::size_t size = 0, bytes = 0;  // samples; of their strings
  };
  base::Result<std::optional<Samples>> read(const ChunkScan& scan, Rewrite& out);
  base::Result<Group> group(Segment segment, base::TimeUs last, Rewrite& out);
  static void take(Group group, std::vector<Samples>& old, Rewrite& out);
  base::Status unit(Segment segment, const Samples& samples, std::size_t from, std::size_t to,
                    base::TimeUs within, std::vector<Samples> old, Rewrite& out);
  base::Status take_small_before(Segment segment, base::TimeUs end, std::size_t count,
                                 std::vector<Samples>& old, Rewrite& out);
  base::Status roll_up_new(Segment segment, const Samples& samples, Rewrite& out);

  Connection& connection_;
  SeriesKey key_;
  sensing::Kind kind_;
  Damaged damaged_;
};

}  // namespace lander::store
