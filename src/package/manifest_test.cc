#include <gtest/gtest.h>

#include "package/package.h"

namespace lander::package {
namespace {

constexpr std::string_view kApp = R"(app: pump-watch
version: 1.2.0
vendor: acme
title: Pump watch
description: Tells of cavitation.
licence: Apache-2.0
support: help@acme.example
purpose: continuity
ports:
  vibration: {property: vibration, unit: mm/s, asset: pump-1, stale_after: 5s}
  flow: {property: flow-rate, unit: m3/h}
health:
  within: 45s
  min_evaluations: 10
  max_invalid: 3
  max_alerts: 2
pipeline:
  - {node: window, anything: [goes, here]}
)";

std::string with(std::string_view from, std::string_view to) {
  std::string out(kApp);
  const std::size_t at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return out.replace(at, from.size(), to);
}

std::string mistake_in(const std::string& yaml) {
  const auto manifest = parse_manifest(yaml, "app.yaml");
  return manifest.ok() ? "(accepted)" : manifest.error().message();
}

TEST(Manifest, SaysWhatAnAppIsAndNeeds) {
  const auto manifest = parse_manifest(kApp, "app.yaml");
  ASSERT_TRUE(manifest.ok()) << manifest.error().message();
  EXPECT_EQ(manifest->name, "pump-watch");
  EXPECT_EQ(manifest->version, "1.2.0");
  EXPECT_EQ(manifest->vendor, "acme");
  EXPECT_EQ(manifest->title, "Pump watch");
  EXPECT_EQ(manifest->description, "Tells of cavitation.");
  EXPECT_EQ(manifest->licence, "Apache-2.0");
  EXPECT_EQ(manifest->support, "help@acme.example");
  EXPECT_EQ(manifest->purpose, "continuity");
  ASSERT_EQ(manifest->ports.size(), 2u);
  EXPECT_EQ(manifest->ports[0].name, "vibration");
  EXPECT_EQ(manifest->ports[0].property, "vibration");
  EXPECT_EQ(manifest->ports[0].unit, "mm/s");
  EXPECT_EQ(manifest->ports[0].asset, "pump-1");
  EXPECT_EQ(manifest->ports[1].asset, "");
  EXPECT_EQ(manifest->health.within, 45 * base::kSecond);
  EXPECT_EQ(manifest->health.min_evaluations, 10u);
  EXPECT_EQ(manifest->health.max_invalid, 3u);
  EXPECT_EQ(manifest->health.max_alerts, 2u);
  EXPECT_EQ(manifest->yaml, kApp);
}

TEST(Manifest, WithoutAHealthGateHasTheUsualOne) {
  const auto manifest = parse_manifest(
      "app: a\nversion: '1'\nvendor: v\npurpose: availability\n"
      "ports: {x: {property: p, unit: '1'}}\npipeline: []\n",
      "app.yaml");
  ASSERT_TRUE(manifest.ok()) << manifest.error().message();
  EXPECT_EQ(manifest->health.within, 30 * base::kSecond);
  EXPECT_EQ(manifest->health.min_evaluations, 1u);
}

TEST(Manifest, AMistakeIsNamedWithItsPlace) {
  struct Case {
    std::string yaml, expected;
  };
  for (const Case& c : {
           Case{with("app: pump-watch", "app: Pump Watch"), "app.yaml:1:6: "},
           Case{with("version: 1.2.0", "version: [1]"), "app.yaml:2:10: "},
           Case{with("version: 1.2.0", "version: ../1"), "app.yaml:2:10: "},
           Case{with("vendor: acme\n", ""), "missing key \"vendor\""},
           Case{with("purpose: continuity", "purpose: continuty"), "app.yaml:8:10: "},
           Case{with("purpose: continuity", "purpose: continuty"), "\"continuity\""},
           Case{with("unit: mm/s", "unit: furlong"), "app.yaml:10:42: "},
           Case{with("property: flow-rate, ", ""), "missing key \"property\""},
           Case{with("asset: pump-1", "aset: pump-1"), "did you mean \"asset\"?"},
           Case{with("within: 45s", "within: 45"), "app.yaml:13:11: "},
           Case{with("within: 45s", "within: 2d"), "1s to 24h"},
           Case{with("max_alerts: 2", "max_alerts: -2"), "app.yaml:16:15: "},
           Case{with("max_alerts: 2", "max_alert: 2"), "did you mean \"max_alerts\"?"},
           Case{with("stale_after: 5s", "stale_after: soon"), "app.yaml:10:"},
           Case{with("licence:", "license:"), "did you mean \"licence\"?"},
           Case{with("  - {node: window, anything: [goes, here]}", "  node: window"),
                "expected a list of nodes"},
           Case{with("title: Pump watch", "title: Pump watch\ntitle: Twice"), "duplicate key"},
           Case{"", "app.yaml"},
           Case{"- a\n", "expected a map"},
           Case{"app: [", "app.yaml:"},
       }) {
    EXPECT_NE(mistake_in(c.yaml).find(c.expected), std::string::npos)
        << "expected: " << c.expected << "\nfound: " << mistake_in(c.yaml);
  }
}

TEST(Manifest, AllMistakesAreToldAtOnce) {
  std::string yaml = with("app: pump-watch", "app: PUMP");
  yaml.replace(yaml.find("45s"), 3, "abc");
  const std::string message = mistake_in(yaml);
  EXPECT_NE(message.find("app.yaml:1:6"), std::string::npos) << message;
  EXPECT_NE(message.find("app.yaml:13:11"), std::string::npos) << message;
}

TEST(Manifest, HasAtLeastOneAndAtMost64Ports) {
  EXPECT_NE(mistake_in("app: a\nversion: '1'\nvendor: v\npurpose: continuity\nports: {}\n"
                       "pipeline: []\n")
                .find("at least one port"),
            std::string::npos);
  std::string many = "app: a\nversion: '1'\nvendor: v\npurpose: continuity\npipeline: []\nports:\n";
  for (int i = 0; i < 65; ++i) {
    many += "  p" + std::to_string(i) + ": {property: p, unit: '1'}\n";
  }
  EXPECT_NE(mistake_in(many).find("at most 64 ports"), std::string::npos) << mistake_in(many);
}

}  // namespace
}  // namespace lander::package
