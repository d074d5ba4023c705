#include "table/separator.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace lander::table {
namespace {

constexpr std::size_t kLines = 20, kMostBytes = 1 << 20;
// A decimal comma must not win over the semicolon beside it, nor a blank within names over any.
constexpr char kCandidates[] = {'\t', ';', '|', ',', ' '};

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// How often `separator` stands in each of the first lines, quoted cells left out; blank lines too.
std::vector<std::size_t> count(std::string_view text, char separator) {
  std::vector<std::size_t> counts;
  bool quoted = false, any = false, after_blank = false;
  std::size_t here = 0;
  const auto end_line = [&] {
    if (any) counts.push_back(here);
    any = after_blank = false;
    here = 0;
  };
  for (const char c : text) {
    if (counts.size() >= kLines) break;
    if (c == '"') quoted = !quoted;
    if (c == '\n' && !quoted) {
      end_line();
      continue;
    }
    if (separator == ' ') {
      if (!quoted && blank(c)) {
        after_blank = any;
        continue;
      }
      here += after_blank;
      after_blank = false;
    } else if (c == separator && !quoted) {
      ++here;
    }
    any = any || !blank(c);
  }
  if (counts.size() < kLines) end_line();
  return counts;
}

}  // namespace

char detect_separator(std::string_view text) {
  text = text.substr(0, kMostBytes);
  char most_of_first = ',';
  std::size_t most = 0;
  for (const char candidate : kCandidates) {
    const std::vector<std::size_t> counts = count(text, candidate);
    if (counts.empty() || counts.front() == 0) continue;
    const auto alike = std::count(counts.begin(), counts.end(), counts.front());
    if (10 * static_cast<std::size_t>(alike) >= 9 * counts.size()) return candidate;
    if (candidate != ' ' && counts.front() > most) {
      most = counts.front();
      most_of_first = candidate;
    }
  }
  return most_of_first;
}

}  // namespace lander::table
