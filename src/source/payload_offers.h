// What an MQTT payload offers to be declared: the leaves of JSON, an array of numbers as one
// waveform, a plain value, an object. Thread-safe as the table is.
#pragma once

#include <string>

#include "source/candidates.h"

namespace lander::source {

inline constexpr std::size_t kMaxLeaves = 64;      // addresses of one message
inline constexpr std::size_t kLeastWaveform = 16;  // numbers in a row; fewer are a value each

void offer_payload(CandidateTable& table, const std::string& topic, base::ByteView payload);

}  // namespace lander::source
