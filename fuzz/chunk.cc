// Chunks from anywhere: any bytes, then the same under a right sum, which must give a block that is
// whole and comes back from its own chunk. Then the bytes as samples of a kind, which must come
// back to the bit.
#include "sensing/chunk.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace base = lander::base;
using lander::sensing::Block;
using lander::sensing::Kind;

namespace {

constexpr std::size_t kMostCoded = 48;  // encoding many is slow, and finds nothing more

void check_comes_back(const Block& block) {
  Block back;
  LANDER_CHECK(lander::sensing::decode_chunk(lander::sensing::encode_chunk(block), back).ok());
  LANDER_CHECK(back.kind == block.kind && back.times == block.times);
  LANDER_CHECK(back.qualities == block.qualities && back.integers == block.integers);
  LANDER_CHECK(back.booleans == block.booleans && back.strings == block.strings);
  LANDER_CHECK(back.numbers.size() == block.numbers.size());
  LANDER_CHECK(block.numbers.empty() || std::memcmp(back.numbers.data(), block.numbers.data(),
                                                    8 * block.numbers.size()) == 0);
}

Block block_of(base::ByteView bytes) {
  Block block;
  block.kind = static_cast<Kind>(bytes[0] % 7);
  bytes = bytes.subspan(1);
  for (std::size_t at = 0; at + 8 <= bytes.size() && block.times.size() < kMostCoded; at += 8) {
    std::int64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    double number = 0;
    std::memcpy(&number, bytes.data() + at, 8);
    block.times.push_back(word);
    block.qualities.push_back(static_cast<lander::sensing::Quality>(bytes[at]));
    switch (block.kind) {
      case Kind::kNumber:
        block.numbers.push_back(bytes[at] % 3 ? static_cast<double>(word % 100000) / 100 : number);
        break;
      case Kind::kInteger:
        block.integers.push_back(word);
        break;
      case Kind::kBoolean:
        block.booleans.push_back(word % 2 != 0);
        break;
      default:
        block.strings.emplace_back(base::as_text(bytes.subspan(at, bytes[at] % 9)));
    }
  }
  std::sort(block.times.begin(), block.times.end());
  return block;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Block block;  // its memory is used again, as the store does
  const base::ByteView input(data, size);
  const auto status = lander::sensing::decode_chunk(input, block);
  LANDER_CHECK(status.ok() || status.error().code() == base::Code::kCorrupt ||
               status.error().code() == base::Code::kUnsupported);
  base::Bytes sealed(input.begin(), input.end());
  const std::uint32_t crc = base::crc32c(input);
  for (int i = 0; i < 4; ++i) sealed.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
  if (lander::sensing::decode_chunk(sealed, block).ok()) {
    LANDER_CHECK(block.size() > 0 && block.size() <= lander::sensing::kMaxBlockSamples);
    LANDER_CHECK(std::is_sorted(block.times.begin(), block.times.end()));
    if (block.size() <= kMostCoded) check_comes_back(block);
  }
  if (size > 8) {
    const Block samples = block_of(input);
    if (samples.size() > 0) check_comes_back(samples);
  }
  return 0;
}
