// Private to src/package: which names are allowed.
#pragma once

#include <algorithm>
#include <string_view>

namespace lander::package {

inline bool is_made_of(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || others.find(c) != others.npos;
  });
}

// Apps and vendors: [a-z0-9][a-z0-9._-]{0,62}.
inline bool valid_app_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && is_made_of(name.substr(0, 1), "") &&
         is_made_of(name, "._-");
}

}  // namespace lander::package
