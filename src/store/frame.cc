#include "store/frame.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "sensing/decimal.h"
#include "sensing/value.h"
#include "sensing/wire.h"

namespace lander::store {
namespace {

using base::Bytes;
using base::ByteView;
using base::Code;
using base::Error;
using base::Result;
using base::Status;
using sensing::Kind;
using sensing::Observation;
using sensing::put_u32;
using sensing::put_u64;
using sensing::put_varint;
using sensing::unzigzag;
using sensing::WireReader;
using sensing::zigzag;

constexpr std::uint8_t kMagic[2] = {'L', 'F'};
constexpr std::uint8_t kVersion = 1;
// A series' flags.
constexpr std::uint8_t kCoding = 0x03, kQualities = 0x04, kSequences = 0x08;
enum Coding : std::uint8_t { kRaw = 0, kDecimal = 1, kFloat = 2 };
constexpr unsigned kMostDecimals = 6;

using Observations = std::span<const Observation* const>;

double number(const Observation* observation) { return std::get<double>(observation->value); }

// Decimals that hold every number, or -1: the first number's are tried first, then more.
int common_decimals(Observations observations) {
  unsigned decimals = 0;
  std::int64_t ignored = 0;
  std::size_t raised = 0;  // where they became more last
  for (std::size_t i = 0; i < observations.size(); ++i) {
    while (!sensing::to_decimal<false>(number(observations[i]), decimals, ignored)) {
      if (++decimals > kMostDecimals) return -1;
      raised = i;
    }
  }
  // More decimals may have ceased to hold an earlier, large one.
  for (std::size_t i = 0; i < raised; ++i) {
    if (!sensing::to_decimal<false>(number(observations[i]), decimals, ignored)) return -1;
  }
  return static_cast<int>(decimals);
}

bool is_float(double value) {
  if (!std::isfinite(value) || std::fabs(value) > std::numeric_limits<float>::max()) return false;
  const auto back = static_cast<double>(static_cast<float>(value));
  return std::bit_cast<std::uint64_t>(back) == std::bit_cast<std::uint64_t>(value);
}

Coding put_numbers(Bytes& out, Observations observations) {
  if (const int decimals = common_decimals(observations); decimals >= 0) {
    out.push_back(static_cast<std::uint8_t>(decimals));
    std::uint64_t previous = 0;
    for (const Observation* observation : observations) {
      std::int64_t value = 0;
      LANDER_CHECK(
          sensing::to_decimal<false>(number(observation), static_cast<unsigned>(decimals), value));
      put_varint(out, zigzag(static_cast<std::uint64_t>(value) - previous));
      previous = static_cast<std::uint64_t>(value);
    }
    return kDecimal;
  }
  const bool floats = std::all_of(observations.begin(), observations.end(),
                                  [](const auto* o) { return is_float(number(o)); });
  for (const Observation* observation : observations) {
    const double value = number(observation);
    if (floats) {
      put_u32(out, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
    } else {
      put_u64(out, std::bit_cast<std::uint64_t>(value));
    }
  }
  return floats ? kFloat : kRaw;
}

Coding put_values(Bytes& out, Observations observations) {
  const auto& first = observations.front()->value;
  if (std::holds_alternative<double>(first)) return put_numbers(out, observations);
  if (std::holds_alternative<std::int64_t>(first)) {
    std::uint64_t previous = 0;
    for (const Observation* observation : observations) {
      const auto value = static_cast<std::uint64_t>(std::get<std::int64_t>(observation->value));
      put_varint(out, zigzag(value - previous));
      previous = value;
    }
    return kRaw;
  }
  if (std::holds_alternative<bool>(first)) {
    for (std::size_t i = 0; i < observations.size(); i += 8) {
      unsigned byte = 0;
      for (std::size_t bit = 0; bit < 8 && i + bit < observations.size(); ++bit) {
        byte |= std::get<bool>(observations[i + bit]->value) ? 1u << bit : 0u;
      }
      out.push_back(static_cast<std::uint8_t>(byte));
    }
    return kRaw;
  }
  for (const Observation* observation : observations) {
    const std::string bytes = sensing::to_bytes(observation->value);
    put_varint(out, bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return kRaw;
}

// A run of equal steps: how the second differs from the first, and so on.
void put_times(Bytes& out, Observations observations, base::TimeUs base) {
  auto previous = static_cast<std::uint64_t>(base);
  std::uint64_t step = 0;
  for (std::size_t i = 0; i < observations.size(); ++i) {
    const auto time = static_cast<std::uint64_t>(observations[i]->time);
    const std::uint64_t delta = time - previous;
    put_varint(out, i == 0 ? delta : zigzag(delta - step));
    step = i == 0 ? 0 : delta;
    previous = time;
  }
}

template <class Get>
void put_runs(Bytes& out, Observations observations, Get get) {
  for (std::size_t i = 0; i < observations.size();) {
    std::size_t end = i + 1;
    while (end < observations.size() && get(observations[end]) == get(observations[i])) ++end;
    put_varint(out, end - i);
    put_varint(out, get(observations[i]));
    i = end;
  }
}

Error corrupt(std::size_t at, const char* expected) {
  return {Code::kCorrupt, "frame at byte " + std::to_string(at) + ": expected " + expected};
}

bool take_times(WireReader& in, std::size_t count, base::TimeUs base,
                std::vector<base::TimeUs>& out) {
  auto time = static_cast<std::uint64_t>(base);
  std::uint64_t step = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t coded = 0;
    if (!in.varint(coded)) return false;
    const std::uint64_t delta = i == 0 ? coded : unzigzag(coded) + step;
    // Never back, never past the end of time.
    if (delta > static_cast<std::uint64_t>(INT64_MAX) - time) return false;
    time += delta;
    step = i == 0 ? 0 : delta;
    out.push_back(static_cast<base::TimeUs>(time));
  }
  return true;
}

template <class Out, class Convert>
bool take_runs(WireReader& in, std::size_t count, std::uint64_t most, Out& out, Convert convert) {
  while (count > 0) {
    std::uint64_t run = 0, value = 0;
    if (!in.varint(run) || run == 0 || run > count || !in.varint(value) || value > most) {
      return false;
    }
    out.insert(out.end(), run, convert(value));
    count -= run;
  }
  return true;
}

bool take_numbers(WireReader& in, std::size_t count, std::uint8_t coding,
                  std::vector<double>& out) {
  if (coding == kDecimal) {
    std::uint8_t decimals = 0;
    if (!in.byte(decimals) || decimals > kMostDecimals) return false;
    std::uint64_t value = 0, coded = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!in.varint(coded)) return false;
      value += unzigzag(coded);
      out.push_back(static_cast<double>(static_cast<std::int64_t>(value)) /
                    sensing::kPowers[decimals]);
    }
    return true;
  }
  if (coding > kFloat) return false;
  const std::size_t width = coding == kFloat ? 4 : 8;
  if (in.left() / width < count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    ByteView narrow;
    std::uint64_t bits = 0;
    if (coding == kFloat) {
      if (!in.take(width, narrow)) return false;
      out.push_back(static_cast<double>(std::bit_cast<float>(sensing::get_u32(narrow))));
    } else {
      if (!in.word(bits)) return false;
      out.push_back(std::bit_cast<double>(bits));
    }
  }
  return true;
}

bool take_integers(WireReader& in, std::size_t count, std::vector<std::int64_t>& out) {
  std::uint64_t value = 0, coded = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!in.varint(coded)) return false;
    value += unzigzag(coded);
    out.push_back(static_cast<std::int64_t>(value));
  }
  return true;
}

bool take_booleans(WireReader& in, std::size_t count, std::vector<bool>& out) {
  for (std::size_t i = 0; i < count; i += 8) {
    std::uint8_t bits = 0;
    if (!in.byte(bits)) return false;
    for (std::size_t bit = 0; bit < 8 && i + bit < count; ++bit) out.push_back(bits >> bit & 1);
  }
  return true;
}

bool take_strings(WireReader& in, std::size_t count, std::size_t most,
                  std::vector<std::string>& out) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t size = 0;
    ByteView bytes;
    if (!in.varint(size) || size > most || !in.take(size, bytes)) return false;
    out.emplace_back(base::as_text(bytes));
  }
  return true;
}

bool take_values(WireReader& in, std::size_t count, Kind kind, std::uint8_t coding,
                 sensing::Block& out) {
  switch (kind) {
    case Kind::kNumber:
      return take_numbers(in, count, coding, out.numbers);
    case Kind::kInteger:
      return take_integers(in, count, out.integers);
    case Kind::kBoolean:
      return take_booleans(in, count, out.booleans);
    default:
      return take_strings(in, count, sensing::max_value_bytes(kind), out.strings);
  }
}

}  // namespace

void FrameWriter::add(SeriesKey series, Observations observations) {
  LANDER_CHECK(series > last_ && !observations.empty());
  scratch_.clear();
  scratch_.push_back(0);
  std::uint8_t flags = 0;
  put_times(scratch_, observations, base_);
  const auto odd = [](const Observation* o) { return o->quality != sensing::Quality::kGood; };
  if (std::any_of(observations.begin(), observations.end(), odd)) {
    flags |= kQualities;
    put_runs(scratch_, observations,
             [](const Observation* o) { return static_cast<std::uint32_t>(o->quality); });
  }
  const auto counted = [](const Observation* o) { return o->sequence != 0; };
  if (std::any_of(observations.begin(), observations.end(), counted)) {
    flags |= kSequences;
    std::uint64_t previous = 0;
    for (const Observation* observation : observations) {
      put_varint(scratch_, zigzag(observation->sequence - previous));
      previous = observation->sequence;
    }
  }
  flags |= put_values(scratch_, observations);
  scratch_[0] = flags;
  put_varint(entries_, series - last_);
  put_varint(entries_, observations.size());
  put_varint(entries_, scratch_.size());
  entries_.insert(entries_.end(), scratch_.begin(), scratch_.end());
  last_ = series;
  ++count_;
}

Bytes FrameWriter::finish() {
  Bytes out(std::begin(kMagic), std::end(kMagic));
  out.reserve(entries_.size() + 32);
  out.push_back(kVersion);
  put_varint(out, zigzag(static_cast<std::uint64_t>(base_)));
  put_varint(out, count_);
  out.insert(out.end(), entries_.begin(), entries_.end());
  sensing::put_sum(out);
  return out;
}

void Samples::cut(std::size_t count) {
  const auto shorten = [&](auto& column) {
    if (column.size() > count) column.resize(count);
  };
  shorten(block.times);
  shorten(block.qualities);
  shorten(block.numbers);
  shorten(block.integers);
  shorten(block.booleans);
  shorten(block.strings);
  shorten(sequences);
}

Result<FrameReader> FrameReader::open(ByteView frame) {
  // The sum first: what follows may then trust that it reads what was written.
  const auto body = sensing::without_sum(frame);
  if (!body) return corrupt(frame.size(), "bytes that match their CRC-32C");
  WireReader in(*body);
  std::uint8_t magic[2] = {}, version = 0;
  if (!in.byte(magic[0]) || !in.byte(magic[1]) || magic[0] != kMagic[0] || magic[1] != kMagic[1]) {
    return corrupt(0, "the letters LF");
  }
  if (!in.byte(version) || version != kVersion) {
    return Error(Code::kUnsupported,
                 "frame of version " + std::to_string(version) + ", this program reads version 1");
  }
  FrameReader out(*body);
  std::uint64_t base = 0;
  if (!in.varint(base) || !in.varint(out.left_)) return corrupt(in.at(), "a time and a count");
  out.base_ = static_cast<base::TimeUs>(unzigzag(base));
  out.at_ = in.at();
  return out;
}

Result<bool> FrameReader::next() {
  if (left_ == 0) {
    if (at_ != bytes_.size()) return corrupt(at_, "the end of the frame");
    return false;
  }
  WireReader in(bytes_, at_);
  std::uint64_t step = 0, count = 0, size = 0;
  if (!in.varint(step) || step == 0 || step > UINT32_MAX - series_) {
    return corrupt(at_, "a later series");
  }
  if (!in.varint(count) || count == 0 || !in.varint(size) || count > size ||
      !in.take(size, body_)) {
    return corrupt(in.at(), "a series' samples");
  }
  series_ += static_cast<SeriesKey>(step);
  count_ = count;
  at_ = in.at();
  --left_;
  return true;
}

Result<bool> FrameReader::find(SeriesKey series) {
  while (series_ < series) {
    LANDER_ASSIGN(const bool more, next());
    if (!more) return false;
  }
  return series_ == series;
}

Status FrameReader::append_to(Kind kind, Samples& out) const {
  const std::size_t before = out.block.size();
  auto status = append(kind, out);
  if (!status.ok()) out.cut(before);
  return status;
}

Status FrameReader::append(Kind kind, Samples& out) const {
  WireReader in(body_);
  std::uint8_t flags = 0;
  sensing::Block& block = out.block;
  block.kind = kind;
  const std::size_t before = block.size();
  const auto here = [&] { return at_ - body_.size() + in.at(); };
  if (!in.byte(flags) || flags > (kCoding | kQualities | kSequences)) {
    return corrupt(here(), "flags of a series");
  }
  if (!take_times(in, count_, base_, block.times)) return corrupt(here(), "times that ascend");
  if (!(flags & kQualities)) {
    block.qualities.resize(before + count_, sensing::Quality::kGood);
  } else if (!take_runs(in, count_, UINT32_MAX, block.qualities, [](std::uint64_t code) {
               return static_cast<sensing::Quality>(static_cast<std::uint32_t>(code));
             })) {
    return corrupt(here(), "runs of qualities");
  }
  if (flags & kSequences) {
    out.sequences.resize(before, 0);
    std::uint64_t sequence = 0, coded = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      if (!in.varint(coded)) return corrupt(here(), "a sequence");
      out.sequences.push_back(sequence += unzigzag(coded));
    }
  } else if (!out.sequences.empty()) {
    out.sequences.resize(before + count_, 0);
  }
  if (!take_values(in, count_, kind, flags & kCoding, block)) {
    return corrupt(here(), "values of the series' kind");
  }
  if (in.left() != 0) return corrupt(here(), "the end of the series");
  return {};
}

}  // namespace lander::store
