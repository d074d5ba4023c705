// Texts and opaque bytes: the distinct ones one after the other, squeezed, and which of them when.
// Format: docs/formats/chunk.md. Private to the module; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "sensing/wire.h"

namespace lander::sensing {

// Appends. Of one string up, kMaxChunkBytes together.
void put_strings(base::Bytes& out, const std::vector<std::string>& strings);
// Fills `strings`, none longer than `most_bytes`, kMaxChunkBytes together. kCorrupt.
base::Status get_strings(WireReader& in, std::size_t most_bytes, std::vector<std::string>& strings);

}  // namespace lander::sensing
