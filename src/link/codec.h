// What the codecs of bundles, journals and bodies read and write alike.
#pragma once

#include <cstdint>
#include <string>

#include "base/cbor.h"
#include "link/link.h"

namespace lander::link {

base::Error corrupt(const base::CborReader& in, const std::string& expected);
base::Status expect_array(base::CborReader& in, std::uint64_t length, const char* what);
base::Status expect_format(base::CborReader& in, std::uint64_t format, const char* what);
// Of 1 to `most` bytes.
base::Result<std::string> read_text(base::CborReader& in, std::size_t most, const char* what);
base::Result<std::uint8_t> read_lane(base::CborReader& in);

void put_ranges(base::CborWriter& out, const Ranges& ranges);  // [first, last, first, last, ...]
base::Result<Ranges> read_ranges(base::CborReader& in);

}  // namespace lander::link
