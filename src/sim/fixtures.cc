#include "sim/fixtures.h"

#include "learn/learn.h"
#include "package/package.h"
#include "sim/keys.h"
#include "trust/trust.h"

namespace lander::sim {
namespace {

std::string datastream(const std::string& id, const std::string& what, const std::string& serial,
                       const std::string& uplink) {
  return "  - {id: " + id + ", asset: pump-1, " + what + ", sensor: {name: S, serial: \"" + serial +
         "\"}, policy: {uplink: " + uplink + "}, from: {source: broker, address: \"pump/" + id +
         "\", interval: 1m}}\n";
}

std::string manifest(const std::string& version) {
  const bool bad = version == "2.0.0", unbound = version == "3.0.0";
  std::string out = "app: " + std::string(kApp) + "\nversion: " + version +
                    "\nvendor: maker\npurpose: continuity\nports:\n"
                    "  vibration: {property: vibration, unit: mm/s, stale_after: 5m}\n"
                    "  pressure: {property: pressure, unit: bar, stale_after: 5m}\n";
  if (unbound) out += "  humidity: {property: humidity, unit: \"%\"}\n";
  out +=
      "health: {within: 5m, min_evaluations: 2, max_invalid: 20, max_alerts: 1}\n"
      "pipeline:\n"
      "  - rule: {name: worn, when: vibration > 6, for: 1m, clear: vibration < 5, clear_for: 1m}\n"
      "  - alert: {rule: worn, title: Bearing wear, detail: \"{vibration:.1f} mm/s\","
      " severity: high, causes: [vibration]}\n";
  for (int i = 0; bad && i < 3; ++i) {
    const std::string name = "shout" + std::to_string(i);
    out += "  - rule: {name: " + name +
           ", when: pressure > 0, for: 1s}\n  - alert: {rule: " + name +
           ", title: Pressure, detail: high, severity: low, causes: [pressure]}\n";
  }
  return out;
}

base::Bytes package_of(const std::string& version, const crypto::PrivateKey& signer) {
  const auto parsed = package::parse_manifest(manifest(version), "app.yaml");
  LANDER_CHECK(parsed.ok());
  const auto packed = package::pack(*parsed, {});
  LANDER_CHECK(packed.ok());
  auto out = package::sign(*packed, signer);
  LANDER_CHECK(out.ok());
  return *out;
}

model::Model train(SimRandom& random) {
  learn::Frames frames;
  frames.inputs = {{"pressure", 1, "pressure", "bar", 0, 0},
                   {"vibration", 1, "vibration", "mm/s", 0, 0}};
  for (int row = 0; row < 4000; ++row) {
    frames.times.push_back(1'790'000'000 * base::kSecond + row * base::kSecond);
    const double shared = random.unit();
    frames.values.push_back(4.5 + 0.5 * shared + 0.1 * random.unit());
    frames.values.push_back(2.0 + 0.5 * shared + 0.1 * random.unit());
  }
  learn::Request request;
  request.asset = kAsset;
  request.trained_by = "sim";
  request.now = frames.times.back();
  auto model = learn::train(frames, request);
  LANDER_CHECK(model.ok());
  return *model;
}

}  // namespace

std::string desired_yaml(SimRandom& random) {
  const auto serial = [&] { return std::to_string(random.below(10) == 0 ? random.below(3) : 0); };
  const auto uplink = [&] {
    return random.chance(0.7) ? "summary" : random.chance(0.5) ? "raw" : "never";
  };
  std::string out =
      "asset: acme/plant\n"
      "sources:\n"
      "  - {id: broker, driver: mqtt, address: \"broker:1883\"}\n"
      "carriers:\n"
      "  - {id: " +
      std::string(kBroker) +
      ", type: mqtt, settings: {url: \"mqtt://broker:1883\"}}\n"
      "  - {id: " +
      std::string(kSatellite) +
      ", type: short-message, price: 0.001, bytes_a_day: "
      "20000, delay: 10s, settings: {device: /dev/ttyUSB0, address: \"300234010753370\"}}\n"
      "datastreams:\n";
  out += datastream(kCounter, "property: count, unit: \"1\", kind: integer", serial(), "raw");
  out += datastream("vibration", "property: vibration, unit: mm/s", serial(), uplink());
  if (random.chance(0.9))
    out += datastream("pressure", "property: pressure, unit: bar", "0", "summary");
  if (random.chance(0.5)) {
    out += datastream("temperature", "property: temperature, unit: Cel", serial(), uplink());
  }
  out += datastream(kSecret, "property: recipe, unit: \"1\"", "0", "never");
  return out;
}

std::string small_yaml(SimRandom& random) {
  if (random.chance(0.3)) {
    return "commit_interval: " + std::to_string(random.between(1, 60)) + "s\n";
  }
  if (random.chance(0.3)) return "webhook: none\n";
  static constexpr const char* kSeverities[] = {"low", "medium", "high", "critical"};
  return std::string("webhook: {url: \"http://127.0.0.1:9/\", least_severity: ") +
         kSeverities[random.below(4)] + "}\n";
}

Fixtures::Fixtures(SimRandom& random)
    : root(make_key(crypto::KeyType::kEd25519, random)),
      vendor(make_key(crypto::KeyType::kEd25519, random)),
      stranger(make_key(crypto::KeyType::kEd25519, random)),
      model(train(random)) {
  trust::Document document;
  document.version = 1;
  document.signers.push_back({"maker", vendor.public_key().to_der(), {"*"}});
  auto signed_document = trust::sign(document, root);
  LANDER_CHECK(signed_document.ok());
  trust_document = *signed_document;
  for (const char* version : {"1.0.0", "1.1.0", "2.0.0", "3.0.0"}) {
    packages[version] = package_of(version, vendor);
  }
  untrusted_package = package_of("1.0.1", stranger);
}

}  // namespace lander::sim
