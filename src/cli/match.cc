#include "cli/match.h"

#include <algorithm>
#include <vector>

#include "base/suggest.h"

namespace lander::cli {
namespace {

constexpr std::size_t kShort = 8;
constexpr std::size_t kLeast = 4;
constexpr std::size_t kTold = 5;

}  // namespace

std::string short_id(std::string_view id) {
  return std::string(id.size() > kShort ? id.substr(id.size() - kShort) : id);
}

base::Result<std::string> match_id(std::span<const std::string> ids, std::string_view given,
                                   std::string_view what) {
  std::vector<std::string> found;
  for (const auto& id : ids) {
    if (id == given) return id;
    if (given.size() >= kLeast && (id.starts_with(given) || id.ends_with(given)))
      found.push_back(id);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.size() == 1) return found[0];
  const std::string name = std::string(what) + " " + base::quoted(given);
  if (found.empty()) {
    return base::Error(
        base::Code::kNotFound,
        "no " + name + (given.size() < kLeast ? ": give at least 4 characters of its id" : ""));
  }
  std::string list;
  for (std::size_t i = 0; i < std::min(found.size(), kTold); ++i) list += "\n  " + found[i];
  if (found.size() > kTold) list += "\n  ...";
  return base::Error(base::Code::kConflict, name + " is ambiguous, give more of it:" + list);
}

}  // namespace lander::cli
