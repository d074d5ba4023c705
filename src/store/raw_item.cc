#include "store/raw_item.h"

#include "base/cbor.h"
#include "sensing/wire.h"

namespace lander::store {

base::Bytes encode_raw(std::span<const RawPart> parts) {
  base::CborWriter body;
  body.array(parts.size());
  for (const RawPart& part : parts) {
    body.array(3).unsigned_integer(part.series).unsigned_integer(part.segment).bytes(part.chunk);
  }
  base::Bytes out = body.take();
  sensing::put_sum(out);
  return out;
}

base::Result<std::vector<RawPart>> decode_raw(base::ByteView body) {
  const auto corrupt = [](const char* expected) {
    return base::Error(base::Code::kCorrupt, std::string("raw item: expected ") + expected);
  };
  const auto summed = sensing::without_sum(body);
  if (!summed) return corrupt("bytes that match their CRC-32C");
  base::CborReader in(*summed);
  std::vector<RawPart> out;
  LANDER_ASSIGN(const std::uint64_t parts, in.array());
  for (std::uint64_t i = 0; i < parts; ++i) {
    LANDER_TRY(in.array_of(3, "a part of a raw item"));
    LANDER_ASSIGN(const std::uint64_t series, in.unsigned_integer());
    LANDER_ASSIGN(const std::uint64_t segment, in.unsigned_integer());
    LANDER_ASSIGN(const base::ByteView chunk, in.bytes());
    if (series > UINT32_MAX || segment > UINT32_MAX) return corrupt("a series and a segment");
    out.push_back({static_cast<sensing::SeriesKey>(series),
                   static_cast<Segment>(segment),
                   {chunk.begin(), chunk.end()}});
  }
  LANDER_TRY(in.end());
  return out;
}

}  // namespace lander::store
