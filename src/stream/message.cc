#include "stream/message.h"

#include <cmath>
#include <cstdio>

#include "base/suggest.h"

namespace lander::stream {
namespace {

base::Error wrong(const std::string& what, std::size_t at) {
  return base::Error(base::Code::kInvalid, what + " at character " + std::to_string(at + 1));
}

}  // namespace

std::string shown(double value, int significant) {
  if (!std::isfinite(value)) return "?";
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", significant, value);
  return text;
}

base::Result<Message> Message::parse(std::string_view text, const Expression::Lookup& lookup) {
  Message out;
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      plain += c;
      ++i;
      continue;
    }
    if (c == '}') return wrong("a \"}\" that nothing opened (write }} for a brace)", i);
    if (c != '{') {
      plain += c;
      continue;
    }
    const std::size_t end = text.find('}', i);
    if (end == std::string_view::npos) return wrong("a \"{\" that is never closed", i);
    std::string_view name = text.substr(i + 1, end - i - 1);
    Part part;
    part.text = std::move(plain);
    plain.clear();
    if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
      const std::string_view format = name.substr(colon + 1);
      if (format.size() != 3 || format[0] != '.' || format[1] < '0' || format[1] > '9' ||
          format[2] != 'f') {
        return wrong("format " + base::quoted(format) + ", expected .0f to .9f,", i);
      }
      part.decimals = format[1] - '0';
      name = name.substr(0, colon);
    }
    part.slot = lookup(name);
    if (part.slot < 0) {
      return wrong("no port or earlier node has the name " + base::quoted(name) + ";", i + 1);
    }
    out.parts_.push_back(std::move(part));
    i = end;
  }
  Part last;
  last.text = std::move(plain);
  out.parts_.push_back(std::move(last));
  return out;
}

std::string Message::render(std::span<const double> slots) const {
  std::string out;
  for (const Part& part : parts_) {
    out += part.text;
    if (part.slot < 0) continue;
    const double value = slots[static_cast<std::size_t>(part.slot)];
    if (part.decimals < 0 || !std::isfinite(value)) {
      out += shown(value);
    } else {
      char text[400];  // 1e308 with nine decimals fits
      std::snprintf(text, sizeof text, "%.*f", part.decimals, value);
      out += text;
    }
  }
  return out;
}

}  // namespace lander::stream
