// A value as a peer wrote it, before anyone knows what it means. Pure, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "sensing/datastream.h"
#include "table/cell.h"

namespace lander::source {

// monostate: there is a place for a value, and none in it (JSON's null, an empty cell).
using Raw = std::variant<std::monostate, double, std::int64_t, bool, std::string_view>;

// Cells of files and payloads of messages are written alike.
using table::is_utf8;
using table::parse_integer;
using table::parse_number;
using table::printable;
using table::trim;

std::string to_text(const Raw& raw);
// By the first bytes: JPEG, PNG, gzip; else text or any bytes.
std::string_view media_type_of(base::ByteView content);
sensing::Kind kind_of(const Raw& raw);  // what a candidate with this value should be declared as

}  // namespace lander::source
