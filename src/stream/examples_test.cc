// The example apps do what their titles say: quiet on a healthy pump, loud on a sick one.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "stream/pipeline.h"

namespace lander::stream {
namespace {

struct Pump {
  double vibration = 1.5, suction = 0.22, discharge = 3.4, flow = 97, current = 23, bearing = 46,
         valve = 78;
};

std::set<std::string> titles(const std::string& app, const Pump& pump) {
  const auto path = std::filesystem::path("examples/apps") / app / "app.yaml";
  std::ifstream file(path);
  EXPECT_TRUE(file) << path << " is not there: run this in the repository's root";
  std::stringstream text;
  text << file.rdbuf();
  auto yaml = base::Yaml::parse(text.str(), app);
  EXPECT_TRUE(yaml.ok()) << (yaml.ok() ? "" : yaml.error().message());
  auto spec = Spec::parse(*yaml);
  EXPECT_TRUE(spec.ok()) << (spec.ok() ? "" : spec.error().message());
  if (!spec.ok()) return {};
  std::map<std::string, BoundPort> ports;
  std::vector<double> values;
  for (const Port& port : (*spec)->ports()) {
    const auto key = static_cast<sensing::SeriesKey>(values.size() + 1);
    ports[port.name] = {key, port.name, port.unit, "plant/pump-7"};
    values.push_back(port.name == "vibration"             ? pump.vibration
                     : port.name == "suction_pressure"    ? pump.suction
                     : port.name == "discharge_pressure"  ? pump.discharge
                     : port.name == "flow_rate"           ? pump.flow
                     : port.name == "motor_current"       ? pump.current
                     : port.name == "bearing_temperature" ? pump.bearing
                                                          : pump.valve);
  }
  auto pipeline = std::move(*Pipeline::make(*spec, ports));
  std::set<std::string> raised;
  for (int s = 0; s < 60; ++s) {
    const base::TimeUs now = (1'700'000'000 + s) * base::kSecond;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double value = values[i] * (1 + 0.05 * std::sin(s + static_cast<double>(i)));
      pipeline->step({static_cast<sensing::SeriesKey>(i + 1), {}, now, 0, value}, now,
                     [&](const Signal& signal) { raised.insert(signal.info.title); });
    }
  }
  EXPECT_GT(pipeline->health().evaluations, 10u);
  EXPECT_EQ(pipeline->health().invalid_evaluations, 0u);
  return raised;
}

using Titles = std::set<std::string>;

TEST(Examples, PumpWatchIsQuietOnAHealthyPumpAndNamesEachFault) {
  for (const char* app : {"pump-watch", "pump-watch-1.1"}) {
    EXPECT_EQ(titles(app, {}), Titles{}) << app;
    EXPECT_EQ(titles(app, {.vibration = 5.4}), Titles{"High vibration"}) << app;
    EXPECT_EQ(titles(app, {.suction = -0.3, .flow = 76}), Titles{"Cavitation"}) << app;
  }
  EXPECT_EQ(titles("pump-watch-1.1", {.bearing = 88}), Titles{"Hot bearing"});
  EXPECT_EQ(titles("pump-watch-1.1", {.flow = 46, .valve = 40}),
            Titles{"Working against a closing valve"});
}

TEST(Examples, TheBadVersionShoutsOnAHealthyPumpLouderThanItsGateAllows) {
  EXPECT_EQ(titles("pump-watch-v2-bad", {}).size(), 5u);
}

TEST(Examples, TheOneInTheDocumentationIsAccepted) {
  std::ifstream file("docs/formats/pipeline.md");
  ASSERT_TRUE(file) << "run this in the repository's root";
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  const std::size_t begin = all.find("```yaml\n") + 8;
  auto yaml = base::Yaml::parse(all.substr(begin, all.find("```", begin) - begin), "pipeline.md");
  ASSERT_TRUE(yaml.ok()) << yaml.error().message();
  auto spec = Spec::parse(*yaml);
  EXPECT_TRUE(spec.ok()) << spec.error().message();
}

}  // namespace
}  // namespace lander::stream
