#include "twin/source_rules.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/suggest.h"

namespace lander::twin {
namespace {

using base::quoted;
using source::Driver;

constexpr std::size_t kMaxTextBytes = 1024;
constexpr std::size_t kMaxUrlBytes = 2048;

base::Error invalid(std::string what) { return {base::Code::kInvalid, std::move(what)}; }

bool number_within(std::string_view text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= least &&
         value <= most;
}

bool printable(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// "unit/table/rest" -> rest; empty when the front is not right.
std::string_view after_table(std::string_view address) {
  const std::size_t unit = address.find('/');
  if (unit == std::string_view::npos || !number_within(address.substr(0, unit), 0, 255)) return {};
  const std::size_t table = address.find('/', unit + 1);
  if (table == std::string_view::npos) return {};
  const std::string_view name = address.substr(unit + 1, table - unit - 1);
  const bool known = name == "holding" || name == "input" || name == "coil" || name == "discrete";
  return known ? address.substr(table + 1) : std::string_view{};
}

base::Status valid_fields(const source::Config& config) {
  const source::Config defaults;
  const std::string driver(to_string(config.driver));
  if (!takes_login(config.driver) &&
      !(config.username.empty() && config.password_file.empty() && config.client_id.empty())) {
    return invalid("username, password_file and client_id are not for driver " + driver);
  }
  if (!takes_topics(config.driver) && !config.topics.empty()) {
    return invalid("topics are not for driver " + driver);
  }
  if (!takes_polls(config.driver) && config.poll_interval != defaults.poll_interval) {
    return invalid("poll_interval is not for driver " + driver);
  }
  if (!takes_replay(config.driver) &&
      (config.speed != defaults.speed || config.loop || !config.time_column.empty())) {
    return invalid("speed, loop and time_column are not for driver " + driver);
  }
  return {};
}

base::Status valid_values(const source::Config& config) {
  LANDER_TRY(sensing::valid_id(config.id));
  for (const std::string* text : {&config.address, &config.username, &config.password_file,
                                  &config.client_id, &config.time_column}) {
    if (text->size() > kMaxTextBytes || !printable(*text)) {
      return invalid("a text is over 1024 bytes or has control characters");
    }
  }
  LANDER_TRY(valid_fields(config));
  if (config.driver == Driver::kMqtt || config.driver == Driver::kModbus) {
    LANDER_TRY(valid_peer(config.address));
  }
  if (config.driver == Driver::kReplay && config.address.empty()) {
    return invalid("address: expected the path of a file");
  }
  if (config.driver == Driver::kHost && !config.address.empty()) {
    return invalid("address is not for driver host");
  }
  if (config.topics.size() > kMaxTopics) return invalid("expected at most 64 topics");
  for (const std::string& topic : config.topics) {
    LANDER_TRY(config.driver == Driver::kMqtt ? valid_topic_filter(topic)
                                              : valid_modbus_range(topic));
  }
  if (config.poll_interval < kMinPollInterval || config.poll_interval > kMaxPollInterval) {
    return invalid("poll_interval: expected 10ms to 1d");
  }
  if (!(config.speed >= 0 && config.speed <= kMaxSpeed))
    return invalid("speed: expected 0 to 1000000");
  if (config.loop && config.speed == 0) return invalid("loop needs a speed above 0");
  return {};
}

}  // namespace

std::string_view to_string(Driver driver) {
  switch (driver) {
    case Driver::kMqtt:
      return "mqtt";
    case Driver::kModbus:
      return "modbus";
    case Driver::kReplay:
      return "replay";
    case Driver::kHost:
      return "host";
  }
  return "host";
}

bool takes_login(Driver driver) { return driver == Driver::kMqtt; }
bool takes_topics(Driver driver) { return driver == Driver::kMqtt || driver == Driver::kModbus; }
bool takes_polls(Driver driver) { return driver == Driver::kModbus || driver == Driver::kHost; }
bool takes_replay(Driver driver) { return driver == Driver::kReplay; }

base::Status valid(const source::Config& config) {
  auto status = valid_values(config);
  if (!status.ok()) return status.error().context("source/" + config.id);
  return {};
}

base::Status valid_peer(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  const bool split = colon != std::string_view::npos && colon > 0;
  const std::string_view host = split ? address.substr(0, colon) : std::string_view{};
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  const bool plain = !host.empty() && host.find_first_of(" /:[]") == std::string_view::npos;
  if (split && (plain || bracketed) && number_within(address.substr(colon + 1), 1, 65535))
    return {};
  return invalid("address " + quoted(address) + ": expected host:port, like \"192.168.1.20:502\"");
}

base::Status valid_topic_filter(std::string_view filter) {
  bool good = !filter.empty() && filter.size() <= kMaxTextBytes && printable(filter);
  for (std::size_t from = 0; good && from <= filter.size();) {
    const std::size_t end = std::min(filter.find('/', from), filter.size());
    const std::string_view level = filter.substr(from, end - from);
    if (level.find_first_of("+#") != std::string_view::npos)
      good = level == "+" || (level == "#" && end == filter.size());
    from = end + 1;
  }
  if (good) return {};
  return invalid(
      "topic filter " + quoted(filter) +
      ": expected levels between \"/\", where \"+\" stands for one level and \"#\" for all "
      "that follow");
}

base::Status valid_modbus_range(std::string_view range) {
  const std::string_view rest = after_table(range);
  const std::size_t dash = rest.find('-');
  if (dash != std::string_view::npos && number_within(rest.substr(0, dash), 0, 65535) &&
      number_within(rest.substr(dash + 1), 0, 65535)) {
    return {};
  }
  return invalid("range " + quoted(range) +
                 ": expected unit/table/first-last, like \"1/holding/0-63\"; tables are holding, "
                 "input, coil, discrete");
}

base::Status valid_address(Driver driver, std::string_view address) {
  if (address.empty()) return invalid("expected an address within the source");
  if (driver == Driver::kModbus) {
    const std::string_view rest = after_table(address);
    if (number_within(rest.substr(0, rest.find(':')), 0, 65535)) return {};
    return invalid(
        "address " + quoted(address) +
        ": expected unit/table/register:type, like \"1/input/4:f32\"; tables are holding, "
        "input, coil, discrete");
  }
  if (driver == Driver::kMqtt) {
    const std::size_t hash = address.find('#');
    const std::string_view topic = address.substr(0, hash);
    const std::string_view pointer =
        hash == std::string_view::npos ? std::string_view{} : address.substr(hash + 1);
    const bool good =
        !topic.empty() && topic.find('+') == std::string_view::npos &&
        (hash == std::string_view::npos || pointer.empty() || pointer.starts_with('/'));
    if (good) return {};
    return invalid("address " + quoted(address) +
                   ": expected one topic, with \"#/pointer\" behind it for a field of a JSON "
                   "payload, like \"pump/1/state#/vibration\"");
  }
  return {};
}

base::Status valid_webhook(std::string_view url, std::uint8_t least_severity) {
  const bool scheme = url.starts_with("http://") || url.starts_with("https://");
  const std::string_view rest = scheme ? url.substr(url.find("//") + 2) : std::string_view{};
  if (rest.empty() || rest.front() == '/' || url.size() > kMaxUrlBytes || !printable(url) ||
      url.find(' ') != std::string_view::npos) {
    return invalid("webhook url " + quoted(url) +
                   ": expected http://host/path or https://host/path");
  }
  if (least_severity > 3) return invalid("webhook: unknown severity");
  return {};
}

}  // namespace lander::twin
