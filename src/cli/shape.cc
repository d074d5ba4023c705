#include "cli/shape.h"

#include <algorithm>

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

namespace {

// A waveform, an object, an interval: what a line has room for.
std::string object_text(const Json& value) {
  const Json& samples = member(value, "samples");
  if (samples.is_array() || value.contains("count")) {
    const auto count =
        samples.is_array() ? samples.size() : static_cast<std::size_t>(integer_of(value, "count"));
    std::optional<double> least = number_of(value, "least"), most = number_of(value, "most");
    for (const Json& sample : samples) {
      if (!sample.is_number()) continue;
      least = std::min(least.value_or(sample.get<double>()), sample.get<double>());
      most = std::max(most.value_or(sample.get<double>()), sample.get<double>());
    }
    const auto rate = number_of(value, "rate_hz");
    return std::to_string(count) + " samples at " + (rate ? number_text(*rate) : "?") + " Hz" +
           (least && most ? ", " + number_text(*least) + " to " + number_text(*most) : "");
  }
  if (value.contains("sha256")) {
    return text_of(value, "media_type") + ", " + std::to_string(integer_of(value, "bytes")) +
           " bytes, " + text_of(value, "sha256");
  }
  if (const auto seconds = number_of(value, "duration_s")) {
    const std::string label = text_of(value, "label"), end = text_of(value, "end");
    const auto duration = static_cast<base::DurationUs>(std::clamp(*seconds, 0.0, 1e12) * 1e6);
    return (label.empty() ? "" : label + ", ") + "for " +
           (*seconds < 3600 ? number_text(*seconds) + " s" : length_text(duration)) +
           (end.empty() ? "" : " until " + end);
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string value_text(const Json& value) {
  if (value.is_object()) return object_text(value);
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return number_text(value.get<double>());
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lander::cli
