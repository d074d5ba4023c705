#include "source/raw.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace lander::source {

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

std::string to_text(const Raw& raw) {
  struct Printer {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(double value) const {
      char buffer[32];
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
      return {buffer, end};
    }
    std::string operator()(std::int64_t value) const { return std::to_string(value); }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::string_view value) const { return printable(value); }
  };
  return std::visit(Printer(), raw);
}

std::string_view media_type_of(base::ByteView content) {
  static constexpr struct {
    std::string_view first, type;
  } kKnown[] = {{"\xFF\xD8\xFF", "image/jpeg"},
                {"\x89PNG\r\n\x1A\n", "image/png"},
                {"\x1F\x8B", "application/gzip"}};
  const std::string_view text = base::as_text(content);
  for (const auto& known : kKnown)
    if (text.starts_with(known.first)) return known.type;
  return is_utf8(text) ? "text/plain" : "application/octet-stream";
}

sensing::Kind kind_of(const Raw& raw) {
  if (std::holds_alternative<bool>(raw)) return sensing::Kind::kBoolean;
  if (const auto* text = std::get_if<std::string_view>(&raw))
    return parse_number(*text) ? sensing::Kind::kNumber : sensing::Kind::kText;
  return sensing::Kind::kNumber;
}

}  // namespace lander::source
