#include <array>

#include "base/suggest.h"
#include "base/yaml.h"
#include "package/names.h"
#include "package/package.h"
#include "sensing/unit.h"

namespace lander::package {
namespace {

constexpr std::array<std::string_view, 2> kPurposes = {"continuity", "availability"};
constexpr std::size_t kMaxPorts = 64;
constexpr std::int64_t kMostCounted = 1'000'000'000;

std::string name_at(base::Yaml node, const char* what) {
  std::string name = node.text();
  if (node.is_scalar() && !valid_app_name(name)) {
    node.mistake("expected the " + std::string(what) +
                 "'s name: a-z 0-9 . _ -, at most 63, found " + base::quoted(name));
  }
  return name;
}

std::string version_at(base::Yaml node) {
  std::string version = node.text();
  constexpr std::string_view kOthers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ.+-";
  if (node.is_scalar() && (version.empty() || version.size() > 32 || version[0] == '.' ||
                           !is_made_of(version, kOthers))) {
    node.mistake("expected a version like 1.4.0, found " + base::quoted(version));
  }
  return version;
}

std::string words_at(base::Yaml node, std::size_t most) {
  if (!node.present()) return {};
  std::string text = node.text();
  if (text.size() > most) {
    node.mistake("expected at most " + std::to_string(most) + " bytes, found " +
                 std::to_string(text.size()));
  }
  return text;
}

PortNeed port_at(const std::string& name, base::Yaml node) {
  PortNeed out;
  out.name = name;
  if (name.empty() || name.size() > 32 || !is_made_of(name, "_-")) {
    node.mistake("expected a port's name of a-z 0-9 _ -, at most 32, found " + base::quoted(name));
  }
  base::Yaml property = node.required("property");
  out.property = words_at(property, 63);
  if (property.is_scalar() && out.property.empty()) {
    property.mistake("expected an observed property like vibration");
  }
  base::Yaml unit = node.required("unit");
  out.unit = words_at(unit, 63);
  if (unit.is_scalar()) {
    if (const auto valid = sensing::valid_unit(out.unit); !valid.ok()) {
      unit.mistake(valid.error().message());
    }
  }
  out.asset = words_at(node.optional("asset"), 255);
  base::Yaml stale_after = node.optional("stale_after");
  if (stale_after.present()) stale_after.duration_us();
  return out;
}

std::vector<PortNeed> ports_at(base::Yaml node) {
  std::vector<PortNeed> out;
  for (auto& [name, port] : node.entries()) {
    if (out.size() == kMaxPorts) {
      node.mistake("expected at most 64 ports");
      break;
    }
    out.push_back(port_at(name, port));
  }
  if (node.is_map() && out.empty()) node.mistake("expected at least one port");
  return out;
}

HealthGate health_at(base::Yaml node) {
  HealthGate out;
  if (!node.present()) return out;
  const auto count = [&](const char* key, std::uint64_t fallback) {
    base::Yaml value = node.optional(key);
    if (!value.present()) return fallback;
    return static_cast<std::uint64_t>(
        value.integer(static_cast<std::int64_t>(fallback), 0, kMostCounted));
  };
  base::Yaml within = node.optional("within");
  if (within.present()) {
    out.within = within.duration_us(out.within);
    if (out.within < base::kSecond || out.within > base::kDay) {
      within.mistake("expected a duration from 1s to 24h");
    }
  }
  out.min_evaluations = count("min_evaluations", out.min_evaluations);
  out.max_invalid = count("max_invalid", out.max_invalid);
  out.max_alerts = count("max_alerts", out.max_alerts);
  return out;
}

}  // namespace

base::Result<Manifest> parse_manifest(std::string_view yaml, std::string file_name) {
  LANDER_ASSIGN(base::Yaml root, base::Yaml::parse(yaml, std::move(file_name)));
  Manifest out;
  out.name = name_at(root.required("app"), "app");
  out.version = version_at(root.required("version"));
  out.vendor = name_at(root.required("vendor"), "vendor");
  out.title = words_at(root.optional("title"), 200);
  out.description = words_at(root.optional("description"), 4'000);
  out.licence = words_at(root.optional("licence"), 200);
  out.support = words_at(root.optional("support"), 200);
  base::Yaml purpose = root.required("purpose");
  if (purpose.present()) out.purpose = kPurposes[purpose.one_of(kPurposes)];
  out.ports = ports_at(root.required("ports"));
  out.health = health_at(root.optional("health"));
  base::Yaml pipeline = root.required("pipeline");
  if (pipeline.present() && !pipeline.is_list()) pipeline.mistake("expected a list of nodes");
  LANDER_TRY(root.finish());
  out.yaml = yaml;
  return out;
}

}  // namespace lander::package
