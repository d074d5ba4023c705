// The body of an item of raw observations as it waits: chunks, and whose they are. Its sum keeps a
// flipped bit from giving one series' observations to another. Format: docs/formats/store.md,
// `item`. Pure, thread-safe.
#pragma once

#include <span>
#include <vector>

#include "base/bytes.h"
#include "sensing/observation.h"
#include "store/timeline.h"

namespace lander::store {

struct RawPart {
  sensing::SeriesKey series = 0;
  Segment segment = kNoSegment;
  base::Bytes chunk;
};

base::Bytes encode_raw(std::span<const RawPart> parts);
// kCorrupt. The chunks verify themselves.
base::Result<std::vector<RawPart>> decode_raw(base::ByteView body);

}  // namespace lander::store
