// What the tests of pipelines share: a bench that feeds one in seconds and keeps what it says.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/t2q.h"
#include "stream/pipeline.h"

namespace lander::stream {

inline constexpr base::TimeUs kStart = 1'700'000'000 * base::kSecond;

inline std::shared_ptr<const Spec> spec_of(const std::string& nodes) {
  const std::string text =
      "ports:\n"
      "  v: {property: vibration, unit: mm/s}\n"
      "  flow: {property: flow-rate, unit: m3/h, stale_after: 5s}\n"
      "pipeline:\n" +
      nodes;
  auto yaml = base::Yaml::parse(text, "app.yaml");
  EXPECT_TRUE(yaml.ok());
  auto spec = Spec::parse(*yaml);
  EXPECT_TRUE(spec.ok()) << (spec.ok() ? "" : spec.error().message());
  return spec.ok() ? *spec : nullptr;
}

inline std::map<std::string, BoundPort> bound() {
  return {{"v", {1, "p7-vib", "m/s", "acme/north/water/pump-7/motor"}},
          {"flow", {2, "p7-flow", "m3/h", "acme/north/water/pump-7"}}};
}

// Drives a pipeline in seconds from kStart and keeps what it says.
struct Bench {
  explicit Bench(const std::string& nodes) {
    auto made = Pipeline::make(spec_of(nodes), bound());
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message());
    pipeline = std::move(*made);
  }
  static base::TimeUs at(double seconds) {
    return kStart + static_cast<base::TimeUs>(seconds * base::kSecond);
  }
  void see(sensing::SeriesKey series, double seconds, double value, double arrives = -1,
           sensing::Quality quality = sensing::Quality::kGood) {
    sensing::Observation observation{series, quality, at(seconds), 0, value};
    pipeline->step(observation, at(arrives < 0 ? seconds : arrives), sink);
  }
  void vibration(double seconds, double mm_per_s) { see(1, seconds, mm_per_s / 1000); }
  void flow(double seconds, double value) { see(2, seconds, value); }
  void tick(double seconds) { pipeline->tick(at(seconds), sink); }

  std::unique_ptr<Pipeline> pipeline;
  std::vector<Signal> signals;
  Pipeline::Sink sink = [this](const Signal& signal) { signals.push_back(signal); };
};

inline const std::string kHigh = R"yaml(
  - rule: {name: high, when: "v > 7.1", for: 3s, clear: "v < 6", clear_for: 10s}
  - alert: {rule: high, title: High vibration, detail: "Vibration {v:.1f} mm/s above 7.1", severity: high, causes: [v]}
)yaml";

inline model::Model two_inputs() {
  model::T2q p;
  p.kept = 1;
  p.smoothing = 1;
  p.t2_limit = 9;
  p.q_limit = 1e9;
  p.centre = {2, 40};
  p.scale = {0.5, 4};
  p.variances = {1, 1};
  p.vectors = {1, 0, 0, 1};
  p.frozen_frames = {0, 0};
  model::Model model;
  model.inputs = {{"p7-vib", 1, "vibration", "mm/s", 0, 4},
                  {"p7-flow", 1, "flow-rate", "m3/h", 30, 50}};
  model.lineage.method = "t2q";
  model.body = model::encode(p);
  return model;
}

struct WatchBench : Bench {
  explicit WatchBench(const std::map<std::string, BoundPort>& ports) : Bench(kHigh) {
    auto made = make_watch(two_inputs(), ports, {"acme/north/water/pump-7", "digest"});
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message());
    pipeline = std::move(*made);
  }
  WatchBench() : WatchBench({{"p7-vib", bound()["v"]}, {"p7-flow", bound()["flow"]}}) {}
  void second(double s, double v, double f) {
    vibration(s, v);
    flow(s, f);
  }
};

}  // namespace lander::stream
