#include "sensing/value.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "sensing/decimal.h"
#include "sensing/wire.h"

namespace lander::sensing {
namespace {

using base::ByteView;
using base::Code;
using base::Error;
using base::Result;
using base::Status;

enum SampleCoding : std::uint8_t { kRaw64 = 0, kFloat32 = 1, kDecimal = 2 };
constexpr unsigned kMostDecimals = 9;
constexpr std::size_t kMaxMediaType = 127;

// ---------------------------------------------------------------- writing

std::size_t varint_bytes(std::uint64_t value) {
  return std::max<std::size_t>(1, (static_cast<std::size_t>(std::bit_width(value)) + 6) / 7);
}

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

// The fewest decimals that hold every sample, or -1. What d decimals hold, d+1 holds too (below
// 2^53), so each sample only ever raises it.
int common_decimals(const std::vector<double>& samples) {
  std::int64_t ignored = 0;
  unsigned decimals = 0;
  for (const double sample : samples) {
    while (!to_decimal<false>(sample, decimals, ignored)) {
      if (++decimals > kMostDecimals) return -1;
    }
  }
  for (const double sample : samples) {
    if (!to_decimal<false>(sample, decimals, ignored)) return -1;
  }
  return static_cast<int>(decimals);
}

bool all_float32(const std::vector<double>& samples) {
  return std::all_of(samples.begin(), samples.end(), [](double sample) {
    return same_bits(static_cast<double>(static_cast<float>(sample)), sample);
  });
}

std::vector<std::uint64_t> deltas(const std::vector<double>& samples, unsigned decimals) {
  std::vector<std::uint64_t> out;
  out.reserve(samples.size());
  std::int64_t previous = 0, value = 0;
  for (const double sample : samples) {
    LANDER_CHECK(to_decimal<false>(sample, decimals, value));
    out.push_back(zigzag(static_cast<std::uint64_t>(value - previous)));
    previous = value;
  }
  return out;
}

// Byte by byte of all samples, the lowest of each first: like stands beside like for what
// compresses.
template <class Bits, class Of>
void put_planes(std::string& out, const std::vector<double>& samples, Of bits_of) {
  for (std::size_t plane = 0; plane < sizeof(Bits); ++plane) {
    for (const double sample : samples) {
      out.push_back(static_cast<char>(static_cast<Bits>(bits_of(sample)) >> (8 * plane)));
    }
  }
}

std::string waveform_bytes(const Waveform& waveform) {
  const std::vector<double>& samples = waveform.samples;
  const int decimals = common_decimals(samples);
  const bool narrow = all_float32(samples);
  const std::size_t fixed = samples.size() * (narrow ? 4 : 8);
  std::vector<std::uint64_t> steps;
  std::size_t steps_bytes = SIZE_MAX;
  if (decimals >= 0) {
    steps = deltas(samples, static_cast<unsigned>(decimals));
    steps_bytes = 1;
    for (const std::uint64_t step : steps) steps_bytes += varint_bytes(step);
  }
  const bool decimal = steps_bytes <= fixed;
  std::string out;
  out.reserve(16 + std::min(steps_bytes, fixed));
  out.push_back(static_cast<char>(decimal ? kDecimal : narrow ? kFloat32 : kRaw64));
  put_u64(out, std::bit_cast<std::uint64_t>(waveform.rate_hz));
  put_varint(out, samples.size());
  if (decimal) {
    out.push_back(static_cast<char>(decimals));
    for (const std::uint64_t step : steps) put_varint(out, step);
  } else if (narrow) {
    put_planes<std::uint32_t>(out, samples, [](double sample) {
      return std::bit_cast<std::uint32_t>(static_cast<float>(sample));
    });
  } else {
    put_planes<std::uint64_t>(out, samples,
                              [](double sample) { return std::bit_cast<std::uint64_t>(sample); });
  }
  return out;
}

// ---------------------------------------------------------------- reading

class Reader : WireReader {
 public:
  explicit Reader(ByteView bytes) : WireReader(bytes) {}

  Result<Value> waveform();
  Result<Value> object();
  Result<Value> interval();

 private:
  Error corrupt(const char* expected) const { return WireReader::corrupt("value", expected); }
  template <class Bits>
  void planes(std::vector<double>& out, std::size_t count) {
    ByteView all;
    LANDER_CHECK(take(count * sizeof(Bits), all));
    out.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      Bits bits = 0;
      for (std::size_t plane = 0; plane < sizeof(Bits); ++plane) {
        bits |= static_cast<Bits>(all[plane * count + i]) << (8 * plane);
      }
      if constexpr (sizeof(Bits) == 4) {
        out[i] = static_cast<double>(std::bit_cast<float>(bits));
      } else {
        out[i] = std::bit_cast<double>(bits);
      }
    }
  }
  Status decimals(std::vector<double>& out, std::size_t count);
  Result<std::string> text(std::size_t most, const char* expected);
};

Status Reader::decimals(std::vector<double>& out, std::size_t count) {
  std::uint8_t decimals = 0;
  if (!byte(decimals) || decimals > kMostDecimals) return corrupt("at most 9 decimals");
  if (count > left()) return corrupt("a byte or more for each sample");
  out.reserve(count);
  std::int64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t coded = 0;
    if (!zigzagged(coded)) return corrupt("a scaled sample");
    const auto step = static_cast<std::int64_t>(coded);
    constexpr std::int64_t kMost = kExact - 1;
    if (step > 2 * kMost || step < -2 * kMost) return corrupt("a step within 2^54");
    value += step;
    if (value > kMost || value < -kMost) return corrupt("a scaled sample within 2^53");
    out.push_back(static_cast<double>(value) / kPowers[decimals]);
  }
  return {};
}

Result<Value> Reader::waveform() {
  auto out = std::make_shared<Waveform>();
  std::uint8_t coding = 0;
  if (!byte(coding) || coding > kDecimal) return corrupt("a coding of samples, 0 to 2");
  std::uint64_t rate = 0, count = 0;
  if (!word(rate)) return corrupt("a rate of 8 bytes");
  out->rate_hz = std::bit_cast<double>(rate);
  if (!std::isfinite(out->rate_hz) || out->rate_hz <= 0) return corrupt("a finite rate over 0");
  if (!varint(count) || count == 0 || count > kMaxWaveformSamples) {
    return corrupt("1 to 65536 samples");
  }
  if (coding == kDecimal) {
    LANDER_TRY(decimals(out->samples, count));
  } else if (left() != count * (coding == kFloat32 ? 4 : 8)) {
    return corrupt("as many bytes as the samples take");
  } else if (coding == kFloat32) {
    planes<std::uint32_t>(out->samples, count);
  } else {
    planes<std::uint64_t>(out->samples, count);
  }
  if (left() != 0) return corrupt("the end of the waveform");
  return Value(std::shared_ptr<const Waveform>(std::move(out)));
}

Result<std::string> Reader::text(std::size_t most, const char* expected) {
  if (left() > most || !base::is_utf8(rest())) return corrupt(expected);
  return std::string(base::as_text(rest()));
}

Result<Value> Reader::object() {
  auto out = std::make_shared<Object>();
  ByteView digest;
  if (!take(out->sha256.size(), digest)) return corrupt("a digest of 32 bytes");
  std::copy(digest.begin(), digest.end(), out->sha256.begin());
  if (!varint(out->bytes)) return corrupt("the number of bytes");
  LANDER_ASSIGN(out->media_type, text(kMaxMediaType, "a media type of at most 127 bytes of UTF-8"));
  return Value(std::shared_ptr<const Object>(std::move(out)));
}

Result<Value> Reader::interval() {
  auto out = std::make_shared<Interval>();
  std::uint64_t duration = 0;
  if (!varint(duration) || duration > static_cast<std::uint64_t>(INT64_MAX)) {
    return corrupt("a duration from 0 to 2^63-1 us");
  }
  out->duration = static_cast<base::DurationUs>(duration);
  LANDER_ASSIGN(out->label, text(kMaxTextBytes, "a label of at most 4096 bytes of UTF-8"));
  return Value(std::shared_ptr<const Interval>(std::move(out)));
}

Error invalid(std::string message) { return Error(Code::kInvalid, std::move(message)); }

std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

}  // namespace

std::string to_bytes(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* waveform = std::get_if<std::shared_ptr<const Waveform>>(&value)) {
    return waveform_bytes(**waveform);
  }
  std::string out;
  if (const auto* object = std::get_if<std::shared_ptr<const Object>>(&value)) {
    out = base::as_text((*object)->sha256);
    put_varint(out, (*object)->bytes);
    out += (*object)->media_type;
    return out;
  }
  const auto* interval = std::get_if<std::shared_ptr<const Interval>>(&value);
  LANDER_CHECK(interval != nullptr);  // numbers are held as numbers
  put_varint(out, static_cast<std::uint64_t>((*interval)->duration));
  out += (*interval)->label;
  return out;
}

Result<Value> from_bytes(Kind kind, ByteView bytes) {
  switch (kind) {
    case Kind::kText:
      if (bytes.size() > kMaxTextBytes) {
        return Error(Code::kCorrupt, "value at byte 0: expected a text of at most 4096 bytes");
      }
      return Value(std::string(base::as_text(bytes)));
    case Kind::kWaveform:
      return Reader(bytes).waveform();
    case Kind::kObject:
      return Reader(bytes).object();
    case Kind::kInterval:
      return Reader(bytes).interval();
    case Kind::kNumber:
    case Kind::kInteger:
    case Kind::kBoolean:
      break;
  }
  return Error(Code::kCorrupt, "value at byte 0: expected a kind of value that is held as bytes");
}

std::uint64_t fingerprint(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) {
    return std::bit_cast<std::uint64_t>(*number);
  }
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    return static_cast<std::uint64_t>(*integer);
  }
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? 1 : 0;
  if (const auto* text = std::get_if<std::string>(&value)) return fnv1a(*text);
  return fnv1a(to_bytes(value));
}

Status valid(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (text->size() > kMaxTextBytes) return invalid("a text of over 4096 bytes");
  } else if (const auto* waveform = std::get_if<std::shared_ptr<const Waveform>>(&value)) {
    if (!std::isfinite((*waveform)->rate_hz) || (*waveform)->rate_hz <= 0) {
      return invalid("a waveform's rate: expected a finite number over 0");
    }
    if ((*waveform)->samples.empty() || (*waveform)->samples.size() > kMaxWaveformSamples) {
      return invalid("a waveform of " + std::to_string((*waveform)->samples.size()) +
                     " samples: expected 1 to 65536");
    }
  } else if (const auto* object = std::get_if<std::shared_ptr<const Object>>(&value)) {
    const std::string& type = (*object)->media_type;
    if (type.size() > kMaxMediaType || !base::is_utf8(base::as_bytes(type))) {
      return invalid("an object's media type: expected at most 127 bytes of UTF-8");
    }
  } else if (const auto* interval = std::get_if<std::shared_ptr<const Interval>>(&value)) {
    const std::string& label = (*interval)->label;
    if ((*interval)->duration < 0) return invalid("an interval's duration: expected 0 or more");
    if (label.size() > kMaxTextBytes || !base::is_utf8(base::as_bytes(label))) {
      return invalid("an interval's label: expected at most 4096 bytes of UTF-8");
    }
  }
  return {};
}

}  // namespace lander::sensing
