#include "cli/shape.h"

#include <nlohmann/json.hpp>

#include "cli/text.h"

namespace lander::cli {

const Json& member(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto at = object.find(key);
  return at == object.end() ? nothing : *at;
}

std::string text_of(const Json& object, const char* key) {
  const Json& found = member(object, key);
  return found.is_string() ? found.get<std::string>() : std::string();
}

std::optional<double> number_of(const Json& object, const char* key) {
  const Json& found = member(object, key);
  return found.is_number() ? std::optional(found.get<double>()) : std::nullopt;
}

std::int64_t integer_of(const Json& object, const char* key) {
  const Json& found = member(object, key);
  return found.is_number_integer() ? found.get<std::int64_t>() : 0;
}

bool flag_of(const Json& object, const char* key) {
  const Json& found = member(object, key);
  return found.is_boolean() && found.get<bool>();
}

std::optional<base::TimeUs> time_of(const Json& object, const char* key) {
  const auto parsed = base::parse_rfc3339(text_of(object, key));
  return parsed.ok() ? std::optional(*parsed) : std::nullopt;
}

std::string value_text(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return number_text(value.get<double>());
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lander::cli
