// Values that are not one number, as bytes: how blocks, chunks and the store's frames hold
// waveforms, objects and intervals. Format: docs/formats/value.md. Pure, thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "sensing/datastream.h"
#include "sensing/observation.h"

namespace lander::sensing {

// No value's bytes are longer than this.
inline constexpr std::size_t max_value_bytes(Kind kind) {
  return kind == Kind::kWaveform ? 9 * kMaxWaveformSamples + 32 : kMaxTextBytes + 64;
}

// Of text, waveform, object and interval that are valid(). Lossless to the bit; one value has one
// form.
std::string to_bytes(const Value& value);
// kCorrupt with the byte's offset. Never allocates more than the length justifies times 16.
base::Result<Value> from_bytes(Kind kind, base::ByteView bytes);

// The value's bits, or a hash of its bytes (FNV-1a): equal values give equal numbers.
std::uint64_t fingerprint(const Value& value);

// What must hold of a value before it is stored; kInvalid says what does not.
base::Status valid(const Value& value);

}  // namespace lander::sensing
