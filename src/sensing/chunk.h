// A chunk: a block in the smallest of several exact forms, then compressed where that helps. What
// the store keeps for good and what raw data leaves the site in. Format: docs/formats/chunk.md.
// Lossless to the bit (NaN payloads, infinities, -0, denormals). Pure, thread-safe: each thread
// keeps its own tables and zstd contexts (a few megabytes at most) from its first chunk on.
#pragma once

#include "base/bytes.h"
#include "sensing/block.h"

namespace lander::sensing {

inline constexpr std::size_t kChunkSamples =
    4096;  // the store's; a chunk may hold kMaxBlockSamples

// The bytes of all strings of one block together.
inline constexpr std::size_t kMaxChunkBytes = 16 << 20;

// Of one sample up, of any kind, strings within kMaxChunkBytes. No longer than the samples as they
// are and 64 bytes. The same block gives the same bytes on the same machine. Ends in the CRC-32C of
// all before it.
base::Bytes encode_chunk(const Block& block);

// Replaces `block`, whose memory is used again; after an error it holds anything. kCorrupt with the
// byte offset, kUnsupported for a newer version. Allocates no more than the samples
// (kMaxBlockSamples) and the bytes of strings (kMaxChunkBytes) that the chunk states.
base::Status decode_chunk(base::ByteView bytes, Block& block);

}  // namespace lander::sensing
