// The desired state as a person writes it. Every rule is asked where its value stands, so that
// every mistake has its place.
#include <algorithm>
#include <array>
#include <map>

#include "alert/alert.h"
#include "base/suggest.h"
#include "sensing/unit.h"
#include "twin/carriers.h"
#include "twin/source_rules.h"
#include "twin/twin.h"
#include "twin/yaml_policy.h"

namespace lander::twin {
namespace {

using base::quoted;
using base::Yaml;
using sensing::Datastream;
using sensing::Kind;
using source::Driver;

constexpr std::array<std::string_view, 4> kDrivers = {"mqtt", "modbus", "replay", "host"};
constexpr std::array<std::string_view, 7> kKinds = {"number",   "integer", "boolean", "text",
                                                    "waveform", "object",  "interval"};
constexpr std::array<std::string_view, 4> kSeverities = {"low", "medium", "high", "critical"};

constexpr std::array<std::string_view, 3> kAutonomies = {"none", "shadow", "promote"};

void expect(Yaml& at, const base::Status& status) {
  if (!status.ok() && at.present()) at.mistake(status.error().message());
}

// Asks sensing's rules about one field alone.
template <class Set>
void check_field(Yaml& at, Set set) {
  Datastream probe;
  probe.id = probe.asset = probe.property = "x";
  set(probe);
  const auto status = sensing::valid(probe);
  if (status.ok() || !at.present()) return;
  constexpr std::string_view kPrefix = "datastream x: ";
  const std::string& message = status.error().message();
  at.mistake(message.starts_with(kPrefix) ? message.substr(kPrefix.size()) : message);
}

std::string read_text(Yaml at, std::string Datastream::*field) {
  std::string value = at.text();
  check_field(at, [&](Datastream& probe) { probe.*field = value; });
  return value;
}

// The first place of every id; a second one is a mistake.
class Ids {
 public:
  explicit Ids(const char* what) : what_(what) {}
  std::string read(Yaml item) {
    Yaml at = item.required("id");
    std::string id = at.text();
    if (!at.present()) return id;
    expect(at, sensing::valid_id(id));
    const auto [first, is_new] = lines_.emplace(id, at.line());
    if (!is_new) {
      at.mistake(std::string(what_) + " " + quoted(id) + " is declared twice; it stands on line " +
                 std::to_string(first->second) + " already");
    }
    return id;
  }

 private:
  const char* what_;
  std::map<std::string, int> lines_;
};

std::string of_kind(Kind kind) {
  return "a value of kind " + std::string(sensing::to_string(kind));
}

// A list of at most `most` items.
std::vector<Yaml> bounded_items(Yaml at, std::size_t most, const char* what) {
  auto items = at.items();
  if (items.size() > most) {
    at.mistake("expected at most " + std::to_string(most) + " " + what + ", found " +
               std::to_string(items.size()));
    items.resize(most, at);
  }
  return items;
}

// --- Sources
// --------------------------------------------------------------------------------------

// A key that only some drivers know.
Yaml key_for(Yaml& item, const char* key, bool taken, Driver driver) {
  Yaml at = item.optional(key);
  if (at.present() && !taken) {
    at.mistake(quoted(key) + " is not for driver " + std::string(to_string(driver)));
  }
  return at;
}

std::string read_address(Yaml& item, Driver driver) {
  if (driver == Driver::kHost) return key_for(item, "address", false, driver).text();
  Yaml at = item.required("address");
  std::string address = at.text();
  if (!at.present()) return address;
  if (driver == Driver::kReplay) {
    if (address.empty()) at.mistake("expected the path of a file");
    return address;
  }
  if (!address.empty() && address.find(':') == std::string::npos) {
    address += driver == Driver::kMqtt ? ":1883" : ":502";  // their registered ports
  }
  expect(at, valid_peer(address));
  return address;
}

std::vector<std::string> read_topics(Yaml& item, Driver driver) {
  std::vector<std::string> out;
  Yaml topics = key_for(item, "topics", driver == Driver::kMqtt, driver);
  Yaml ranges = key_for(item, "ranges", driver == Driver::kModbus, driver);
  for (Yaml& at :
       bounded_items(driver == Driver::kModbus ? ranges : topics, kMaxTopics, "entries")) {
    out.push_back(at.text());
    expect(at, driver == Driver::kModbus ? valid_modbus_range(out.back())
                                         : valid_topic_filter(out.back()));
  }
  return out;
}

source::Config read_source(Yaml item, Ids& ids) {
  source::Config out;
  out.id = ids.read(item);
  Yaml driver = item.required("driver");
  out.driver = static_cast<Driver>(driver.one_of(kDrivers));
  const bool known = driver.present() && driver.is_scalar() &&
                     std::find(kDrivers.begin(), kDrivers.end(), driver.text()) != kDrivers.end();
  if (!known) {  // which keys belong here depends on it: look no further
    if (item.is_map()) item.entries();
    return out;
  }
  const bool login = takes_login(out.driver), polls = takes_polls(out.driver),
             replay = takes_replay(out.driver);
  out.address = read_address(item, out.driver);
  out.username = key_for(item, "username", login, out.driver).text();
  out.password_file = key_for(item, "password_file", login, out.driver).text();
  out.client_id = key_for(item, "client_id", login, out.driver).text();
  out.topics = read_topics(item, out.driver);
  out.poll_interval = read_duration(key_for(item, "poll_interval", polls, out.driver),
                                    out.poll_interval, kMinPollInterval, kMaxPollInterval);
  out.speed = key_for(item, "speed", replay, out.driver).number(out.speed, 0, kMaxSpeed);
  Yaml loop = key_for(item, "loop", replay, out.driver);
  out.loop = loop.boolean();
  if (out.loop && out.speed == 0) loop.mistake("a loop needs a speed above 0");
  out.time_column = key_for(item, "time_column", replay, out.driver).text();
  return out;
}

// --- Datastreams
// ----------------------------------------------------------------------------------

sensing::Location read_location(Yaml at) {
  sensing::Location out;
  out.latitude = at.required("latitude").number(0, -90, 90);
  out.longitude = at.required("longitude").number(0, -180, 180);
  out.altitude_m = at.optional("altitude_m").number(0, -12'000, 100'000);
  return out;
}

sensing::Sensor read_sensor(Yaml at) {
  sensing::Sensor out;
  const auto read = [&](const char* key, std::string sensing::Sensor::*field) {
    Yaml value = at.optional(key);
    out.*field = value.text();
    check_field(value, [&](Datastream& probe) { probe.sensor.*field = out.*field; });
  };
  read("name", &sensing::Sensor::name);
  read("model", &sensing::Sensor::model);
  read("serial", &sensing::Sensor::serial);
  return out;
}

sensing::Calibration read_calibration(Yaml at) {
  sensing::Calibration out;
  Yaml scale = at.optional("scale");
  out.scale = scale.number(1);
  check_field(scale, [&](Datastream& probe) { probe.calibration.scale = out.scale; });
  out.offset = at.optional("offset").number(0);
  Yaml date = at.optional("date");
  out.date = date.text();
  check_field(date, [&](Datastream& probe) { probe.calibration.date = out.date; });
  Yaml certificate = at.optional("certificate");
  out.certificate = certificate.text();
  check_field(certificate,
              [&](Datastream& probe) { probe.calibration.certificate = out.certificate; });
  return out;
}

// [least, most]; "none" leaves a side open.
void read_range(Yaml at, Datastream& out) {
  if (!at.present()) return;
  auto sides = at.items();
  if (sides.size() != 2) {
    if (at.is_list()) at.mistake("expected [least, most], like [0, 16] or [0, none]");
    return;
  }
  const auto side = [](Yaml& value) -> std::optional<double> {
    if (value.is_scalar() && value.text() == "none") return std::nullopt;
    return value.number();
  };
  out.least = side(sides[0]);
  out.most = side(sides[1]);
  if (out.least && out.most && *out.least > *out.most) {
    at.mistake("the least is greater than the most: no value would be good");
  }
}

class Reader {
 public:
  Reader(Yaml root, const Desired& base) : root_(std::move(root)), base_(base), out_(base) {}

  base::Result<Desired> read() {
    root_.optional("site").text();
    read_defaults();
    read_sources();
    read_datastreams();
    read_webhook();
    read_models();
    out_.commit_interval = read_duration(root_.optional("commit_interval"), out_.commit_interval,
                                         kMinCommitInterval, kMaxCommitInterval);
    if (Yaml list = root_.optional("carriers"); list.present()) out_.carriers = read_carriers(list);
    read_bindings();
    if (root_.mistakes().empty()) expect(root_, valid(out_));  // what no place was found for
    LANDER_TRY(root_.finish());
    return std::move(out_);
  }

 private:
  void read_defaults() {
    Yaml asset = root_.optional("asset");
    asset_ = asset.text();
    if (asset.present()) expect(asset, sensing::valid_asset(asset_));
    if (Yaml location = root_.optional("location"); location.present()) {
      location_ = read_location(location);
    }
  }

  void read_sources() {
    Yaml list = root_.optional("sources");
    if (!list.present()) return;
    out_.sources.clear();
    Ids ids("source");
    for (Yaml& item : bounded_items(list, kMaxSources, "sources")) {
      out_.sources.push_back(read_source(item, ids));
    }
    if (root_.optional("datastreams").present()) return;
    for (const Datastream& kept : out_.datastreams) {
      if (find_source(kept.binding.source) != nullptr) continue;
      list.mistake("datastream " + quoted(kept.id) + " needs source " +
                   quoted(kept.binding.source) +
                   ", which this file takes away; keep the source, or declare datastreams too");
    }
  }

  void read_datastreams() {
    Yaml list = root_.optional("datastreams");
    if (!list.present()) return;
    out_.datastreams.clear();
    Ids ids("datastream");
    for (Yaml& item : bounded_items(list, kMaxDatastreams, "datastreams")) {
      out_.datastreams.push_back(read_datastream(item, ids));
    }
  }

  Datastream read_datastream(Yaml item, Ids& ids) {
    Datastream out;
    out.id = ids.read(item);
    out.name = read_text(item.optional("name"), &Datastream::name);
    out.asset = read_asset(item);
    out.property = read_text(item.required("property"), &Datastream::property);
    out.kind = static_cast<Kind>(item.optional("kind").one_of(kKinds));
    const bool measured = sensing::has_unit(out.kind);
    Yaml unit = measured ? item.required("unit") : item.optional("unit");
    out.unit = unit.text("1");
    expect(unit, sensing::valid_unit(out.unit));
    out.sensor = read_sensor(item.optional("sensor"));
    out.calibration = read_calibration(item.optional("calibration"));
    out.location = location_;
    if (Yaml at = item.optional("location"); at.present()) out.location = read_location(at);
    Yaml range = item.optional("range");
    read_range(range, out);
    if (range.present() && out.kind > Kind::kWaveform)
      range.mistake(of_kind(out.kind) + " has no range");
    out.policy = read_policy(item.optional("policy"), out.kind);
    out.binding = read_binding(item.required("from"), out);
    out.revision = revision(out);
    return out;
  }

  std::string read_asset(Yaml& item) {
    Yaml at = asset_.empty() ? item.required("asset") : item.optional("asset");
    const std::string own = at.text();
    if (!at.present() || asset_.empty()) {
      if (at.present()) expect(at, sensing::valid_asset(own));
      return at.present() ? own : asset_;
    }
    const std::string joined = asset_ + "/" + own;
    expect(at, sensing::valid_asset(joined));
    return joined;
  }

  sensing::Binding read_binding(Yaml at, const Datastream& datastream) {
    sensing::Binding out;
    Yaml source = at.required("source");
    out.source = source.text();
    const source::Config* fed_by = find_source(out.source);
    if (source.present() && fed_by == nullptr) {
      source.mistake("source " + quoted(out.source) + " is not declared" +
                     base::suggestion(out.source, source_ids()));
    }
    if (fed_by != nullptr && fed_by->driver != Driver::kMqtt && datastream.kind > Kind::kText) {
      source.mistake("driver " + std::string(to_string(fed_by->driver)) + " brings no " +
                     std::string(sensing::to_string(datastream.kind)) + "s; mqtt does");
    }
    Yaml address = at.required("address");
    out.address = address.text();
    if (fed_by != nullptr) expect(address, valid_address(fed_by->driver, out.address));
    check_field(address, [&](Datastream& probe) { probe.binding.address = out.address; });
    if (datastream.kind == Kind::kObject && out.address.find('#') != std::string::npos) {
      address.mistake("an object is a whole payload: expected a topic without \"#\"");
    }
    out.unit = read_raw_unit(at.optional("unit"), datastream);
    out.time_pointer = read_pointer(at.optional("time"), fed_by);
    out.sequence_pointer = read_pointer(at.optional("sequence"), fed_by);
    out.interval = read_interval(at.optional("interval"), fed_by);
    out.rate_hz = key_for_kind(at, "rate_hz", Kind::kWaveform, datastream).number(0, 1e-3, 1e9);
    Yaml media_type = key_for_kind(at, "media_type", Kind::kObject, datastream);
    out.media_type = media_type.text();
    check_field(media_type, [&](Datastream& probe) { probe.binding.media_type = out.media_type; });
    return out;
  }

  // A key of `from` that only one kind has.
  static Yaml key_for_kind(Yaml& item, const char* key, Kind kind, const Datastream& datastream) {
    Yaml at = item.optional(key);
    if (at.present() && datastream.kind != kind) {
      at.mistake(quoted(key) + " is of kind " + std::string(sensing::to_string(kind)) +
                 " only; this is " + of_kind(datastream.kind));
    }
    return at;
  }

  static std::string read_raw_unit(Yaml at, const Datastream& datastream) {
    std::string unit = at.text();
    if (!at.present()) return unit;
    if (const auto status = sensing::valid_unit(unit); !status.ok()) {
      expect(at, status);
    } else if (sensing::valid_unit(datastream.unit).ok()) {
      const auto conversion = sensing::conversion(unit, datastream.unit);
      if (!conversion.ok()) at.mistake(conversion.error().message());
    }
    if (datastream.kind > Kind::kWaveform) at.mistake(of_kind(datastream.kind) + " has no unit");
    return unit;
  }

  static std::string read_pointer(Yaml at, const source::Config* fed_by) {
    std::string pointer = at.text();
    if (!at.present()) return pointer;
    if (fed_by != nullptr && fed_by->driver != Driver::kMqtt) {
      at.mistake("only driver mqtt has JSON payloads to point into");
    } else if (!pointer.starts_with('/')) {
      at.mistake("expected a JSON pointer like \"/timestamp\", found " + quoted(pointer));
    }
    check_field(at, [&](Datastream& probe) { probe.binding.time_pointer = pointer; });
    return pointer;
  }

  static base::DurationUs read_interval(Yaml at, const source::Config* fed_by) {
    const bool polled = fed_by != nullptr && takes_polls(fed_by->driver);
    const base::DurationUs fallback =
        polled ? std::max(base::kSecond, fed_by->poll_interval) : base::kSecond;
    const base::DurationUs interval = read_duration(at, fallback, base::kMillisecond, base::kDay);
    if (polled && interval < fed_by->poll_interval) {
      at.mistake("faster than source " + quoted(fed_by->id) +
                 " may be asked: its poll_interval is " + base::to_text(fed_by->poll_interval));
    }
    return interval;
  }

  void read_webhook() {
    Yaml at = root_.optional("webhook");
    if (!at.present()) return;
    if (at.is_scalar() && at.text() == "none") {
      out_.webhook.reset();
      return;
    }
    if (!at.is_map()) {
      at.mistake("expected url and least_severity, or none");
      return;
    }
    Webhook out;
    Yaml url = at.required("url");
    out.url = url.text();
    expect(url, valid_webhook(out.url, 0));
    out.least_severity = static_cast<std::uint8_t>(
        at.optional("least_severity").one_of(kSeverities, out.least_severity));
    out_.webhook = std::move(out);
  }

  void read_models() {
    Yaml at = root_.optional("models");
    if (!at.present()) return;
    out_.autonomy = static_cast<Autonomy>(
        at.required("autonomy").one_of(kAutonomies, static_cast<std::size_t>(out_.autonomy)));
  }

  void read_bindings() {
    Yaml at = root_.optional("bindings");
    if (!at.present()) return;
    for (AppAssignment& app : out_.apps) app.pinned.clear();
    for (auto& [name, ports] : at.entries()) {
      const auto app = std::find_if(out_.apps.begin(), out_.apps.end(),
                                    [&, &name = name](const auto& a) { return a.name == name; });
      if (app == out_.apps.end()) {
        ports.mistake("app " + quoted(name) + " is not assigned to this site" +
                      base::suggestion(name, app_names()));
        continue;
      }
      for (auto& [port, datastream] : ports.entries()) {
        app->pinned.push_back({port, datastream.text()});
        if (find_datastream(out_.datastreams, app->pinned.back().datastream) == nullptr) {
          datastream.mistake("datastream " + quoted(app->pinned.back().datastream) +
                             " is not declared" +
                             base::suggestion(app->pinned.back().datastream, datastream_ids()));
        }
      }
    }
  }

  std::uint32_t revision(const Datastream& datastream) const {
    const Datastream* before = find_datastream(base_.datastreams, datastream.id);
    if (before == nullptr) return 1;
    return same_revision(*before, datastream) ? before->revision : before->revision + 1;
  }

  const source::Config* find_source(std::string_view id) const {
    const auto found = std::find_if(out_.sources.begin(), out_.sources.end(),
                                    [&](const auto& s) { return s.id == id; });
    return found == out_.sources.end() ? nullptr : &*found;
  }
  static const Datastream* find_datastream(const std::vector<Datastream>& all,
                                           std::string_view id) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& d) { return d.id == id; });
    return found == all.end() ? nullptr : &*found;
  }
  template <class All, class Name>
  static std::vector<std::string_view> names(const All& all, Name name) {
    std::vector<std::string_view> out;
    for (const auto& one : all) out.emplace_back(one.*name);
    return out;
  }
  std::vector<std::string_view> source_ids() const {
    return names(out_.sources, &source::Config::id);
  }
  std::vector<std::string_view> app_names() const { return names(out_.apps, &AppAssignment::name); }
  std::vector<std::string_view> datastream_ids() const {
    return names(out_.datastreams, &Datastream::id);
  }

  Yaml root_;
  const Desired& base_;
  Desired out_;
  std::string asset_;
  std::optional<sensing::Location> location_;
};

}  // namespace

base::Result<Desired> parse_yaml(std::string_view yaml, std::string file_name,
                                 const Desired& base) {
  LANDER_ASSIGN(Yaml root, Yaml::parse(yaml, std::move(file_name)));
  return Reader(std::move(root), base).read();
}

base::Result<std::string> site_of_yaml(std::string_view yaml, std::string file_name) {
  LANDER_ASSIGN(Yaml root, Yaml::parse(yaml, std::move(file_name)));
  if (!root.is_map()) return std::string();
  return root.optional("site").text();
}

}  // namespace lander::twin
