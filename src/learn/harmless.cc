#include "learn/harmless.h"

#include <algorithm>
#include <cmath>

namespace lander::learn {
namespace {

constexpr std::size_t kLead = 60;  // rows before: averages are where they were when it began
constexpr double kStillMargin = 1.5;
constexpr double kQuietScore = 0.6, kMoved = 0.2;

// Every harmless row with its score; `visit(row, score)`.
template <class Visit>
void each_harmless(const Frames& frames, const model::T2q& p, Visit visit) {
  const std::size_t n = p.inputs();
  model::T2qDetector detector(p);
  for (const auto& [begin, end] : frames.harmless) {
    detector.reset();
    for (std::size_t r = begin - std::min(begin, kLead); r < std::min(end, frames.rows()); ++r) {
      const auto& score = detector.score({&frames.values[r * n], n}, frames.times[r]);
      if (r >= begin && score.valid) visit(r, score.score);
    }
  }
}

double highest(const Frames& frames, const model::T2q& p) {
  double most = 0;
  each_harmless(frames, p, [&](std::size_t, double score) { most = std::max(most, score); });
  return most;
}

}  // namespace

std::vector<double> beyond_limit(const Frames& frames, const model::T2q& p) {
  double most = kHarmlessScore;
  std::size_t worst = frames.rows();
  each_harmless(frames, p, [&](std::size_t r, double score) {
    if (score <= most) return;
    most = score;
    worst = r;
  });
  if (worst == frames.rows()) return {};
  const auto episode = std::find_if(frames.harmless.begin(), frames.harmless.end(),
                                    [&](const auto& e) { return worst < e.second; });
  const std::size_t n = p.inputs(), begin = episode->first - std::min(episode->first, kLead);
  model::T2qDetector detector(p);
  std::vector<double> smoothed(n, 0), before(n, 0);
  double quiet = 0;
  for (std::size_t r = begin; r <= worst; ++r) {
    const auto& score = detector.score({&frames.values[r * n], n}, frames.times[r]);
    for (std::size_t i = 0; i < n; ++i) {
      const double z = (frames.values[r * n + i] - p.centre[i]) / p.scale[i];
      if (!std::isfinite(z)) continue;
      smoothed[i] += p.smoothing * (std::clamp(z, -model::kClip, model::kClip) - smoothed[i]);
    }
    if (!score.valid || score.score > kQuietScore) continue;
    ++quiet;
    for (std::size_t i = 0; i < n; ++i) before[i] += (smoothed[i] - before[i]) / quiet;
  }
  // What moved, and nothing of how the plant happened to run: other faults must stay visible.
  double largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    smoothed[i] -= before[i];
    largest = std::max(largest, std::abs(smoothed[i]));
  }
  for (double& moved : smoothed) moved = std::abs(moved) < kMoved * largest ? 0 : moved;
  return smoothed;
}

void allow_still(const Frames& frames, model::T2q& p) {
  const std::size_t n = p.inputs();
  for (const auto& [begin, end] : frames.harmless) {
    for (std::size_t i = 0; i < n; ++i) {
      double run = 0, last = NAN;
      for (std::size_t r = begin; r < std::min(end, frames.rows()); ++r) {
        const double x = frames.values[r * n + i];
        run = x == last ? run + 1 : 1;
        last = x;
        if (p.frozen_frames[i] > 0)
          p.frozen_frames[i] = std::max(p.frozen_frames[i], kStillMargin * run);
      }
    }
  }
}

double raise_limits(const Frames& frames, model::T2q& p) {
  const double most = highest(frames, p);
  if (most <= kHarmlessScore) return most;
  const double factor = std::min(most / kHarmlessScore, kMostRaised);
  p.t2_limit *= factor * factor;
  p.q_limit *= factor * factor;
  return highest(frames, p);
}

}  // namespace lander::learn
