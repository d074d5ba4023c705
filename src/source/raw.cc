#include "source/raw.h"

#include <charconv>

namespace lander::source {

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
