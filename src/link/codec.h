// What the codecs of bundles, journals and bodies read and write alike.
#pragma once

#include <cstdint>
#include <string>

#include "base/cbor.h"
#include "link/link.h"

namespace lander::link {

base::Result<std::uint8_t> read_lane(base::CborReader& in);

void put_ranges(base::CborWriter& out, const Ranges& ranges);  // [first, last, first, last, ...]
base::Result<Ranges> read_ranges(base::CborReader& in);

}  // namespace lander::link
