// What the codecs of this folder read and write alike.
#pragma once

#include <string>
#include <string_view>

#include "base/cbor.h"
#include "source/config.h"

namespace lander::twin {

base::Error corrupt(const base::CborReader& in, const std::string& expected);
base::Status expect_array(base::CborReader& in, std::uint64_t length, const char* what);
base::Status expect_format(base::CborReader& in, std::uint64_t format, const char* what);
base::Result<std::string> read_text(base::CborReader& in, std::size_t most);
// Below `end`: the number of an enumerator.
base::Result<std::uint8_t> read_enum(base::CborReader& in, std::uint64_t end, const char* what);

// At most `most` bytes of a text, not cutting a character in two.
std::string_view cut(std::string_view text, std::size_t most);

void put(base::CborWriter& out, const source::Config& config);

}  // namespace lander::twin
