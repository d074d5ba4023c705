// Time as numbers and as RFC 3339 text. Reading a clock is os::Clock's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace lander::base {

// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX). Before 1970: negative.
using TimeUs = std::int64_t;
using DurationUs = std::int64_t;

inline constexpr DurationUs kMillisecond = 1'000;
inline constexpr DurationUs kSecond = 1'000'000;
inline constexpr DurationUs kMinute = 60 * kSecond;
inline constexpr DurationUs kHour = 60 * kMinute;
inline constexpr DurationUs kDay = 24 * kHour;

// "2026-11-22T00:13:07.250000Z": always UTC; the fraction is left out when zero.
std::string to_rfc3339(TimeUs time);
// Accepts an offset, "T" or a blank between date and time, 0-9 digits of fraction (beyond µs cut).
// Text without an offset is UTC: recorded files rarely say, and a guess must not depend on the
// machine.
Result<TimeUs> parse_rfc3339(std::string_view text);

// "250ms", "10s", "5m", "24h", "30d": a non-negative number and one unit. For configuration and
// flags.
Result<DurationUs> parse_duration(std::string_view text);
std::string to_text(DurationUs duration);  // the largest unit that divides it: "90s", "24h"

}  // namespace lander::base
