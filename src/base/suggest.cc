#include "base/suggest.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace lander::base {
namespace {

// Levenshtein, E. (1966), with a swap of two neighbours as one step: how far a typing slip is.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string out = "\"";
  std::size_t end = std::min(text.size(), kShown);
  // Not within a character.
  while (end < text.size() && end > 0 && (text[end] & 0xC0) == 0x80) --end;
  for (const char c : text.substr(0, end)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out + (end < text.size() ? "...\"" : "\"");
}

std::string suggestion(std::string_view wrong, std::span<const std::string_view> known) {
  constexpr std::size_t kLongestName = 64;
  std::string_view best;
  std::size_t least = std::min<std::size_t>(3, wrong.size() / 3 + 1) + 1;
  if (wrong.size() <= kLongestName) {
    for (const std::string_view name : known) {
      const std::size_t d = distance(wrong, name);
      if (d < least) std::tie(least, best) = std::make_tuple(d, name);
    }
  }
  if (!best.empty()) return "; did you mean " + quoted(best) + "?";
  std::string out;
  for (const std::string_view name : known)
    out += (out.empty() ? "; expected one of: " : ", ") + std::string(name);
  return out;
}

}  // namespace lander::base
