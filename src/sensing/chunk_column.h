// A column of 64-bit integers in the smallest of several forms. Format: docs/formats/chunk.md.
// Private to the module; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "sensing/wire.h"

namespace lander::sensing {

using Integers = std::vector<std::int64_t>;

// Appends. Of one integer up.
void put_column(base::Bytes& out, std::span<const std::int64_t> integers);
// About how many bytes put_column() would append, from a sample of the integers.
double column_bytes(std::span<const std::int64_t> integers);

// Fills `integers`. kCorrupt.
base::Status get_column(WireReader& in, std::span<std::int64_t> integers);

}  // namespace lander::sensing
