// Reading a server's JSON without trusting its shape: what is absent or of another kind reads as
// nothing.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/time.h"

namespace lander::cli {

using Json = nlohmann::json;

const Json& member(const Json& object, const char* key);  // null when there is none
std::string text_of(const Json& object, const char* key);
std::optional<double> number_of(const Json& object, const char* key);
std::int64_t integer_of(const Json& object, const char* key);  // 0 when there is none
bool flag_of(const Json& object, const char* key);
std::optional<base::TimeUs> time_of(const Json& object, const char* key);
// For people: a number to six digits, a text as it is, null as "-".
std::string value_text(const Json& value);

}  // namespace lander::cli
