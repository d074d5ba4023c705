#include <algorithm>
#include <array>
#include <charconv>

#include "alert/alert.h"
#include "base/suggest.h"
#include "twin/carriers.h"
#include "twin/source_rules.h"
#include "twin/twin.h"

namespace lander::twin {
namespace {

using source::Driver;

// A scalar that reads back as this text: bare where nobody could take it for something else.
std::string scalar(std::string_view text) {
  constexpr std::array<std::string_view, 13> kWords = {
      "null", "Null", "NULL", "true", "false", "yes", "no", "on", "off", "y", "n", "True", "False"};
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool bare = !text.empty() && letter(text.front()) &&
                    std::all_of(text.begin(), text.end(),
                                [&](char c) {
                                  return letter(c) || (c >= '0' && c <= '9') || c == '.' ||
                                         c == '_' || c == '-' || c == '/';
                                }) &&
                    std::find(kWords.begin(), kWords.end(), text) == kWords.end();
  if (bare) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    constexpr char kHex[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7F) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string scalar(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

class Writer {
 public:
  // "key: value" at the current depth; the first key of a list's item stands behind its dash.
  void put(std::string_view key, const std::string& value) {
    out_.append(dash_ ? 2 * depth_ - 2 : 2 * depth_, ' ');
    if (dash_) out_ += "- ";
    dash_ = false;
    out_ += std::string(key) + ":" + (value.empty() ? "" : " ") + value + "\n";
  }
  void put_text(std::string_view key, std::string_view value) {
    if (!value.empty()) put(key, scalar(value));
  }
  void open(std::string_view key) {
    put(key, "");
    ++depth_;
  }
  void close() { --depth_; }
  void item() {
    ++depth_;
    dash_ = true;
  }
  void comment(const std::string& text) { out_ += "# " + text + "\n"; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::size_t depth_ = 0;
  bool dash_ = false;
};

void write(Writer& out, const source::Config& config) {
  const source::Config defaults;
  out.item();
  out.put("id", scalar(config.id));
  out.put("driver", scalar(to_string(config.driver)));
  out.put_text("address", config.address);
  out.put_text("username", config.username);
  out.put_text("password_file", config.password_file);
  out.put_text("client_id", config.client_id);
  if (!config.topics.empty()) {
    std::string list;
    for (const std::string& topic : config.topics)
      list += (list.empty() ? "" : ", ") + scalar(topic);
    out.put(config.driver == Driver::kModbus ? "ranges" : "topics", "[" + list + "]");
  }
  if (takes_polls(config.driver)) out.put("poll_interval", base::to_text(config.poll_interval));
  if (config.speed != defaults.speed) out.put("speed", scalar(config.speed));
  if (config.loop) out.put("loop", "true");
  out.put_text("time_column", config.time_column);
  out.close();
}

void write(Writer& out, const sensing::Sensor& sensor) {
  if (sensor.name.empty() && sensor.model.empty() && sensor.serial.empty()) return;
  out.open("sensor");
  out.put_text("name", sensor.name);
  out.put_text("model", sensor.model);
  out.put_text("serial", sensor.serial);
  out.close();
}

void write(Writer& out, const sensing::Calibration& calibration) {
  const sensing::Calibration none;
  if (calibration.scale == none.scale && calibration.offset == none.offset &&
      calibration.date.empty() && calibration.certificate.empty()) {
    return;
  }
  out.open("calibration");
  out.put("scale", scalar(calibration.scale));
  out.put("offset", scalar(calibration.offset));
  out.put_text("date", calibration.date);
  out.put_text("certificate", calibration.certificate);
  out.close();
}

void write(Writer& out, const sensing::Binding& binding) {
  out.open("from");
  out.put("source", scalar(binding.source));
  out.put("address", scalar(binding.address));
  out.put_text("unit", binding.unit);
  out.put_text("time", binding.time_pointer);
  out.put_text("sequence", binding.sequence_pointer);
  out.put("interval", base::to_text(binding.interval));
  if (binding.rate_hz != 0) out.put("rate_hz", scalar(binding.rate_hz));
  out.put_text("media_type", binding.media_type);
  out.close();
}

void write(Writer& out, const sensing::Policy& policy) {
  out.open("policy");
  out.put("uplink", scalar(sensing::to_string(policy.uplink)));
  out.put("pickup", policy.pickup ? "true" : "false");
  out.put("max_lateness", base::to_text(policy.max_lateness));
  if (!policy.thinning.empty()) {
    std::string steps;
    for (const sensing::Thinning& step : policy.thinning) {
      const char* keep = step.summaries == 0               ? "nothing"
                         : step.summaries == base::kMinute ? "minutes"
                                                           : "hours";
      steps += (steps.empty() ? "{beyond: " : ", {beyond: ") + base::to_text(step.beyond) +
               ", keep: " + keep + "}";
    }
    out.put("thinning", "[" + steps + "]");
  }
  out.close();
}

void write(Writer& out, const sensing::Datastream& datastream) {
  out.item();
  out.put("id", scalar(datastream.id));
  out.put_text("name", datastream.name);
  out.put("asset", scalar(datastream.asset));
  out.put("property", scalar(datastream.property));
  out.put("unit", scalar(datastream.unit));
  if (datastream.kind != sensing::Kind::kNumber) {
    out.put("kind", scalar(sensing::to_string(datastream.kind)));
  }
  write(out, datastream.sensor);
  write(out, datastream.calibration);
  if (const auto& at = datastream.location) {
    out.open("location");
    out.put("latitude", scalar(at->latitude));
    out.put("longitude", scalar(at->longitude));
    out.put("altitude_m", scalar(at->altitude_m));
    out.close();
  }
  if (datastream.least || datastream.most) {
    const auto side = [](const std::optional<double>& value) {
      return value ? scalar(*value) : "none";
    };
    out.put("range", "[" + side(datastream.least) + ", " + side(datastream.most) + "]");
  }
  write(out, datastream.policy);
  write(out, datastream.binding);
  out.close();
}

void write(Writer& out, const carrier::Config& config) {
  const link::Terms& terms = config.terms;
  out.item();
  out.put("id", scalar(terms.id));
  out.put("type", scalar(config.type));
  if (terms.bytes_a_day != 0) out.put("bytes_a_day", std::to_string(terms.bytes_a_day));
  if (terms.price != 0) out.put("price", scalar(terms.price));
  if (terms.delay != 0) out.put("delay", base::to_text(terms.delay));
  if (terms.copies != 1) out.put("copies", std::to_string(terms.copies));
  if (!terms.plan.empty()) {
    std::string windows;
    for (const auto& window : terms.plan) {
      windows += (windows.empty() ? "\"" : ", \"") + to_text(window) + "\"";
    }
    out.put("contact", "[" + windows + "]");
  }
  if (!config.settings.empty()) {
    out.open("settings");
    for (const auto& [name, value] : config.settings) out.put(scalar(name), scalar(value));
    out.close();
  }
  out.close();
}

template <class All>
void write_list(Writer& out, std::string_view key, const All& all) {
  if (all.empty()) {
    out.put(key, "[]");
    return;
  }
  out.open(key);
  for (const auto& one : all) write(out, one);
  out.close();
}

void write_bindings(Writer& out, const std::vector<AppAssignment>& apps) {
  const bool any =
      std::any_of(apps.begin(), apps.end(), [](const auto& a) { return !a.pinned.empty(); });
  if (!any) {
    out.put("bindings", "{}");
    return;
  }
  out.open("bindings");
  for (const AppAssignment& app : apps) {
    if (app.pinned.empty()) continue;
    out.open(scalar(app.name));
    for (const auto& pin : app.pinned) out.put(scalar(pin.port), scalar(pin.datastream));
    out.close();
  }
  out.close();
}

}  // namespace

std::string to_yaml(const Desired& desired) {
  Writer out;
  out.comment("revision " + std::to_string(desired.revision) + ", made at the " +
              (desired.origin == Origin::kHub ? "hub" : "site") + " by " +
              base::quoted(desired.author) + ", " + base::to_rfc3339(desired.created));
  for (const AppAssignment& app : desired.apps) {
    out.comment("app " + app.name + " " + base::quoted(app_label(app.version, app.digest)) +
                " (by a rollout)");
  }
  out.put("commit_interval", base::to_text(desired.commit_interval));
  if (desired.webhook) {
    out.open("webhook");
    out.put("url", scalar(desired.webhook->url));
    out.put(
        "least_severity",
        scalar(alert::to_string(static_cast<alert::Severity>(desired.webhook->least_severity))));
    out.close();
  } else {
    out.put("webhook", "none");
  }
  out.open("models");
  out.put("autonomy", scalar(to_string(desired.autonomy)));
  out.close();
  write_list(out, "carriers", desired.carriers);
  write_list(out, "sources", desired.sources);
  write_list(out, "datastreams", desired.datastreams);
  write_bindings(out, desired.apps);
  return out.take();
}

}  // namespace lander::twin
