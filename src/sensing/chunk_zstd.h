// zstd at level 3, without its magic number, content size or checksum: a chunk has its own. One
// context a thread, kept: calls allocate nothing but what `out` lacks. Private to the module;
// thread-safe.
#pragma once

#include <span>

#include "base/bytes.h"

namespace lander::sensing {

// Replaces `out`.
void squeeze(base::ByteView bytes, base::Bytes& out);
// Fills `out` exactly, or false.
bool unsqueeze(base::ByteView bytes, std::span<std::uint8_t> out);

}  // namespace lander::sensing
