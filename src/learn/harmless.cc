#include "learn/harmless.h"

#include <algorithm>
#include <cmath>

namespace lander::learn {
namespace {

constexpr std::size_t kLead = 180;  // rows before: averages are where they were when it began
constexpr double kStillMargin = 1.5;
constexpr double kQuiet = 0.6;  // of the pattern's limit
constexpr double kMoved = 0.2;  // of the largest move: less is how the plant happened to run

struct Episode {
  Stretch rows;       // with what led up to it
  std::size_t first;  // that is harmless
};

std::vector<Episode> episodes_of(const Frames& frames) {
  std::vector<Episode> out;
  for (const auto& [begin, end] : frames.harmless) {
    const std::size_t last = out.empty() ? 0 : out.back().rows.end;
    const std::size_t first = std::max(begin, last), stop = std::min(end, frames.rows());
    if (first >= stop) continue;
    out.push_back({{std::max(last, first - std::min(first, kLead)), stop}, first});
  }
  return out;
}

// `begin(episode)`, then `visit(row, values)` for each of its rows, what led up to it too.
template <class Begin, class Visit>
void each_episode(const Frames& frames, const std::vector<std::size_t>& used,
                  const std::vector<Episode>& episodes, Begin begin, Visit visit) {
  std::vector<Stretch> stretches;
  for (const Episode& episode : episodes) stretches.push_back(episode.rows);
  std::size_t next = 0;
  each_row(frames, used, stretches, [&](std::size_t row, const double* values) {
    if (next < episodes.size() && row == episodes[next].rows.begin) begin(episodes[next++]);
    visit(row, values);
  });
}

}  // namespace

std::vector<Stretch> without_harmless(const Frames& frames, const std::vector<Stretch>& stretches) {
  std::vector<Stretch> out;
  for (Stretch rest : stretches) {
    for (const auto& [begin, end] : frames.harmless) {
      if (end <= rest.begin || begin >= rest.end) continue;
      if (begin > rest.begin) out.push_back({rest.begin, begin});
      rest.begin = std::min(end, rest.end);
    }
    if (rest.rows() > 0) out.push_back(rest);
  }
  return out;
}

std::vector<double> beyond_limit(const Frames& frames, const std::vector<std::size_t>& used,
                                 const model::Mewma& p) {
  const std::size_t n = used.size();
  const std::vector<Episode> episodes = episodes_of(frames);
  model::MewmaDetector detector(p);
  std::vector<double> average(n), before(n), worst;
  std::size_t first = 0;
  double quiet = 0, most = kHarmlessScore;
  const auto begin = [&](const Episode& episode) {
    detector.reset();
    average = p.mean;
    before = p.mean;
    quiet = 0;
    first = episode.first;
  };
  each_episode(frames, used, episodes, begin, [&](std::size_t row, const double* values) {
    const bool valid = detector.score({values, n}, frames.times[row]).valid;
    for (std::size_t i = 0; i < n; ++i) {
      const double z = model::squash((values[i] - p.centre[i]) / p.scale[i]);
      if (std::isfinite(z)) average[i] += p.fast * (z - average[i]);
    }
    if (!valid) return;
    const double pattern = detector.pattern() / p.pattern.at;
    if (pattern < kQuiet) {
      ++quiet;
      for (std::size_t i = 0; i < n; ++i) before[i] += (average[i] - before[i]) / quiet;
    }
    if (row < first || pattern <= most) return;
    most = pattern;
    worst = average;
    for (std::size_t i = 0; i < n; ++i) worst[i] -= before[i];
  });
  double largest = 0;
  for (const double moved : worst) largest = std::max(largest, std::abs(moved));
  for (double& moved : worst) moved = std::abs(moved) < kMoved * largest ? 0 : moved;
  return worst;
}

double allow_harmless(const Frames& frames, const std::vector<std::size_t>& used, model::Mewma& p) {
  const std::size_t n = used.size();
  const std::vector<Episode> episodes = episodes_of(frames);
  if (episodes.empty()) return 0;
  std::vector<double> slow, run(n), last(n);
  double most = 0;
  std::size_t first = 0;
  model::MewmaDetector detector(p);
  each_episode(
      frames, used, episodes,
      [&](const Episode& episode) {
        detector.reset();
        slow = p.middle;
        std::fill(run.begin(), run.end(), 0.0);
        std::fill(last.begin(), last.end(), NAN);
        first = episode.first;
      },
      [&](std::size_t row, const double* values) {
        if (detector.score({values, n}, frames.times[row]).valid && row >= first)
          most = std::max(most, detector.pattern() / p.pattern.at);
        for (std::size_t i = 0; i < n; ++i) {
          if (!std::isfinite(values[i])) continue;
          run[i] = values[i] == last[i] ? run[i] + 1 : 1;
          last[i] = values[i];
          slow[i] += p.slow * (values[i] - slow[i]);
          if (row < first) continue;
          const double away = std::abs(slow[i] - p.middle[i]) / (kHarmlessScore * p.level.at);
          p.tolerance[i] = std::max(p.tolerance[i], away);
          if (p.frozen_frames[i] > 0)
            p.frozen_frames[i] = std::max(p.frozen_frames[i], kStillMargin * run[i]);
        }
      });
  if (most > kHarmlessScore) p.pattern.at *= std::min(most / kHarmlessScore, kMostRaised);
  model::MewmaDetector after(p);
  double highest = 0;
  each_episode(
      frames, used, episodes,
      [&](const Episode& episode) {
        after.reset();
        first = episode.first;
      },
      [&](std::size_t row, const double* values) {
        const model::Score& score = after.score({values, n}, frames.times[row]);
        if (row >= first && score.valid) highest = std::max(highest, score.score);
      });
  return highest;
}

}  // namespace lander::learn
