// The cost of a trained detector: bench_detectors score | watch | learn [FILE]. bench/detectors.py
// runs it and its rivals.
//
// Data: 16 or 100 inputs that follow four slow loads, with noise, from one seed. `learn` learns 16
// inputs, a frame a second for a week; with FILE it also writes the same frames as raw 32-bit
// floats for the rivals.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>

#include "learn/learn.h"
#include "measure.h"
#include "model/change.h"
#include "model/judge.h"
#include "model/model.h"

using namespace lander;

namespace {

constexpr std::size_t kWeek = 604'800, kLoads = 4;

class Plant {
 public:
  explicit Plant(std::size_t inputs) : random_(1), weights_(inputs * kLoads), loads_(kLoads, 0) {
    for (double& weight : weights_) weight = normal_(random_);
  }
  void next(std::vector<double>& row) {
    for (double& load : loads_) load += -load / 600 + std::sqrt(2.0 / 600) * normal_(random_);
    for (std::size_t i = 0; i < row.size(); ++i) {
      double x = 50 + 0.3 * normal_(random_);
      for (std::size_t k = 0; k < kLoads; ++k) x += weights_[i * kLoads + k] * loads_[k];
      row[i] = x;
    }
  }

 private:
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  std::vector<double> weights_, loads_;
};

learn::Frames frames_of(std::size_t inputs, std::size_t rows, base::DurationUs interval) {
  learn::Frames frames;
  frames.interval = interval;
  for (std::size_t i = 0; i < inputs; ++i) {
    frames.inputs.push_back({"x" + std::to_string(i), 1, "x", "1", 0, 0});
  }
  frames.times.reserve(rows);
  frames.values.reserve(rows * inputs);
  Plant plant(inputs);
  std::vector<double> row(inputs);
  for (std::size_t r = 0; r < rows; ++r) {
    plant.next(row);
    frames.times.push_back(static_cast<base::TimeUs>(r) * interval);
    frames.values.insert(frames.values.end(), row.begin(), row.end());
  }
  return frames;
}

model::Model trained(const learn::Frames& frames) {
  learn::Request request;
  request.asset = "bench";
  return bench::must(learn::train(frames, request));
}

double peak_mb() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// µs a frame of `inputs`, with what a watch does beside: judging, and looking for changes where
// `whole`.
double us_a_frame(std::size_t inputs, base::DurationUs interval, bool whole) {
  const model::Model model = trained(frames_of(inputs, 20'000, interval));
  auto detector = bench::must(model::make_detector(model));
  model::ChangeDetector changes(model::ChangeOptions{inputs});
  model::Judge judge(model::judge_options(interval));
  Plant plant(inputs);
  std::vector<std::vector<double>> rows(1000, std::vector<double>(inputs));
  for (auto& row : rows) plant.next(row);
  constexpr int kRounds = 30;
  int alarms = 0;
  double best = INFINITY;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = bench::Steady::now();
    base::TimeUs time = round * 1000 * interval;
    for (const auto& row : rows) {
      time += interval;
      alarms += judge.step(detector->score(row, time), time);
      if (whole) alarms += changes.step(row, time);
    }
    best = std::min(best, bench::us_since(begin) / static_cast<double>(rows.size()));
  }
  if (alarms < 0) std::puts("");  // what was computed is used
  return best;
}

int learn_a_week(const char* file) {
  const double before = peak_mb();
  learn::Frames frames = frames_of(16, kWeek, base::kSecond);
  if (file) {
    std::FILE* out = std::fopen(file, "wb");
    if (!out) bench::fail(std::string("cannot write ") + file);
    std::fwrite(frames.values.data(), sizeof(float), frames.values.size(), out);
    std::fclose(out);
  }
  const double given = peak_mb();
  const auto begin = bench::Steady::now();
  trained(frames);
  std::printf("{\"seconds\": %.3f, \"start_mb\": %.1f, \"frames_mb\": %.1f, \"peak_mb\": %.1f}\n",
              bench::us_since(begin) / 1e6, before, given, peak_mb());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "score") {
    const double us = us_a_frame(16, base::kSecond, false);
    std::printf("{\"us_a_frame\": %.3f, \"values_per_second\": %.0f}\n", us, 16 / us * 1e6);
    return 0;
  }
  if (what == "watch") {
    const double us = us_a_frame(100, base::kSecond / 10, true);
    std::printf("{\"us_a_frame\": %.3f, \"percent_of_a_core\": %.4f}\n", us, us * 10 / 1e6 * 100);
    return 0;
  }
  if (what == "learn") return learn_a_week(argc > 2 ? argv[2] : nullptr);
  std::fprintf(stderr, "usage: bench_detectors score | watch | learn [FILE]\n");
  return 2;
}
