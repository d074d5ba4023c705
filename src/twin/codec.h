// What the codecs of this folder read and write alike.
#pragma once

#include <string>
#include <string_view>

#include "base/cbor.h"
#include "source/config.h"

namespace lander::twin {

// At most `most` bytes of a text, not cutting a character in two.
std::string_view cut(std::string_view text, std::size_t most);

void put(base::CborWriter& out, const source::Config& config);

}  // namespace lander::twin
