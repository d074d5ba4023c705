// Structured lines on stderr: one event, one line; the keys are stable, the values are escaped.
// Text by default (time level component event key=value ...), JSON with set_json(true).
// An error is logged only where it is not returned. Thread-safe, never throws, never blocks for
// long.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace lander::os {

struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, double v);
  Field(std::string_view k, std::int64_t v) : key(k), value(std::to_string(v)), quoted(false) {}
  Field(std::string_view k, std::uint64_t v) : key(k), value(std::to_string(v)), quoted(false) {}
  Field(std::string_view k, int v) : key(k), value(std::to_string(v)), quoted(false) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), quoted(false) {}
  std::string_view key;
  std::string value;
  bool quoted = true;
};

enum class Level { kDebug, kInfo, kWarn, kError, kNone };  // kNone: only for set_log_level()

void set_log_level(Level least);
void set_log_json(bool json);

// log_info("store", "commit failed", {{"error", text}, {"retry_ms", 250}})
void log(Level level, std::string_view component, std::string_view event,
         std::initializer_list<Field> fields = {});
inline void log_debug(std::string_view c, std::string_view e, std::initializer_list<Field> f = {}) {
  log(Level::kDebug, c, e, f);
}
inline void log_info(std::string_view c, std::string_view e, std::initializer_list<Field> f = {}) {
  log(Level::kInfo, c, e, f);
}
inline void log_warn(std::string_view c, std::string_view e, std::initializer_list<Field> f = {}) {
  log(Level::kWarn, c, e, f);
}
inline void log_error(std::string_view c, std::string_view e, std::initializer_list<Field> f = {}) {
  log(Level::kError, c, e, f);
}

}  // namespace lander::os
