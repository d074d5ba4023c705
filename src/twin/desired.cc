#include <set>

#include "sensing/unit.h"
#include "twin/carriers.h"
#include "twin/codec.h"
#include "twin/source_rules.h"
#include "twin/twin.h"
#include "twin/yaml_policy.h"

namespace lander::twin {
namespace {

constexpr std::uint64_t kFormat = 3;
constexpr std::uint64_t kWithoutModels = 2;    // how one is written whose models do the usual
constexpr std::uint64_t kWithoutCarriers = 1;  // and that has no carriers
constexpr std::size_t kMaxTextBytes = 1024;
constexpr std::size_t kMaxUrlBytes = 2048;
constexpr std::size_t kMaxPins = 64;

base::Error invalid(const std::string& component, const std::string& what) {
  return {base::Code::kInvalid, component + ": " + what};
}

base::Status valid_binding(const sensing::Datastream& datastream,
                           const std::set<std::string>& sources) {
  const std::string component = "datastream/" + datastream.id;
  const auto& binding = datastream.binding;
  if (!sources.contains(binding.source)) {
    return invalid(component, "its source \"" + binding.source + "\" does not exist");
  }
  if (binding.address.empty()) return invalid(component, "it has no address");
  const auto uplink = valid_uplink(datastream.policy.uplink, datastream.kind);
  if (!uplink.ok()) return uplink.error().context(component);
  if (binding.unit.empty()) return {};
  const auto conversion = sensing::conversion(binding.unit, datastream.unit);
  if (!conversion.ok()) return conversion.error().context(component);
  return {};
}

base::Status valid_app(const AppAssignment& app) {
  if (auto id = sensing::valid_id(app.name); !id.ok()) return id.error().context("app");
  const std::string component = "app/" + app.name;
  if (app.version.empty() || app.version.size() > 64 || app.digest.empty() ||
      app.digest.size() > 128) {
    return invalid(component, "expected a version and a digest");
  }
  if (app.pinned.size() > kMaxPins) return invalid(component, "expected at most 64 pinned ports");
  std::set<std::string> ports;
  for (const auto& pin : app.pinned) {
    if (pin.port.empty() || pin.port.size() > 64 || !sensing::valid_id(pin.datastream).ok()) {
      return invalid(component, "a pinned port needs its name and a datastream's id");
    }
    if (!ports.insert(pin.port).second)
      return invalid(component, "port " + pin.port + " is pinned twice");
  }
  return {};
}

void put(base::CborWriter& out, const AppAssignment& app) {
  out.array(4).text(app.name).text(app.version).text(app.digest).array(app.pinned.size());
  for (const auto& pin : app.pinned) out.array(2).text(pin.port).text(pin.datastream);
}

base::Result<source::Config> read_source(base::CborReader& in) {
  source::Config out;
  LANDER_TRY(in.array_of(11, "source"));
  LANDER_ASSIGN(out.id, in.text_of(0, kMaxTextBytes));
  LANDER_ASSIGN(const std::uint8_t driver, in.enumerator(4, "a driver"));
  out.driver = static_cast<source::Driver>(driver);
  LANDER_ASSIGN(out.address, in.text_of(0, kMaxTextBytes));
  LANDER_ASSIGN(out.username, in.text_of(0, kMaxTextBytes));
  LANDER_ASSIGN(out.password_file, in.text_of(0, kMaxTextBytes));
  LANDER_ASSIGN(out.client_id, in.text_of(0, kMaxTextBytes));
  LANDER_ASSIGN(const std::uint64_t topics, in.array_up_to(kMaxTopics, "topics"));
  for (std::uint64_t i = 0; i < topics; ++i) {
    LANDER_ASSIGN(std::string topic, in.text_of(0, kMaxTextBytes));
    out.topics.push_back(std::move(topic));
  }
  LANDER_ASSIGN(out.poll_interval, in.integer());
  LANDER_ASSIGN(out.speed, in.real());
  LANDER_ASSIGN(out.loop, in.boolean());
  LANDER_ASSIGN(out.time_column, in.text_of(0, kMaxTextBytes));
  return out;
}

base::Result<AppAssignment> read_app(base::CborReader& in) {
  AppAssignment out;
  LANDER_TRY(in.array_of(4, "app"));
  LANDER_ASSIGN(out.name, in.text_of(0, kMaxTextBytes));
  LANDER_ASSIGN(out.version, in.text_of(0, kMaxTextBytes));
  LANDER_ASSIGN(out.digest, in.text_of(0, kMaxTextBytes));
  LANDER_ASSIGN(const std::uint64_t pins, in.array_up_to(kMaxPins, "pinned ports"));
  for (std::uint64_t i = 0; i < pins; ++i) {
    package::PortBinding pin;
    LANDER_TRY(in.array_of(2, "pinned port"));
    LANDER_ASSIGN(pin.port, in.text_of(0, kMaxTextBytes));
    LANDER_ASSIGN(pin.datastream, in.text_of(0, kMaxTextBytes));
    out.pinned.push_back(std::move(pin));
  }
  return out;
}

base::Result<std::optional<Webhook>> read_webhook(base::CborReader& in) {
  LANDER_ASSIGN(const base::CborType type, in.peek());
  if (type == base::CborType::kNull) {
    LANDER_TRY(in.null());
    return std::optional<Webhook>();
  }
  Webhook out;
  LANDER_TRY(in.array_of(2, "webhook"));
  LANDER_ASSIGN(out.url, in.text_of(0, kMaxUrlBytes));
  LANDER_ASSIGN(out.least_severity, in.enumerator(4, "a severity"));
  return std::optional(std::move(out));
}

base::Result<Desired> read_desired(base::CborReader& in) {
  Desired out;
  LANDER_ASSIGN(const std::uint64_t fields, in.array());
  if (fields < 10 || fields > 12) return in.corrupt("a desired state of 10 to 12 fields");
  const bool carriers = fields >= 11, models = fields == 12;
  LANDER_ASSIGN(const std::uint64_t format, in.unsigned_integer());
  if (format != fields - 9) {
    return base::Error(base::Code::kUnsupported,
                       "format " + std::to_string(format) + ": made by another version");
  }
  LANDER_ASSIGN(out.revision, in.unsigned_integer());
  LANDER_ASSIGN(const std::uint8_t origin, in.enumerator(2, "an origin"));
  out.origin = static_cast<Origin>(origin);
  LANDER_ASSIGN(out.author, in.text_of(0, kMaxTextBytes));
  LANDER_ASSIGN(out.created, in.integer());
  LANDER_ASSIGN(const std::uint64_t sources, in.array_up_to(kMaxSources, "sources"));
  for (std::uint64_t i = 0; i < sources; ++i) {
    LANDER_ASSIGN(source::Config config, read_source(in));
    out.sources.push_back(std::move(config));
  }
  LANDER_ASSIGN(const std::uint64_t datastreams, in.array_up_to(kMaxDatastreams, "datastreams"));
  for (std::uint64_t i = 0; i < datastreams; ++i) {
    LANDER_ASSIGN(const base::ByteView bytes, in.bytes());
    LANDER_ASSIGN(sensing::Datastream datastream, sensing::decode_datastream(bytes));
    out.datastreams.push_back(std::move(datastream));
  }
  LANDER_ASSIGN(const std::uint64_t apps, in.array_up_to(kMaxApps, "apps"));
  for (std::uint64_t i = 0; i < apps; ++i) {
    LANDER_ASSIGN(AppAssignment app, read_app(in));
    out.apps.push_back(std::move(app));
  }
  LANDER_ASSIGN(out.webhook, read_webhook(in));
  LANDER_ASSIGN(out.commit_interval, in.integer());
  if (carriers) {
    LANDER_ASSIGN(const std::uint64_t count, in.array_up_to(carrier::kMaxCarriers, "carriers"));
    if (count == 0 && !models) return in.corrupt("a carrier");
    for (std::uint64_t i = 0; i < count; ++i) {
      LANDER_ASSIGN(carrier::Config config, read_carrier(in));
      out.carriers.push_back(std::move(config));
    }
  }
  if (models) {
    LANDER_ASSIGN(const std::uint8_t autonomy, in.enumerator(3, "an autonomy"));
    out.autonomy = static_cast<Autonomy>(autonomy);
    if (out.autonomy == Desired().autonomy) return in.corrupt("an autonomy that is not the usual");
  }
  LANDER_TRY(in.end());
  return out;
}

}  // namespace

void put(base::CborWriter& out, const source::Config& config) {
  out.array(11).text(config.id).unsigned_integer(static_cast<std::uint64_t>(config.driver));
  out.text(config.address).text(config.username).text(config.password_file).text(config.client_id);
  out.array(config.topics.size());
  for (const std::string& topic : config.topics) out.text(topic);
  out.integer(config.poll_interval).real(config.speed).boolean(config.loop);
  out.text(config.time_column);
}

bool supersedes(const Desired& a, const Desired& b) {
  if (a.revision != b.revision) return a.revision > b.revision;
  return a.origin == Origin::kHub && b.origin == Origin::kSite;
}

bool same_content(const Desired& a, const Desired& b) {
  Desired as_b = a;
  as_b.revision = b.revision;
  as_b.origin = b.origin;
  as_b.author = b.author;
  as_b.created = b.created;
  return encode(as_b) == encode(b);
}

base::Status valid(const Desired& desired) {
  if (desired.author.size() > kMaxTextBytes)
    return invalid("author", "expected at most 1024 bytes");
  if (desired.sources.size() > kMaxSources || desired.datastreams.size() > kMaxDatastreams ||
      desired.apps.size() > kMaxApps) {
    return invalid("desired state", "expected at most 64 sources, 2000 datastreams and 64 apps");
  }
  std::set<std::string> sources, datastreams, apps;
  for (const auto& config : desired.sources) {
    LANDER_TRY(valid(config));
    if (!sources.insert(config.id).second) return invalid("source/" + config.id, "declared twice");
  }
  for (const auto& datastream : desired.datastreams) {
    LANDER_TRY(sensing::valid(datastream));
    LANDER_TRY(valid_binding(datastream, sources));
    if (!datastreams.insert(datastream.id).second) {
      return invalid("datastream/" + datastream.id, "declared twice");
    }
  }
  for (const auto& app : desired.apps) {
    LANDER_TRY(valid_app(app));
    if (!apps.insert(app.name).second) return invalid("app/" + app.name, "assigned twice");
  }
  if (desired.webhook)
    LANDER_TRY(valid_webhook(desired.webhook->url, desired.webhook->least_severity));
  if (desired.commit_interval < kMinCommitInterval ||
      desired.commit_interval > kMaxCommitInterval) {
    return invalid("commit_interval",
                   "expected 50ms to 60s, found " + base::to_text(desired.commit_interval));
  }
  LANDER_TRY(valid(desired.carriers));
  return {};
}

base::Bytes encode(const Desired& desired) {
  base::CborWriter out;
  const bool models = desired.autonomy != Desired().autonomy;
  const bool carriers = models || !desired.carriers.empty();
  out.array(models ? 12 : carriers ? 11 : 10);
  out.unsigned_integer(models ? kFormat : carriers ? kWithoutModels : kWithoutCarriers);
  out.unsigned_integer(desired.revision);
  out.unsigned_integer(static_cast<std::uint64_t>(desired.origin)).text(desired.author);
  out.integer(desired.created).array(desired.sources.size());
  for (const auto& config : desired.sources) put(out, config);
  out.array(desired.datastreams.size());
  for (const auto& datastream : desired.datastreams) out.bytes(sensing::encode(datastream));
  out.array(desired.apps.size());
  for (const auto& app : desired.apps) put(out, app);
  if (desired.webhook) {
    out.array(2).text(desired.webhook->url).unsigned_integer(desired.webhook->least_severity);
  } else {
    out.null();
  }
  out.integer(desired.commit_interval);
  if (carriers) {
    out.array(desired.carriers.size());
    for (const auto& config : desired.carriers) put(out, config);
  }
  if (models) out.unsigned_integer(static_cast<std::uint64_t>(desired.autonomy));
  return out.take();
}

base::Result<Desired> decode_desired(base::ByteView bytes) {
  base::CborReader in(bytes);
  auto out = read_desired(in);
  if (!out.ok()) return out.error().context("desired state");
  LANDER_TRY(valid(*out));
  return out;
}

}  // namespace lander::twin
