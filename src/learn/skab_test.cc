// A real pump loop with real faults (SKAB 0.9): trained on each run's first 400 rows, scored on the
// rest.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "learn/learn.h"

namespace lander::learn {
namespace {

constexpr std::size_t kTrainRows = 400, kInputs = 8;

struct Run {
  std::vector<double> values;  // rows x 8
  std::vector<bool> anomaly;
};

std::filesystem::path skab() { return "../shared/data/skab"; }

Run read_run(const std::string& name) {
  Run run;
  std::ifstream file(skab() / name);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::stringstream cells(line);
    std::string cell;
    std::getline(cells, cell, ';');
    for (std::size_t i = 0; i < kInputs; ++i) {
      std::getline(cells, cell, ';');
      run.values.push_back(std::strtod(cell.c_str(), nullptr));
    }
    std::getline(cells, cell, ';');
    run.anomaly.push_back(std::strtod(cell.c_str(), nullptr) > 0.5);
  }
  return run;
}

struct Counts {
  double hit = 0, miss = 0, false_alarm = 0, quiet = 0;
  void add(bool truth, bool alarm) {
    ++(truth ? (alarm ? hit : miss) : (alarm ? false_alarm : quiet));
  }
  double f1() const { return 2 * hit / (2 * hit + miss + false_alarm); }
  double far() const { return false_alarm / (false_alarm + quiet); }
  double mar() const { return miss / (hit + miss); }
};

// The scores of the rows after the first 400, by the model of the first 400.
std::vector<double> scores_of(const Run& run) {
  Frames frames;
  for (std::size_t i = 0; i < kInputs; ++i) {
    frames.inputs.push_back({"input-" + std::to_string(i), 1, "value", "1", 0, 0});
  }
  // A few seconds are missing from the recordings; a site would hold the last values over them.
  for (std::size_t r = 0; r < kTrainRows; ++r) {
    frames.times.push_back(static_cast<base::TimeUs>(r) * base::kSecond);
  }
  frames.values.assign(run.values.begin(), run.values.begin() + kTrainRows * kInputs);
  Request request;
  request.asset = "skab";
  auto model = train(frames, request);
  std::vector<double> scores;
  EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().message());
  if (!model.ok()) return scores;
  auto detector = std::move(*model::make_detector(*model));
  for (std::size_t r = 0; r < run.anomaly.size(); ++r) {
    const double score = detector
                             ->score({&run.values[r * kInputs], kInputs},
                                     static_cast<base::TimeUs>(r) * base::kSecond)
                             .score;
    if (r >= kTrainRows) scores.push_back(score);
  }
  return scores;
}

struct Scored {
  std::vector<double> scores;
  std::vector<bool> anomaly;
};

std::vector<Scored> score_all() {
  std::vector<Scored> all;
  for (const auto& [folder, first, last] :
       {std::tuple("valve1", 0, 15), std::tuple("valve2", 0, 3), std::tuple("other", 1, 14)}) {
    for (int i = first; i <= last; ++i) {
      const Run run = read_run(std::string(folder) + "/" + std::to_string(i) + ".csv");
      all.push_back({scores_of(run), {run.anomaly.begin() + kTrainRows, run.anomaly.end()}});
    }
  }
  return all;
}

void count(const Scored& scored, double threshold, Counts& counts) {
  for (std::size_t r = 0; r < scored.scores.size(); ++r) {
    counts.add(scored.anomaly[r], scored.scores[r] >= threshold);
  }
}

// Best on all runs but one: the run that is judged has no say in it.
double threshold_without(const std::vector<Scored>& all, std::size_t left_out) {
  double best = 0, threshold = 1;
  for (double candidate = 0.02; candidate < 2; candidate *= 1.05) {
    Counts counts;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i != left_out) count(all[i], candidate, counts);
    }
    if (counts.f1() > best) best = counts.f1(), threshold = candidate;
  }
  return threshold;
}

void print(const char* what, const Counts& counts) {
  std::printf("SKAB, %-38s F1 %.3f  FAR %4.1f %%  MAR %4.1f %%\n", what, counts.f1(),
              100 * counts.far(), 100 * counts.mar());
}

// Two operating points of one score, and they are judged apart. At the limit of the monthly budget
// it must be quiet. A benchmark, where an error on either side costs the same, wants a lower
// threshold: leave-one-file-out over all 34 runs. Frames count one by one; nothing is
// point-adjusted.
TEST(Skab, TheScoreBeatsAlarmingAlwaysAndTheMonthlyLimitIsQuiet) {
  if (!std::filesystem::exists(skab() / "valve1/0.csv")) {
    GTEST_SKIP() << "no SKAB recordings in ../shared/data/skab";
  }
  const std::vector<Scored> all = score_all();
  Counts always, scored, alarm;
  for (std::size_t i = 0; i < all.size(); ++i) {
    count(all[i], 0, always);
    count(all[i], threshold_without(all, i), scored);
    count(all[i], 1, alarm);
  }
  print("always alarming", always);
  print("score, threshold from the other runs", scored);
  print("alarm at a budget of one in 30 days", alarm);
  EXPECT_GT(scored.f1(), always.f1());
  EXPECT_LT(alarm.far(), 0.10);  // these runs drift on past their first 400 rows without a fault
}

}  // namespace
}  // namespace lander::learn
