// Doubles as integers, exactly, by the way that makes the smallest column. Format:
// docs/formats/chunk.md. Private to the module; thread-safe.
#pragma once

#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "sensing/wire.h"

namespace lander::sensing {

// Appends. Of one number up.
void put_numbers(base::Bytes& out, std::span<const double> numbers);
// Fills `numbers`. kCorrupt.
base::Status get_numbers(WireReader& in, std::span<double> numbers);

}  // namespace lander::sensing
