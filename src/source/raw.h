// A value as a peer wrote it, before anyone knows what it means. Pure, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "sensing/datastream.h"

namespace lander::source {

// monostate: there is a place for a value, and none in it (JSON's null, an empty cell).
using Raw = std::variant<std::monostate, double, std::int64_t, bool, std::string_view>;

// Blanks around it and a leading '+' are allowed; "nan" and "inf" are numbers; what is too large
// for a double is infinite. nullopt: not a number.
std::optional<double> parse_number(std::string_view text);
std::optional<std::int64_t> parse_integer(std::string_view text);

bool is_utf8(std::string_view text);  // RFC 3629, without control characters but tab and line ends
std::string_view trim(std::string_view text);

// For messages and examples: at most `most` bytes, every byte that is not printable as '?'.
std::string printable(std::string_view text, std::size_t most = 60);
std::string to_text(const Raw& raw);
// By the first bytes: JPEG, PNG, gzip; else text or any bytes.
std::string_view media_type_of(base::ByteView content);
sensing::Kind kind_of(const Raw& raw);  // what a candidate with this value should be declared as

}  // namespace lander::source
