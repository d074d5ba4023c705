#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stream/pipeline.h"

namespace lander::stream {
namespace {

const std::string kHead = R"(app: test
version: 1.0.0
health: {within: 30s, max_alerts: 5}
ports:
  v: {property: vibration, unit: mm/s}
  flow: {property: flow-rate, unit: m3/h, stale_after: 5s}
pipeline:
)";
const std::string kGood = R"(  - rule: {name: high, when: v > 7}
  - alert: {rule: high, title: High, severity: high}
)";

std::string parse(const std::string& text) {
  auto yaml = base::Yaml::parse(text, "app.yaml");
  if (!yaml.ok()) return yaml.error().message();
  auto spec = Spec::parse(*yaml);
  return spec.ok() ? "ok" : spec.error().message();
}

TEST(Spec, AWholeAppFileIsReadAndWhatBelongsToTheManifestIsPassedOver) {
  EXPECT_EQ(parse(kHead + kGood), "ok");
  auto yaml = base::Yaml::parse(kHead + kGood, "app.yaml");
  auto spec = Spec::parse(*yaml);
  ASSERT_TRUE(spec.ok());
  ASSERT_EQ((*spec)->ports().size(), 2u);
  EXPECT_EQ((*spec)->ports()[0].stale_after, 10 * base::kSecond);
  EXPECT_EQ((*spec)->ports()[1].stale_after, 5 * base::kSecond);
}

TEST(Spec, EveryMistakeIsToldWithItsLineAndColumn) {
  struct Case {
    std::string nodes, expected;
  };
  const std::vector<Case> table = {
      {"  - windw: {name: w, of: v, over: 5s, stat: mean}\n" + kGood,
       "app.yaml:8:5: no node of kind \"windw\"; did you mean \"window\"?"},
      {"  - window: {name: w, of: vv, over: 5s, stat: mean}\n" + kGood,
       "app.yaml:8:27: no port or earlier node has the name \"vv\""},
      {"  - window: {name: w, of: v, over: 5s, stat: median}\n" + kGood, "app.yaml:8:46:"},
      {"  - window: {name: w, of: v, over: 0s, stat: mean}\n" + kGood,
       "app.yaml:8:36: expected a duration from 1ms to 24h"},
      {"  - window: {name: w, of: v, over: 5 parsecs, stat: mean}\n" + kGood, "app.yaml:8:36:"},
      {"  - window: {name: w, of: v, stat: mean}\n" + kGood, "app.yaml:8:13: missing key \"over\""},
      {"  - window: {name: w, of: v, over: 5s, stat: mean, stats: 1}\n" + kGood,
       "unknown key \"stats\""},
      {"  - let: {name: v, is: 1}\n" + kGood, "app.yaml:8:17: the name \"v\" is taken already"},
      {"  - let: {name: V-x, is: 1}\n" + kGood, "app.yaml:8:17: name \"V-x\" is no name"},
      {"  - let: {name: min, is: 1}\n" + kGood, "app.yaml:8:17: name \"min\" is a word"},
      {"  - let: {name: x, is: \"v +\"}\n" + kGood,
       "app.yaml:8:24: expected a number, a name or \"(\" at character 4 of the expression"},
      {"  - let: {name: x, is: y}\n  - let: {name: y, is: 1}\n" + kGood,
       "app.yaml:8:24: no port or earlier node has the name \"y\""},
      {"  - let: {name: x, is: 1}\n    rule: {name: y, when: 1}\n" + kGood,
       "app.yaml:8:5: expected exactly one of window, let, model, rule, alert; found 2 keys"},
      {"  - let\n" + kGood, "app.yaml:8:5: expected a map"},
      {kGood + "  - alert: {rule: high, title: Again, severity: low}\n",
       "app.yaml:10:19: rule \"high\" has an alert already"},
      {kGood + "  - alert: {rule: higher, title: X, severity: low}\n",
       "app.yaml:10:19: no earlier rule has the name \"higher\""},
      {"  - rule: {name: r, when: v > 1}\n  - alert: {rule: r, title: X, severity: loud}\n",
       "app.yaml:9:42: unknown value \"loud\""},
      {"  - rule: {name: r, when: v > 1}\n  - alert: {rule: r, title: X, detail: \"{w}\", "
       "severity: low}\n",
       "app.yaml:9:40: no port or earlier node has the name \"w\"; at character 2 of the text"},
      {"  - rule: {name: r, when: v > 1}\n  - alert: {rule: r, title: X, detail: \"{v:.2e}\", "
       "severity: low}\n",
       "expected .0f to .9f"},
      {"  - rule: {name: r, when: v > 1}\n  - alert: {rule: r, title: X, severity: low, causes: "
       "[r]}\n",
       "app.yaml:9:56: a cause must be a port"},
      {"  - rule: {name: r, when: v > 1}\n", "app.yaml:8:3: expected at least one alert"},
      {"  - rule: {name: r, when: v > 1, for: 2d}\n  - alert: {rule: r, title: X, severity: low}\n",
       "app.yaml:8:39: expected a duration from 0s to 24h"},
      {"  - model: {name: m, file: none.lmod, inputs: [v]}\n" + kGood,
       "app.yaml:8:28: the package has no file \"none.lmod\""},
  };
  for (const Case& one : table) {
    const std::string found = parse(kHead + one.nodes);
    EXPECT_NE(found.find(one.expected), std::string::npos) << one.nodes << "gave: " << found;
  }
}

TEST(Spec, MistakesOfPortsAreToldToo) {
  const std::string pipeline = "pipeline:\n" + kGood;
  const auto ports = [&](const std::string& text) { return parse("ports:\n" + text + pipeline); };
  EXPECT_EQ(ports("  v: {property: vibration, unit: mm/s}\n"), "ok");
  EXPECT_NE(ports("  v: {property: vibration, unit: furlong}\n").find("app.yaml:2:34:"),
            std::string::npos);
  EXPECT_NE(ports("  v: {unit: mm/s}\n").find("app.yaml:2:6: missing key \"property\""),
            std::string::npos);
  EXPECT_NE(
      ports("  v: {property: vibration, unit: mm/s, asst: x}\n").find("did you mean \"asset\""),
      std::string::npos);
  EXPECT_NE(ports("  suction-pressure: {property: pressure, unit: bar}\n").find("is no name"),
            std::string::npos);
  EXPECT_NE(parse(pipeline).find("missing key \"ports\""), std::string::npos);
  EXPECT_NE(parse("ports: {}\n" + pipeline).find("expected at least one port"), std::string::npos);
  EXPECT_NE(parse("[]").find("expected a map"), std::string::npos);
  EXPECT_NE(parse(kHead + kGood + "colour: red\n").find("unknown key \"colour\""),
            std::string::npos);
}

TEST(Spec, AllMistakesOfAFileAreToldAtOnce) {
  const std::string found =
      parse(kHead + "  - let: {name: x, is: y}\n  - rule: {name: r, when: \"v >\"}\n");
  EXPECT_NE(found.find("app.yaml:8:"), std::string::npos);
  EXPECT_NE(found.find("app.yaml:9:"), std::string::npos);
}

TEST(Spec, NumbersOfPortsAndNodesAreBounded) {
  std::string many = "ports:\n";
  for (int i = 0; i < 65; ++i) {
    many += "  p" + std::to_string(i) + ": {property: x, unit: \"1\"}\n";
  }
  EXPECT_NE(parse(many + "pipeline: []\n").find("over 64 ports"), std::string::npos);
  many = kHead;
  for (int i = 0; i < 130; ++i) many += "  - let: {name: n" + std::to_string(i) + ", is: 1}\n";
  EXPECT_NE(parse(many).find("over 128 nodes"), std::string::npos);
}

TEST(Spec, EveryTruncationIsRefusedOrReadButNeverCrashes) {
  const std::string text = kHead + "  - window: {name: w, of: v, over: 5s, stat: p95}\n" + kGood;
  for (std::size_t n = 0; n < text.size(); ++n) parse(text.substr(0, n));
}

}  // namespace
}  // namespace lander::stream
