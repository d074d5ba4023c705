// What stands in one cell of a table: numbers, times, texts, as people and programs write them.
// Pure, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace lander::table {

// Blanks around it and a leading '+' are allowed; "nan" and "inf" are numbers; what is too large
// for a double is infinite. nullopt: not a number.
std::optional<double> parse_number(std::string_view text);
std::optional<std::int64_t> parse_integer(std::string_view text);
// As parse_number(), but "0,5" is a half: for files whose separator is not the comma.
std::optional<double> parse_decimal_comma(std::string_view text);

// RFC 3339 text (a blank for the 'T', '/' for '-', a day without time of day and seconds left out
// are understood; without offset: UTC), or a number since 1970 (time_of_number).
base::Result<base::TimeUs> parse_time(std::string_view text);
// The text's form only: a number is no time here.
base::Result<base::TimeUs> parse_written_time(std::string_view text);
// A number since 1970 whose size tells its unit: below 1e11 seconds, below 1e14 milliseconds, below
// 1e17 microseconds, else nanoseconds. nullopt: not finite, or beyond.
std::optional<base::TimeUs> time_of_number(double value);

// Nothing was measured: empty, or one of the words that programs write for it (nan, NULL, NA, ..).
bool is_missing(std::string_view cell);

bool is_utf8(std::string_view text);  // RFC 3629, without control characters but tab and line ends
std::string_view trim(std::string_view text);
// For messages and examples: at most `most` bytes, every byte that is not printable as '?'.
std::string printable(std::string_view text, std::size_t most = 60);

}  // namespace lander::table
