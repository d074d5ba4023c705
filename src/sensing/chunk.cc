#include "sensing/chunk.h"

#include <algorithm>

#include "base/check.h"
#include "sensing/chunk_column.h"
#include "sensing/chunk_numbers.h"
#include "sensing/chunk_strings.h"
#include "sensing/value.h"
#include "sensing/wire.h"

namespace lander::sensing {
namespace {

using base::Bytes;
using base::ByteView;
using base::Code;
using base::Error;
using base::Status;

constexpr std::uint8_t kMagic[2] = {'L', 'C'};
constexpr std::uint8_t kVersion = 1;
constexpr auto kLastKind = static_cast<std::uint8_t>(Kind::kInterval);

void put_values(Bytes& out, const Block& block) {
  Integers bits;
  switch (block.kind) {
    case Kind::kNumber:
      LANDER_CHECK(block.numbers.size() == block.size());
      return put_numbers(out, block.numbers);
    case Kind::kInteger:
      LANDER_CHECK(block.integers.size() == block.size());
      return put_column(out, block.integers);
    case Kind::kBoolean:
      LANDER_CHECK(block.booleans.size() == block.size());
      bits.assign(block.booleans.begin(), block.booleans.end());
      return put_column(out, bits);
    case Kind::kText:
    case Kind::kWaveform:
    case Kind::kObject:
    case Kind::kInterval:
      LANDER_CHECK(block.strings.size() == block.size());
      for (const std::string& text : block.strings)
        LANDER_CHECK(text.size() <= max_value_bytes(block.kind));
      return put_strings(out, block.strings);
  }
  LANDER_CHECK(!"a kind of value that chunks do not have");
}

Status get_header(WireReader& in, Block& block, std::size_t& count) {
  std::uint8_t magic[2] = {}, version = 0, kind = 0;
  if (!in.byte(magic[0]) || !in.byte(magic[1]) || !std::equal(magic, magic + 2, kMagic)) {
    return in.corrupt("chunk", "the letters LC");
  }
  if (!in.byte(version)) return in.corrupt("chunk", "a version");
  if (version != kVersion) {
    return Error(Code::kUnsupported,
                 "chunk of version " + std::to_string(version) + ", this program reads version 1");
  }
  if (!in.byte(kind) || kind > kLastKind) return in.corrupt("chunk", "a kind, 0 to 6");
  block.kind = static_cast<Kind>(kind);
  std::uint64_t samples = 0;
  if (!in.varint(samples) || samples == 0 || samples > kMaxBlockSamples) {
    return in.corrupt("chunk", "1 to 65536 samples");
  }
  count = samples;
  return {};
}

Status get_times(WireReader& in, Block& block) {
  LANDER_TRY(get_column(in, block.times));
  return std::is_sorted(block.times.begin(), block.times.end())
             ? Status()
             : in.corrupt("chunk", "times that never go back");
}

Status get_qualities(WireReader& in, Block& block) {
  thread_local Integers codes;
  codes.resize(block.size());
  LANDER_TRY(get_column(in, codes));
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (static_cast<std::uint64_t>(codes[i]) > UINT32_MAX)
      return in.corrupt("chunk", "qualities of 32 bits");
    block.qualities[i] = static_cast<Quality>(codes[i]);
  }
  return {};
}

Status get_booleans(WireReader& in, Block& block) {
  thread_local Integers bits;
  bits.resize(block.size());
  LANDER_TRY(get_column(in, bits));
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (static_cast<std::uint64_t>(bits[i]) > 1) return in.corrupt("chunk", "booleans of 0 and 1");
    block.booleans[i] = bits[i] == 1;
  }
  return {};
}

// The four columns of values: one as long as the times, the others empty.
void shape(Block& block, std::size_t count) {
  const bool text = block.kind >= Kind::kText;
  block.times.resize(count);
  block.qualities.resize(count);
  block.numbers.resize(block.kind == Kind::kNumber ? count : 0);
  block.integers.resize(block.kind == Kind::kInteger ? count : 0);
  block.booleans.resize(block.kind == Kind::kBoolean ? count : 0);
  block.strings.resize(text ? count : 0);
}

Status get_values(WireReader& in, Block& block) {
  switch (block.kind) {
    case Kind::kNumber:
      return get_numbers(in, block.numbers);
    case Kind::kInteger:
      return get_column(in, block.integers);
    case Kind::kBoolean:
      return get_booleans(in, block);
    case Kind::kText:
    case Kind::kWaveform:
    case Kind::kObject:
    case Kind::kInterval:
      return get_strings(in, max_value_bytes(block.kind), block.strings);
  }
  return in.corrupt("chunk", "a kind, 0 to 6");
}

}  // namespace

Bytes encode_chunk(const Block& block) {
  const std::size_t count = block.size();
  LANDER_CHECK(count > 0 && count <= kMaxBlockSamples);
  LANDER_CHECK(block.qualities.size() == count);
  LANDER_CHECK(std::is_sorted(block.times.begin(), block.times.end()));
  Bytes out;
  out.reserve(64 + count * 2);
  out.insert(out.end(), std::begin(kMagic), std::end(kMagic));
  out.push_back(kVersion);
  out.push_back(static_cast<std::uint8_t>(block.kind));
  put_varint(out, count);
  put_column(out, block.times);
  thread_local Integers codes;
  codes.resize(count);
  std::transform(block.qualities.begin(), block.qualities.end(), codes.begin(),
                 [](Quality quality) { return static_cast<std::int64_t>(quality); });
  put_column(out, codes);
  put_values(out, block);
  put_sum(out);
  return out;
}

Status decode_chunk(ByteView bytes, Block& block) {
  const auto body = without_sum(bytes);
  if (!body) return WireReader(bytes).corrupt("chunk", "bytes that match their CRC-32C");
  WireReader in(*body);
  std::size_t count = 0;
  LANDER_TRY(get_header(in, block, count));
  shape(block, count);
  LANDER_TRY(get_times(in, block));
  LANDER_TRY(get_qualities(in, block));
  LANDER_TRY(get_values(in, block));
  return in.left() == 0 ? Status() : in.corrupt("chunk", "the end of the chunk");
}

}  // namespace lander::sensing
