#include "sensing/block.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sensing/chunk.h"
#include "sensing/decimal.h"
#include "sensing/wire.h"

namespace lander::sensing {
namespace {

using base::Bytes;
using base::ByteView;
using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::uint8_t kMagic[2] = {'L', 'B'};
constexpr std::uint8_t kVersion = 1;
enum NumberCoding : std::uint8_t { kXor = 0, kDecimal = 1 };
constexpr unsigned kMostDecimals = 6;

void put_times(Bytes& out, const std::vector<base::TimeUs>& times) {
  std::uint64_t previous = 0, step = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    LANDER_CHECK(i == 0 || times[i] >= times[i - 1]);
    const auto time = static_cast<std::uint64_t>(times[i]);
    const std::uint64_t delta = time - previous;
    put_varint(out, zigzag(delta - step));
    previous = time;
    step = i == 0 ? 0 : delta;
  }
}

void put_qualities(Bytes& out, const std::vector<Quality>& qualities) {
  for (std::size_t i = 0; i < qualities.size();) {
    std::size_t end = i + 1;
    while (end < qualities.size() && qualities[end] == qualities[i]) ++end;
    put_varint(out, end - i);
    put_varint(out, static_cast<std::uint32_t>(qualities[i]));
    i = end;
  }
}

// The fewest decimals that hold every value, or -1.
int common_decimals(const std::vector<double>& numbers) {
  std::int64_t ignored = 0;
  for (unsigned decimals = 0; decimals <= kMostDecimals; ++decimals) {
    const auto fits = [&](double number) { return to_decimal<false>(number, decimals, ignored); };
    if (std::all_of(numbers.begin(), numbers.end(), fits)) return static_cast<int>(decimals);
  }
  return -1;
}

void put_xor(Bytes& out, const std::vector<double>& numbers) {
  std::uint64_t previous = 0;
  for (double number : numbers) {
    const auto bits = std::bit_cast<std::uint64_t>(number);
    const std::uint64_t changed = bits ^ previous;
    previous = bits;
    if (changed == 0) {
      out.push_back(0);
      continue;
    }
    const int trailing = std::countr_zero(changed) / 8;
    const int length = 8 - std::countl_zero(changed) / 8 - trailing;
    out.push_back(static_cast<std::uint8_t>(trailing << 4 | length));
    for (int i = 0; i < length; ++i) {
      out.push_back(static_cast<std::uint8_t>(changed >> (8 * (trailing + i))));
    }
  }
}

void put_numbers(Bytes& out, const std::vector<double>& numbers) {
  const int decimals = common_decimals(numbers);
  if (decimals < 0) {
    out.push_back(kXor);
    put_xor(out, numbers);
    return;
  }
  out.push_back(kDecimal);
  out.push_back(static_cast<std::uint8_t>(decimals));
  std::int64_t previous = 0;
  for (double number : numbers) {
    std::int64_t value = 0;
    LANDER_CHECK(to_decimal<false>(number, static_cast<unsigned>(decimals), value));
    put_varint(out,
               zigzag(static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(previous)));
    previous = value;
  }
}

void put_values(Bytes& out, const Block& block) {
  switch (block.kind) {
    case Kind::kNumber:
      LANDER_CHECK(block.numbers.size() == block.size());
      put_numbers(out, block.numbers);
      return;
    case Kind::kInteger: {
      LANDER_CHECK(block.integers.size() == block.size());
      std::uint64_t previous = 0;
      for (std::int64_t integer : block.integers) {
        put_varint(out, zigzag(static_cast<std::uint64_t>(integer) - previous));
        previous = static_cast<std::uint64_t>(integer);
      }
      return;
    }
    case Kind::kBoolean:
      LANDER_CHECK(block.booleans.size() == block.size());
      for (std::size_t i = 0; i < block.size(); i += 8) {
        std::uint8_t byte = 0;
        for (std::size_t bit = 0; bit < 8 && i + bit < block.size(); ++bit) {
          byte |= static_cast<std::uint8_t>(block.booleans[i + bit] ? 1u << bit : 0u);
        }
        out.push_back(byte);
      }
      return;
    case Kind::kText:
      LANDER_CHECK(block.strings.size() == block.size());
      for (const std::string& text : block.strings) {
        LANDER_CHECK(text.size() <= kMaxTextBytes);
        out.push_back(static_cast<std::uint8_t>(text.size()));
        out.push_back(static_cast<std::uint8_t>(text.size() >> 8));
        out.insert(out.end(), text.begin(), text.end());
      }
      return;
    case Kind::kWaveform:  // chunks hold them
    case Kind::kObject:
    case Kind::kInterval:
      break;
  }
  LANDER_CHECK(!"a kind of value that blocks do not have");
}

class Decoder : WireReader {
 public:
  explicit Decoder(ByteView bytes) : WireReader(bytes) {}

  Result<Block> block();

 private:
  Error corrupt(const char* expected) const { return WireReader::corrupt("block", expected); }
  Status header(std::size_t& count);
  Status times(std::size_t count);
  Status qualities(std::size_t count);
  Status numbers(std::size_t count);
  Status integers(std::size_t count);
  Status booleans(std::size_t count);
  Status texts(std::size_t count);
  Status values(std::size_t count);

  Block block_;
};

Status Decoder::header(std::size_t& count) {
  std::uint8_t magic[2] = {}, version = 0, kind = 0;
  if (!byte(magic[0]) || !byte(magic[1]) || magic[0] != kMagic[0] || magic[1] != kMagic[1]) {
    return corrupt("the letters LB");
  }
  if (!byte(version)) return corrupt("a version");
  if (version != kVersion) {
    return Error(Code::kUnsupported,
                 "block of version " + std::to_string(version) + ", this program reads version 1");
  }
  if (!byte(kind) || kind > static_cast<std::uint8_t>(Kind::kInterval)) {
    return corrupt("a kind, 0 to 3");
  }
  block_.kind = static_cast<Kind>(kind);
  if (block_.kind > Kind::kText) {
    return Error(Code::kUnsupported,
                 "block of kind " + std::string(to_string(block_.kind)) + ": chunks hold those");
  }
  std::uint64_t samples = 0;
  if (!varint(samples) || samples > kMaxBlockSamples) return corrupt("at most 65536 samples");
  if (samples > left()) return corrupt("a byte or more for each sample");
  count = samples;
  return {};
}

Status Decoder::times(std::size_t count) {
  block_.times.reserve(count);
  std::uint64_t time = 0, step = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t coded = 0;
    if (!varint(coded)) return corrupt("a time");
    const std::uint64_t delta = unzigzag(coded) + step;
    if (i > 0) {
      const auto room = static_cast<std::uint64_t>(INT64_MAX) - time;
      if (delta > room) return corrupt("a time that is not before the last");
      step = delta;
    }
    time += delta;
    block_.times.push_back(static_cast<base::TimeUs>(time));
  }
  return {};
}

Status Decoder::qualities(std::size_t count) {
  block_.qualities.reserve(count);
  while (block_.qualities.size() < count) {
    std::uint64_t run = 0, code = 0;
    if (!varint(run) || run == 0 || run > count - block_.qualities.size()) {
      return corrupt("a run of qualities within the block");
    }
    if (!varint(code) || code > UINT32_MAX) return corrupt("a quality of 32 bits");
    const auto quality = static_cast<Quality>(code);
    if (!block_.qualities.empty() && block_.qualities.back() == quality) {
      return corrupt("a quality other than that of the run before");
    }
    block_.qualities.insert(block_.qualities.end(), run, quality);
  }
  return {};
}

Status Decoder::numbers(std::size_t count) {
  std::uint8_t coding = 0;
  if (!byte(coding) || coding > kDecimal) return corrupt("a coding of numbers, 0 or 1");
  if (count > left()) return corrupt("a byte or more for each number");
  block_.numbers.reserve(count);
  if (coding == kDecimal) {
    std::uint8_t decimals = 0;
    if (!byte(decimals) || decimals > kMostDecimals) return corrupt("at most 6 decimals");
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      std::uint64_t coded = 0;
      if (!varint(coded)) return corrupt("a scaled number");
      value += unzigzag(coded);
      block_.numbers.push_back(static_cast<double>(static_cast<std::int64_t>(value)) /
                               kPowers[decimals]);
    }
    return {};
  }
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint8_t form = 0;
    if (!byte(form)) return corrupt("the form of a number");
    const int trailing = form >> 4, length = form & 15;
    if (trailing + length > 8 || left() < static_cast<std::size_t>(length)) {
      return corrupt("the changed bytes of a number");
    }
    for (int k = 0; k < length; ++k) {
      std::uint8_t changed = 0;
      LANDER_CHECK(byte(changed));
      bits ^= static_cast<std::uint64_t>(changed) << (8 * (trailing + k));
    }
    block_.numbers.push_back(std::bit_cast<double>(bits));
  }
  return {};
}

Status Decoder::integers(std::size_t count) {
  if (count > left()) return corrupt("a byte or more for each integer");
  block_.integers.reserve(count);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t coded = 0;
    if (!varint(coded)) return corrupt("an integer");
    value += unzigzag(coded);
    block_.integers.push_back(static_cast<std::int64_t>(value));
  }
  return {};
}

Status Decoder::booleans(std::size_t count) {
  if ((count + 7) / 8 > left()) return corrupt("a bit for each boolean");
  block_.booleans.reserve(count);
  for (std::size_t i = 0; i < count; i += 8) {
    std::uint8_t bits = 0;
    LANDER_CHECK(byte(bits));
    for (std::size_t bit = 0; bit < 8; ++bit) {
      const bool set = bits >> bit & 1;
      if (i + bit < count) {
        block_.booleans.push_back(set);
      } else if (set) {
        return corrupt("zero bits after the last boolean");
      }
    }
  }
  return {};
}

Status Decoder::texts(std::size_t count) {
  if (count > left() / 2) return corrupt("two bytes or more for each text");
  block_.strings.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint8_t low = 0, high = 0;
    if (!byte(low) || !byte(high)) return corrupt("the length of a text");
    const std::size_t size = low | static_cast<std::size_t>(high) << 8;
    ByteView text;
    if (size > kMaxTextBytes || !take(size, text)) return corrupt("a text of at most 4096 bytes");
    block_.strings.emplace_back(base::as_text(text));
  }
  return {};
}

Status Decoder::values(std::size_t count) {
  switch (block_.kind) {
    case Kind::kNumber:
      return numbers(count);
    case Kind::kInteger:
      return integers(count);
    case Kind::kBoolean:
      return booleans(count);
    case Kind::kText:
      return texts(count);
    case Kind::kWaveform:
    case Kind::kObject:
    case Kind::kInterval:
      break;
  }
  return corrupt("a kind, 0 to 3");
}

Result<Block> Decoder::block() {
  std::size_t count = 0;
  LANDER_TRY(header(count));
  LANDER_TRY(times(count));
  LANDER_TRY(qualities(count));
  LANDER_TRY(values(count));
  if (left() != 0) return corrupt("the end of the block");
  return std::move(block_);
}

}  // namespace

Bytes encode(const Block& block) {
  LANDER_CHECK(block.size() <= kMaxBlockSamples);
  LANDER_CHECK(block.qualities.size() == block.size());
  Bytes out;
  out.reserve(24 + block.size() * 6);
  out.insert(out.end(), std::begin(kMagic), std::end(kMagic));
  out.push_back(kVersion);
  out.push_back(static_cast<std::uint8_t>(block.kind));
  put_varint(out, block.size());
  put_times(out, block.times);
  put_qualities(out, block.qualities);
  put_values(out, block);
  put_sum(out);
  return out;
}

Result<Block> decode_block(ByteView bytes) {
  if (bytes.size() >= 2 && bytes[0] == 'L' && bytes[1] == 'C') {
    Block block;
    LANDER_TRY(decode_chunk(bytes, block));
    return block;
  }
  // The sum first: what follows may then trust that it reads what was written.
  if (const auto body = without_sum(bytes)) return Decoder(*body).block();
  return WireReader(bytes).corrupt("block", "bytes that match their CRC-32C");
}

}  // namespace lander::sensing
