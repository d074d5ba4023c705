// Parquet's encodings (https://parquet.apache.org/docs/file-format/data-pages/encodings/), as far
// as parquet.cc writes them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace lander::lake {

struct Run {
  std::uint32_t value = 0, count = 0;
};
// Makes the last run longer where it is of the same value.
void extend(std::vector<Run>& runs, std::uint32_t value, std::size_t count);

// Adds to `out`: the hybrid of runs and bit-packed groups of eight (RLE), values below 2^width.
void put_hybrid(base::Bytes& out, std::span<const Run> runs, unsigned width);
// Adds to `out`: DELTA_BINARY_PACKED.
void put_deltas(base::Bytes& out, std::span<const std::int64_t> values);

// The distinct values by their bits, in order of appearance, and which one each value is.
struct DoubleDictionary {
  std::vector<double> entries;
  std::vector<Run> indices;
};
// Nothing when there are more than `most` distinct ones: given up as soon as that is known.
std::optional<DoubleDictionary> dictionary_of(std::span<const double> values, std::size_t most);

}  // namespace lander::lake
