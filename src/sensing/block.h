// A block: observations of one series as columns, the unit in which data is stored, sent and
// ingested. Format: docs/formats/block.md. Lossless to the bit (NaN payloads, -0). Pure,
// thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "sensing/datastream.h"
#include "sensing/observation.h"

namespace lander::sensing {

struct Block {
  Kind kind = Kind::kNumber;
  std::vector<base::TimeUs> times;  // ascending
  std::vector<Quality> qualities;   // as many as times
  std::vector<double> numbers;      // one of these four is as long as times, by kind
  std::vector<std::int64_t> integers;
  std::vector<bool> booleans;
  std::vector<std::string> strings;  // texts; and of waveforms, objects and intervals to_bytes()

  std::size_t size() const { return times.size(); }
};

inline constexpr std::size_t kMaxBlockSamples = 65536;

// Of numbers, integers, booleans and texts; encode_chunk() takes all kinds. Ends in the CRC-32C of
// all before it.
base::Bytes encode(const Block& block);
// Of a block or, by its letters, a chunk (chunk.h). kCorrupt with the byte offset. Of a block never
// allocates more than the encoded length justifies times 16; of a chunk what its header states,
// which is bounded.
base::Result<Block> decode_block(base::ByteView bytes);

// min, max, sum and count of the good values of a span; what plots and the summary lane carry.
struct Summary {
  std::int64_t count = 0;   // good values
  std::int64_t others = 0;  // uncertain and bad
  double least = 0, most = 0, sum = 0;
  void add(double value, Quality quality);
  void add(const Summary& other);
  double mean() const { return count ? sum / static_cast<double>(count) : 0; }
};

// One block of one datastream with what a reader elsewhere needs to place it in time: what an item
// of type "blocks" carries. Format: docs/formats/block.md.
struct SeriesBlock {
  std::string datastream;
  std::uint32_t revision = 1;
  base::DurationUs utc_offset = 0, utc_error = 0;  // UTC = time + offset, give or take the error
  base::Bytes block;                               // encode(Block)
};

inline constexpr std::size_t kMaxSeriesBlocks = 65536;

base::Bytes encode_blocks(const std::vector<SeriesBlock>& blocks);
// kCorrupt; checks ids and bounds, but not the blocks within: decode_block() does.
base::Result<std::vector<SeriesBlock>> decode_blocks(base::ByteView body);

}  // namespace lander::sensing
