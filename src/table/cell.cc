#include "table/cell.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace lander::table {

using base::Code;
using base::Error;
using base::Result;
using base::TimeUs;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<double> parse_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, value);
  if (at != end || text.empty()) return std::nullopt;
  if (failed == std::errc::result_out_of_range) {
    const auto exponent = text.find_first_of("eE");
    const bool tiny = exponent != text.npos ? text.substr(exponent + 1).starts_with('-')
                                            : trim(text).find('.') <= 2;
    const double size = tiny ? 0 : std::numeric_limits<double>::infinity();
    return text.front() == '-' ? -size : size;
  }
  if (failed != std::errc()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, value);
  if (failed != std::errc() || at != end) return std::nullopt;
  return value;
}

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<std::uint8_t>(text[i++]);
    if (lead < 0x80) {
      if ((lead < 0x20 && lead != '\t' && lead != '\n' && lead != '\r') || lead == 0x7F)
        return false;
      continue;
    }
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || text.size() - i < static_cast<std::size_t>(more))
      return false;
    std::uint32_t point = lead & (0x3F >> more);
    for (int k = 0; k < more; ++k) {
      const auto next = static_cast<std::uint8_t>(text[i++]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3F);
    }
    static constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (point < kLeast[more] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
      return false;
  }
  return true;
}

std::string printable(std::string_view text, std::size_t most) {
  const bool cut = text.size() > most;
  if (cut) {
    while (most > 0 && (static_cast<std::uint8_t>(text[most]) & 0xC0) == 0x80) --most;
    text = text.substr(0, most);
  }
  std::string out(text);
  const bool valid = is_utf8(text);
  for (char& c : out) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !valid)) c = '?';
  }
  return cut ? out + "..." : out;
}

std::optional<double> parse_decimal_comma(std::string_view text) {
  constexpr std::size_t kMost = 40;
  if (const auto number = parse_number(text)) return number;
  text = trim(text);
  const auto comma = text.find(',');
  if (comma == text.npos || text.size() > kMost || text.find('.') != text.npos) return std::nullopt;
  std::array<char, kMost> copy;
  std::copy(text.begin(), text.end(), copy.begin());
  copy[comma] = '.';
  return parse_number({copy.data(), text.size()});
}

std::optional<TimeUs> time_of_number(double value) {
  const double size = std::fabs(value);
  if (!(size < 9e18)) return std::nullopt;
  if (size < 1e11) return std::llround(value * 1e6);
  if (size < 1e14) return std::llround(value * 1e3);
  if (size < 1e17) return std::llround(value);
  return std::llround(value / 1e3);
}

Result<TimeUs> parse_written_time(std::string_view text) {
  constexpr std::size_t kDay = 10, kMost = 48;
  text = trim(text);
  const bool slashes = text.size() >= kDay && text[4] == '/' && text[7] == '/';
  if (text.size() > kMost || (!slashes && text.size() != kDay)) return base::parse_rfc3339(text);
  std::string plain(text);
  if (slashes) plain[4] = plain[7] = '-';
  if (plain.size() == kDay) plain += "T00:00";
  return base::parse_rfc3339(plain);
}

Result<TimeUs> parse_time(std::string_view text) {
  if (auto time = parse_written_time(text); time.ok()) return time;
  const auto number = parse_number(text);
  const auto time = number ? time_of_number(*number) : std::nullopt;
  if (time) return *time;
  return Error(Code::kInvalid, "expected an RFC 3339 time or seconds since 1970, found \"" +
                                   printable(text) + "\"");
}

bool is_missing(std::string_view cell) {
  cell = trim(cell);
  if (cell.empty()) return true;
  static constexpr std::string_view kWords[] = {"nan", "null", "na",   "n/a", "none", "nil", "-",
                                                "--",  "?",    "<na>", "nat", "-nan", "#n/a"};
  if (cell.size() > 5) return false;
  std::array<char, 5> lower{};
  std::transform(cell.begin(), cell.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const std::string_view word(lower.data(), cell.size());
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

}  // namespace lander::table
