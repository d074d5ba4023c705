// What a person probably meant: the nearest of the names that would have been right.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lander::base {

// `; did you mean "unit"?`, else `; expected one of: a, b, c`, or "" when nothing is known: to be
// appended to a message about `wrong`.
std::string suggestion(std::string_view wrong, std::span<const std::string_view> known);

// A user's text within a message: in quotes, on one line, at most 60 bytes of it.
std::string quoted(std::string_view text);

}  // namespace lander::base
