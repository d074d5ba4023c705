#include "learn/harmless.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Dense>

namespace lander::learn {
namespace {

constexpr std::size_t kLead = 180;  // rows before: averages are where they were when it began
constexpr double kStillMargin = 1.5;
constexpr double kQuiet = 0.5;  // of the pattern's limit: what is left of a frame looks healthy

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

Eigen::Index size_of(std::size_t n) { return static_cast<Eigen::Index>(n); }

// The fewest inputs whose move makes the rest of `away` look healthy, and how far each moved: what
// orthogonal matching pursuit (Pati et al. 1993) picks by the largest reconstruction-based
// contribution. How the plant happened to run has no part in it: other faults must stay visible.
std::vector<double> fewest_moved(const Eigen::VectorXd& away, const model::Mewma& p) {
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Index n = away.size();
  const Eigen::Map<const Rows> whiten(p.whiten.data(), n, n);
  const Eigen::MatrixXd precision = whiten.transpose() * whiten;
  Eigen::VectorXd moved = Eigen::VectorXd::Zero(n);
  std::vector<Eigen::Index> chosen;
  while (static_cast<Eigen::Index>(chosen.size()) < n) {
    const Eigen::VectorXd rest = away - moved, pull = precision * rest;
    if (rest.dot(pull) < kQuiet * kQuiet * p.pattern.at * p.pattern.at) break;
    Eigen::Index best = -1;
    double largest = 0;
    for (Eigen::Index i = 0; i < n; ++i) {
      const double share = pull(i) * pull(i) / precision(i, i);
      if (share <= largest || std::find(chosen.begin(), chosen.end(), i) != chosen.end()) continue;
      largest = share;
      best = i;
    }
    if (best < 0) break;
    chosen.push_back(best);
    const Eigen::VectorXd all = precision * away;
    const auto k = size_of(chosen.size());
    Eigen::MatrixXd among(k, k);
    Eigen::VectorXd of(k);
    for (Eigen::Index a = 0; a < k; ++a) {
      of(a) = all(chosen[static_cast<std::size_t>(a)]);
      for (Eigen::Index b = 0; b < k; ++b)
        among(a, b) =
            precision(chosen[static_cast<std::size_t>(a)], chosen[static_cast<std::size_t>(b)]);
    }
    const Eigen::VectorXd by = among.ldlt().solve(of);
    moved.setZero();
    for (Eigen::Index a = 0; a < k; ++a) moved(chosen[static_cast<std::size_t>(a)]) = by(a);
  }
  return {moved.data(), moved.data() + n};
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
  model::MewmaDetector detector(p);
  std::vector<double> away(n), worst;
  std::size_t first = 0;
  double most = kHarmlessScore;
  const auto begin = [&](const Episode& episode) {
    detector.reset();
    std::fill(away.begin(), away.end(), 0.0);
    first = episode.first;
  };
  each_episode(frames, used, episodes_of(frames), begin, [&](std::size_t row, const double* x) {
    const bool valid = detector.score({x, n}, frames.times[row]).valid;
    for (std::size_t i = 0; i < n; ++i) {
      const double z = model::squash((x[i] - p.centre[i]) / p.scale[i]);
      if (std::isfinite(z)) away[i] += p.fast * (z - p.mean[i] - away[i]);
    }
    const double pattern = detector.pattern() / p.pattern.at;
    if (!valid || row < first || pattern <= most) return;
    most = pattern;
    worst = away;
  });
  if (worst.empty()) return {};
  return fewest_moved(Eigen::Map<const Eigen::VectorXd>(worst.data(), size_of(n)), p);
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
