#include "base/cbor.h"
#include "sensing/block.h"

namespace lander::sensing {
namespace {

constexpr std::uint64_t kBlocksFormat = 1;

base::Result<SeriesBlock> decode_one(base::CborReader& in) {
  SeriesBlock out;
  LANDER_TRY(in.array_of(5, "a block"));
  LANDER_ASSIGN(out.datastream, in.text());
  if (auto id = valid_id(out.datastream); !id.ok()) {
    return base::Error(base::Code::kCorrupt, "blocks: " + id.error().message());
  }
  LANDER_ASSIGN(const std::uint64_t revision, in.unsigned_integer());
  if (revision == 0 || revision > UINT32_MAX) {
    return base::Error(base::Code::kCorrupt, "blocks: expected a revision from 1 to 2^32-1");
  }
  out.revision = static_cast<std::uint32_t>(revision);
  LANDER_ASSIGN(out.utc_offset, in.integer());
  LANDER_ASSIGN(out.utc_error, in.integer());
  if (out.utc_error < 0) {
    return base::Error(base::Code::kCorrupt, "blocks: expected an error of the time from 0");
  }
  LANDER_ASSIGN(const base::ByteView block, in.bytes());
  out.block.assign(block.begin(), block.end());
  return out;
}

}  // namespace

base::Bytes encode_blocks(const std::vector<SeriesBlock>& blocks) {
  LANDER_CHECK(blocks.size() <= kMaxSeriesBlocks);
  base::CborWriter out;
  out.array(2).unsigned_integer(kBlocksFormat).array(blocks.size());
  for (const SeriesBlock& block : blocks) {
    out.array(5).text(block.datastream).unsigned_integer(block.revision);
    out.integer(block.utc_offset).integer(block.utc_error).bytes(block.block);
  }
  return out.take();
}

base::Result<std::vector<SeriesBlock>> decode_blocks(base::ByteView body) {
  base::CborReader in(body);
  LANDER_TRY(in.record(2, kBlocksFormat, "blocks"));
  LANDER_ASSIGN(const std::uint64_t count, in.array_up_to(kMaxSeriesBlocks, "blocks"));
  std::vector<SeriesBlock> out;  // grows with what decodes, not with what the count claims
  for (std::uint64_t i = 0; i < count; ++i) {
    LANDER_ASSIGN(out.emplace_back(), decode_one(in));
  }
  LANDER_TRY(in.end());
  return out;
}

}  // namespace lander::sensing
