#include "store/dedup.h"

#include <algorithm>

#include "base/cbor.h"
#include "sensing/value.h"

namespace lander::store {
namespace {

using sensing::Observation;

std::uint32_t folded(std::uint64_t value) {
  return static_cast<std::uint32_t>((value * 0x9E3779B97F4A7C15) >> 32);  // Fibonacci hashing
}

constexpr base::TimeUs kNobody = INT64_MIN;

}  // namespace

bool Dedup::repeated(const Observation& observation) {
  const std::uint64_t value = sensing::fingerprint(observation.value);
  if (observation.sequence != 0) {
    if (known_sequence(observation, value)) return true;
  } else if (observation.time <= newest_) {
    for (const Seen& seen : recent_) {
      if (seen.time == observation.time && seen.value == value) return true;
    }
  }
  remember(observation);
  if (observation.sequence != 0) mark(observation.sequence);
  return false;
}

const Dedup::Numbered* Dedup::last_with(std::uint64_t sequence) const {
  if (numbered_.empty()) return nullptr;
  const Numbered& at = numbered_[sequence % kWindow];
  return at.sequence == static_cast<std::uint32_t>(sequence) && at.time != kNobody ? &at : nullptr;
}

bool Dedup::known_sequence(const Observation& observation, std::uint64_t value) {
  const std::uint64_t sequence = observation.sequence;
  const Numbered* last = last_with(sequence);
  if (last && (last->time == observation.time || last->value == folded(value))) return true;
  if (high_ == 0 || sequence > high_) return false;
  const bool newer = observation.time > newest_;
  if (high_ - sequence >= kWindow) {
    // Far below: late by more than the window remembers, or the counter began anew.
    if (newer) begin_anew(sequence);
    return false;
  }
  if (!marked(sequence)) return false;
  if (!last && !newer) return true;
  begin_anew(sequence);
  return false;
}

bool Dedup::marked(std::uint64_t sequence) const {
  const std::uint64_t slot = sequence % kWindow;
  return window_[slot / 64] >> (slot % 64) & 1;
}

void Dedup::mark(std::uint64_t sequence) {
  if (sequence > high_) {
    if (sequence - high_ >= kWindow) {
      window_.fill(0);
    } else {
      for (std::uint64_t skipped = high_ + 1; skipped < sequence; ++skipped) {
        const std::uint64_t slot = skipped % kWindow;
        window_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
      }
    }
    high_ = sequence;
  } else if (high_ - sequence >= kWindow) {
    return;  // its slot is another number's
  }
  const std::uint64_t slot = sequence % kWindow;
  window_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void Dedup::begin_anew(std::uint64_t sequence) {
  window_.fill(0);
  high_ = sequence;
}

void Dedup::remember(const Observation& observation) {
  newest_ = std::max(newest_, observation.time);
  const std::uint64_t value = sensing::fingerprint(observation.value);
  if (observation.sequence != 0) {
    if (numbered_.empty()) numbered_.assign(kWindow, {kNobody, 0, 0});
    numbered_[observation.sequence % kWindow] = {observation.time, folded(value),
                                                 static_cast<std::uint32_t>(observation.sequence)};
  } else if (recent_.size() < kRecent) {
    recent_.push_back({observation.time, value});
  } else {
    recent_[oldest_] = {observation.time, value};
    oldest_ = (oldest_ + 1) % kRecent;
  }
}

void Dedup::replay(const Observation& observation) {
  // The window may be younger than this observation: what it has marked already proves nothing.
  const std::uint64_t sequence = observation.sequence;
  const bool known = high_ != 0 && sequence <= high_ && high_ - sequence < kWindow;
  if (sequence != 0 && !(known && marked(sequence)) &&
      !known_sequence(observation, sensing::fingerprint(observation.value))) {
    mark(sequence);
  }
  remember(observation);
}

void Dedup::restore_window(std::uint64_t high, base::ByteView bits) {
  high_ = high;
  window_.fill(0);
  for (std::size_t i = 0; i < std::min<std::size_t>(bits.size(), kWindow / 8); ++i) {
    window_[i / 8] |= static_cast<std::uint64_t>(bits[i]) << (8 * (i % 8));
  }
}

base::Bytes Dedup::bits() const {
  base::Bytes out;
  out.reserve(kWindow / 8);
  for (const std::uint64_t word : window_) {
    for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
  }
  return out;
}

base::Bytes encode_sequences(const std::vector<std::uint64_t>& sequences) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;  // step, how often
  std::uint64_t previous = 0;
  for (const std::uint64_t sequence : sequences) {
    const std::uint64_t step = sequence - previous;
    previous = sequence;
    if (runs.empty() || runs.back().first != step) runs.emplace_back(step, 0);
    ++runs.back().second;
  }
  base::CborWriter out;
  out.array(runs.size() * 2);
  for (const auto& [step, times] : runs) {
    out.integer(static_cast<std::int64_t>(step)).unsigned_integer(times);
  }
  return out.take();
}

base::Result<std::vector<std::uint64_t>> decode_sequences(base::ByteView bytes, std::size_t count) {
  base::CborReader in(bytes);
  std::vector<std::uint64_t> out;
  LANDER_ASSIGN(const std::uint64_t length, in.array());
  std::uint64_t sequence = 0;
  for (std::uint64_t i = 0; i + 1 < length; i += 2) {
    LANDER_ASSIGN(const std::int64_t step, in.integer());
    LANDER_ASSIGN(const std::uint64_t times, in.unsigned_integer());
    if (times > count - out.size()) break;
    for (std::uint64_t k = 0; k < times; ++k) {
      out.push_back(sequence += static_cast<std::uint64_t>(step));
    }
  }
  if (out.size() != count) {
    return base::Error(base::Code::kCorrupt, "sequences: expected one for each sample");
  }
  return out;
}

}  // namespace lander::store
