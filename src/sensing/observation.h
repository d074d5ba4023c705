// One observation of one series, as it travels from a source through the pipelines into the store.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

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

using Value = std::variant<double, std::int64_t, bool, std::string>;  // in the order of Kind
double as_number(const Value& value);                                 // text is NaN

struct Observation {
  SeriesKey series = 0;
  Quality quality = Quality::kGood;
  base::TimeUs time = 0;       // phenomenonTime as claimed; see clock.h for how it becomes UTC
  std::uint64_t sequence = 0;  // the source's own counter; 0: none
  Value value = 0.0;
};

}  // namespace lander::sensing
