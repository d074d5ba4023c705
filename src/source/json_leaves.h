// The leaves of a JSON text, each with its RFC 6901 pointer, without building a tree. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "source/raw.h"

namespace lander::source {

inline constexpr int kMaxJsonDepth = 32;

// Calls `leaf` for every number, text, boolean and null; pointer and value live only during the
// call. false from `leaf` ends the walk early, with success. NaN, Infinity and -Infinity, which
// many programs write though JSON has no such thing, and numbers too large for a double, are null
// leaves; after one of them the leaves before it are told again. kInvalid: "offset 17: ..." (byte,
// from 0).
base::Status walk_json(std::string_view text,
                       const std::function<bool(std::string_view pointer, const Raw& value)>& leaf);

base::Status valid_pointer(std::string_view pointer);  // "" or "/a/0/b", "~0" for ~, "~1" for /

}  // namespace lander::source
