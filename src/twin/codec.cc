#include "twin/codec.h"

namespace lander::twin {

base::Error corrupt(const base::CborReader& in, const std::string& expected) {
  return {base::Code::kCorrupt,
          "before byte " + std::to_string(in.offset()) + ": expected " + expected};
}

base::Status expect_array(base::CborReader& in, std::uint64_t length, const char* what) {
  LANDER_ASSIGN(const std::uint64_t found, in.array());
  if (found == length) return {};
  return corrupt(in, std::string(what) + " of " + std::to_string(length) + " fields, found " +
                         std::to_string(found));
}

base::Status expect_format(base::CborReader& in, std::uint64_t format, const char* what) {
  LANDER_ASSIGN(const std::uint64_t found, in.unsigned_integer());
  if (found == format) return {};
  return base::Error(base::Code::kUnsupported, std::string(what) + " of format " +
                                                   std::to_string(found) + "; this version reads " +
                                                   std::to_string(format));
}

base::Result<std::string> read_text(base::CborReader& in, std::size_t most) {
  LANDER_ASSIGN(const std::string_view text, in.text());
  if (text.size() > most) return corrupt(in, "text of at most " + std::to_string(most) + " bytes");
  return std::string(text);
}

base::Result<std::uint8_t> read_enum(base::CborReader& in, std::uint64_t end, const char* what) {
  LANDER_ASSIGN(const std::uint64_t number, in.unsigned_integer());
  if (number < end) return static_cast<std::uint8_t>(number);
  return corrupt(in, std::string(what) + " below " + std::to_string(end));
}

std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace lander::twin
