// One observation of one series, as it travels from a source through the pipelines into the store.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"

namespace lander::sensing {

// A datastream at one revision, numbered by the site's store for life: dense, from 1.
using SeriesKey = std::uint32_t;

// OPC UA status codes (Part 4, 7.39): the two top bits say good, uncertain, bad.
enum class Quality : std::uint32_t {
  kGood = 0x00000000,
  kUncertain = 0x40000000,
  kUncertainSensorNotAccurate = 0x40930000,  // frozen, drifting
  kBad = 0x80000000,
  kBadNoCommunication = 0x80310000,
  kBadOutOfRange = 0x803C0000,
  kBadSensorFailure = 0x808C0000,  // NaN, infinite, absurd
};
inline bool is_good(Quality q) { return (static_cast<std::uint32_t>(q) >> 30) == 0; }
inline bool is_bad(Quality q) { return (static_cast<std::uint32_t>(q) >> 30) >= 2; }
std::string_view to_string(Quality quality);  // "Good", "BadOutOfRange", ...

// A burst of equally spaced numbers, as a vibration sensor gives it; the observation's time is that
// of its first sample.
struct Waveform {
  double rate_hz = 0;           // finite, over 0
  std::vector<double> samples;  // 1 to kMaxWaveformSamples
  friend bool operator==(const Waveform&, const Waveform&) = default;
};
// A file that the store keeps beside its database: an image, a log.
struct Object {
  std::array<std::uint8_t, 32> sha256{};
  std::uint64_t bytes = 0;
  std::string media_type;  // "image/jpeg"; at most 127 bytes
  friend bool operator==(const Object&, const Object&) = default;
};
// What lasted: a batch, a stop, a shift. The observation's time is its start.
struct Interval {
  base::DurationUs duration = 0;  // from 0
  std::string label;              // at most kMaxTextBytes
  friend bool operator==(const Interval&, const Interval&) = default;
};

inline constexpr std::size_t kMaxTextBytes = 4096;
inline constexpr std::size_t kMaxWaveformSamples = 65536;

// In the order of Kind. The pointers are never null.
using Value = std::variant<double, std::int64_t, bool, std::string, std::shared_ptr<const Waveform>,
                           std::shared_ptr<const Object>, std::shared_ptr<const Interval>>;
double as_number(const Value& value);  // of number, integer and boolean; NaN of all others

std::size_t held_bytes(const Value& value);  // beside itself: of a text, a waveform, a label

struct Observation {
  SeriesKey series = 0;
  Quality quality = Quality::kGood;
  base::TimeUs time = 0;       // phenomenonTime as claimed; see clock.h for how it becomes UTC
  std::uint64_t sequence = 0;  // the source's own counter; 0: none
  Value value = 0.0;
};

}  // namespace lander::sensing
