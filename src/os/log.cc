#include "os/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cmath>

#include "base/bytes.h"
#include "os/clock.h"

namespace lander::os {
namespace {

std::atomic<bool> json_lines{false};
std::atomic<Level> least_level{Level::kInfo};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kNone:
      break;
  }
  return spdlog::level::info;
}

const char* name_of(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
    case Level::kNone:
      break;
  }
  return "info";
}

// One sink with one lock; the line is complete before it goes in, so lines never mix.
spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("lander",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::trace);
    made->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
    made->set_error_handler([](const std::string&) {});  // nowhere left to say it
    return made;
  }();
  return *instance;
}

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  const bool utf8 = base::is_utf8(base::as_bytes(text));
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !utf8)) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7F || c == '"' || c == '\\' || c == '=') return true;
  }
  return false;
}

std::string json_line(const std::string& time, Level level, std::string_view component,
                      std::string_view event, std::initializer_list<Field> fields) {
  std::string line =
      "{\"time\":\"" + time + "\",\"level\":\"" + name_of(level) + "\",\"component\":";
  append_quoted(line, component);
  line += ",\"event\":";
  append_quoted(line, event);
  for (const Field& field : fields) {
    line += ',';
    append_quoted(line, field.key);
    line += ':';
    if (field.quoted) {
      append_quoted(line, field.value);
    } else {
      line += field.value;
    }
  }
  return line + "}";
}

std::string text_line(const std::string& time, Level level, std::string_view component,
                      std::string_view event, std::initializer_list<Field> fields) {
  std::string line = time + ' ' + name_of(level) + ' ';
  append_escaped(line, component);
  line += ' ';
  append_escaped(line, event);
  for (const Field& field : fields) {
    line += ' ';
    append_escaped(line, field.key);
    line += '=';
    if (field.quoted && needs_quotes(field.value)) {
      append_quoted(line, field.value);
    } else {
      line += field.value;
    }
  }
  return line;
}

}  // namespace

Field::Field(std::string_view k, double v) : key(k), quoted(!std::isfinite(v)) {
  value = fmt::format("{}", v);  // the shortest text that reads back the same
}

void set_log_level(Level least) { least_level = least; }
void set_log_json(bool json) { json_lines = json; }

void log(Level level, std::string_view component, std::string_view event,
         std::initializer_list<Field> fields) {
  if (level < least_level.load(std::memory_order_relaxed)) return;
  const std::string time = base::to_rfc3339(system_clock().wall_us());
  const std::string line = json_lines.load(std::memory_order_relaxed)
                               ? json_line(time, level, component, event, fields)
                               : text_line(time, level, component, event, fields);
  logger().log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace lander::os
