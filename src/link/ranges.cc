#include <algorithm>

#include "link/link.h"

namespace lander::link {
namespace {

constexpr std::uint64_t kLastNumber = INT64_MAX;

}  // namespace

bool Ranges::contains(std::uint64_t number) const {
  auto after = ranges_.upper_bound(number);
  return after != ranges_.begin() && std::prev(after)->second >= number;
}

bool Ranges::can_add(std::uint64_t number) const {
  if (number == 0 || number > kLastNumber || contains(number)) return false;
  if (ranges_.size() < kMax) return true;
  // Full: only a number that lengthens a range.
  return (number > 1 && contains(number - 1)) || contains(number + 1);
}

bool Ranges::add(std::uint64_t number) {
  if (!can_add(number)) return false;
  auto next = ranges_.upper_bound(number);
  std::uint64_t last = number;
  if (next != ranges_.end() && next->first == number + 1) {
    last = next->second;
    next = ranges_.erase(next);
  }
  if (next != ranges_.begin() && std::prev(next)->second + 1 == number) {
    std::prev(next)->second = last;
  } else {
    ranges_.emplace_hint(next, number, last);
  }
  return true;
}

void Ranges::merge(const Ranges& other) {
  for (const auto& range : other.ranges_) {
    std::uint64_t first = range.first, last = range.second;
    // Everything that [first, last] overlaps or touches becomes one range with it.
    auto at = ranges_.upper_bound(first);
    if (at != ranges_.begin() && std::prev(at)->second + 1 >= first) --at;
    const bool joins = at != ranges_.end() && at->first <= last + 1;
    if (!joins && ranges_.size() >= kMax) continue;
    while (at != ranges_.end() && at->first <= last + 1) {
      first = std::min(first, at->first);
      last = std::max(last, at->second);
      at = ranges_.erase(at);
    }
    ranges_.emplace_hint(at, first, last);
  }
}

std::uint64_t Ranges::through() const {
  return !ranges_.empty() && ranges_.begin()->first == 1 ? ranges_.begin()->second : 0;
}

base::Result<Ranges> Ranges::from(
    const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges) {
  if (ranges.size() > kMax) {
    return base::Error(base::Code::kCorrupt, "expected at most 4096 ranges of numbers, found " +
                                                 std::to_string(ranges.size()));
  }
  Ranges out;
  std::uint64_t before = 0;
  for (const auto& [first, last] : ranges) {
    const bool apart = out.ranges_.empty() ? first >= 1 : first > before && first - before > 1;
    if (!apart || last < first || last > kLastNumber) {
      return base::Error(base::Code::kCorrupt,
                         "expected ascending ranges of numbers with gaps between, found " +
                             std::to_string(first) + ".." + std::to_string(last) + " after " +
                             std::to_string(before));
    }
    out.ranges_.emplace_hint(out.ranges_.end(), first, last);
    before = last;
  }
  return out;
}

}  // namespace lander::link
