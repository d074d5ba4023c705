// Training of T²+Q; the method is described in docs/formats/model.md, "How training sets them".
#include <algorithm>
#include <cmath>

#include <Eigen/Dense>

#include "base/check.h"
#include "learn/harmless.h"
#include "learn/inspect.h"
#include "learn/learn.h"
#include "learn/limit.h"
#include "model/t2q.h"

namespace lander::learn {
namespace {

constexpr double kFitShare = 0.65;
constexpr double kWinsor = 5;
constexpr double kLeastVariance = 0.01;
constexpr double kPlaneShare = 0.9;
constexpr double kSmoothing = 0.2;
constexpr double kEmpiricalMargin = 1.1;
constexpr std::size_t kSettle = 10;  // frames until the average has left its start at zero
constexpr double kFrozenBase = 60, kFrozenFactor = 4, kConstantShare = 0.25;

struct Split {
  std::vector<Stretch> fit, held;
};

std::size_t count_rows(const std::vector<Stretch>& stretches) {
  std::size_t rows = 0;
  for (const Stretch& stretch : stretches) rows += stretch.rows();
  return rows;
}

Split split(const std::vector<Stretch>& stretches) {
  Split parts;
  auto left = static_cast<std::size_t>(kFitShare * static_cast<double>(count_rows(stretches)));
  for (const Stretch& stretch : stretches) {
    const std::size_t taken = std::min(left, stretch.rows());
    if (taken > 0) parts.fit.push_back({stretch.begin, stretch.begin + taken});
    if (taken < stretch.rows()) parts.held.push_back({stretch.begin + taken, stretch.end});
    left -= taken;
  }
  return parts;
}

template <class Visit>
void each_row(const std::vector<Stretch>& stretches, Visit visit) {
  for (const Stretch& stretch : stretches) {
    for (std::size_t r = stretch.begin; r < stretch.end; ++r) visit(r);
  }
}

// Robust centre and scale of one input, from the fitted part.
void standardise(const Frames& frames, const std::vector<Stretch>& fit, std::size_t i,
                 double& centre, double& scale) {
  const std::size_t n = frames.inputs.size();
  std::vector<double> values;
  each_row(fit, [&](std::size_t r) { values.push_back(frames.values[r * n + i]); });
  centre = quantile(values, 0.5);
  double sum = 0, squares = 0;
  for (double& value : values) {
    sum += value - centre;
    squares += (value - centre) * (value - centre);
    value = std::abs(value - centre);
  }
  const double count = static_cast<double>(values.size());
  const double deviation =
      std::sqrt(std::max(0.0, squares / count - (sum / count) * (sum / count)));
  const double robust = 1.4826 * quantile(values, 0.5);
  scale = deviation > 4 * robust ? deviation : robust;
  const double noise_of_arithmetic = 1e-9 * std::max(std::abs(centre), 1e-3);
  if (!(scale > noise_of_arithmetic)) scale = std::max(0.01 * std::abs(centre), 1e-6);
}

Eigen::MatrixXd covariance(const Frames& frames, const std::vector<Stretch>& fit, model::T2q& p) {
  const auto n = static_cast<Eigen::Index>(p.inputs());
  Eigen::MatrixXd products = Eigen::MatrixXd::Zero(n, n);
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(n), z(n);
  each_row(fit, [&](std::size_t r) {
    for (Eigen::Index i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const double x = frames.values[r * p.inputs() + at];
      z(i) = std::clamp((x - p.centre[at]) / p.scale[at], -kWinsor, kWinsor);
    }
    sum += z;
    products.selfadjointView<Eigen::Lower>().rankUpdate(z);
  });
  const double count = static_cast<double>(count_rows(fit));
  sum /= count;
  Eigen::MatrixXd result = products.selfadjointView<Eigen::Lower>();
  result = result / count - sum * sum.transpose();
  for (Eigen::Index i = 0; i < n; ++i) {
    // The median was for the clipping; T² is about the mean.
    p.centre[static_cast<std::size_t>(i)] += p.scale[static_cast<std::size_t>(i)] * sum(i);
    if (result(i, i) < 1e-9) result(i, i) = 1;  // a constant input: its scale says what is much
  }
  return result;
}

void set_components(const Eigen::MatrixXd& healthy, model::T2q& p) {
  const auto n = healthy.rows();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(healthy);
  LANDER_CHECK(solver.info() == Eigen::Success);
  const double total = solver.eigenvalues().sum();
  double carried = 0;
  p.kept = 0;
  p.variances.clear();
  p.vectors.clear();
  for (Eigen::Index j = n; j-- > 0;) {  // Eigen sorts ascending
    const double variance = solver.eigenvalues()(j);
    if (carried < kPlaneShare * total) {
      carried += variance;
      ++p.kept;
    }
    p.variances.push_back(std::max(variance, kLeastVariance));
    for (Eigen::Index i = 0; i < n; ++i) p.vectors.push_back(solver.eigenvectors()(i, j));
  }
  // A plane that is everything leaves Q nothing to see; the last component is never in it.
  if (n > 1) p.kept = std::min<std::uint64_t>(p.kept, static_cast<std::uint64_t>(n - 1));
}

void set_frozen(const Frames& frames, const std::vector<Stretch>& usable, model::T2q& p) {
  const std::size_t n = p.inputs();
  for (std::size_t i = 0; i < n; ++i) {
    double longest = 0, run = 0, last = NAN;
    each_row(usable, [&](std::size_t r) {
      const double x = frames.values[r * n + i];
      run = x == last ? run + 1 : 1;
      last = x;
      longest = std::max(longest, run);
    });
    const bool still = longest > kConstantShare * static_cast<double>(count_rows(usable));
    p.frozen_frames.push_back(still ? 0 : kFrozenBase + kFrozenFactor * longest);
  }
}

struct Statistics {
  std::vector<std::vector<double>> t2, q;  // square roots, one series a stretch
};

Statistics statistics(const Frames& frames, const std::vector<Stretch>& held, const model::T2q& p) {
  Statistics result;
  model::T2qDetector detector(p);
  for (const Stretch& stretch : held) {
    detector.reset();
    std::vector<double> t2, q;
    for (std::size_t r = stretch.begin; r < stretch.end; ++r) {
      detector.score({&frames.values[r * p.inputs()], p.inputs()}, frames.times[r]);
      if (r < stretch.begin + kSettle) continue;
      t2.push_back(std::sqrt(detector.t2()));
      q.push_back(std::sqrt(detector.q()));
    }
    result.t2.push_back(std::move(t2));
    result.q.push_back(std::move(q));
  }
  return result;
}

// The squared limit of one statistic for half of the budget. 0: too few blocks to tell.
double limit_of(const std::vector<std::vector<double>>& series, base::DurationUs interval,
                double false_alarms_per_day, std::size_t& blocks) {
  const BlockMaxima sample = block_maxima(series);
  blocks = sample.maxima.size();
  if (blocks < 4) return 0;
  const double blocks_per_day =
      static_cast<double>(base::kDay) /
      (static_cast<double>(sample.frames) * static_cast<double>(interval));
  const double probability = false_alarms_per_day / 2 / blocks_per_day;
  const double seen = *std::max_element(sample.maxima.begin(), sample.maxima.end());
  const double limit =
      std::max(fit_gumbel(sample.maxima).upper_quantile(probability), kEmpiricalMargin * seen);
  return std::clamp(limit * limit, 1e-9, 1e12);
}

double most_score(const Frames& frames, const std::vector<Stretch>& stretches,
                  const model::T2q& p) {
  model::T2qDetector detector(p);
  double most = 0;
  for (const Stretch& stretch : stretches) {
    detector.reset();
    for (std::size_t r = stretch.begin; r < stretch.end; ++r) {
      const std::span<const double> frame(&frames.values[r * p.inputs()], p.inputs());
      most = std::max(most, detector.score(frame, frames.times[r]).score);
    }
  }
  return most;
}

void describe(const Frames& frames, const std::vector<Stretch>& usable, const Request& request,
              model::Model& model) {
  const std::size_t n = frames.inputs.size();
  model.inputs = frames.inputs;
  for (std::size_t i = 0; i < n; ++i) {
    double least = INFINITY, most = -INFINITY;
    each_row(usable, [&](std::size_t r) {
      least = std::min(least, frames.values[r * n + i]);
      most = std::max(most, frames.values[r * n + i]);
    });
    model.inputs[i].least = least;
    model.inputs[i].most = most;
  }
  model.interval = frames.interval;
  model.false_alarms_per_day = request.false_alarms_per_day;
  model::Lineage& lineage = model.lineage;
  lineage.parent = request.parent;
  lineage.method = request.method;
  lineage.asset = request.asset;
  lineage.created = request.now;
  lineage.trained_from = frames.times[usable.front().begin];
  lineage.trained_to = frames.times[usable.back().end - 1];
  lineage.rows = static_cast<std::int64_t>(count_rows(usable));
  lineage.rows_left_out = static_cast<std::int64_t>(frames.rows()) - lineage.rows;
  lineage.labels_digest = request.labels_digest;
  lineage.trained_by = request.trained_by;
}

base::Error invalid(const std::string& why) { return base::Error(base::Code::kInvalid, why); }

}  // namespace

base::Result<model::Model> train(const Frames& as_recorded, const Request& request,
                                 const std::function<void(double)>& progress) {
  const auto tell = [&](double share) {
    if (progress) progress(share);
  };
  if (request.method != "t2q") {
    return base::Error(base::Code::kUnsupported,
                       "training method \"" + request.method + "\" is not known; known is: t2q");
  }
  if (!(request.false_alarms_per_day > 0) || !std::isfinite(request.false_alarms_per_day)) {
    return invalid("the false-alarm budget must be a positive number a day");
  }
  const Readiness readiness = assess(as_recorded);
  if (!readiness.ready) return invalid("not ready to learn: " + readiness.reason);
  tell(0.2);
  const Frames frames = held(as_recorded);

  std::vector<Column> columns;
  for (std::size_t i = 0; i < frames.inputs.size(); ++i) columns.push_back(inspect(frames, i));
  const std::vector<Stretch> usable = usable_stretches(frames, columns);
  columns.clear();
  const Split parts = split(usable);

  model::T2q p;
  p.smoothing = kSmoothing;
  p.centre.resize(frames.inputs.size());
  p.scale.resize(frames.inputs.size());
  for (std::size_t i = 0; i < frames.inputs.size(); ++i) {
    standardise(frames, parts.fit, i, p.centre[i], p.scale[i]);
  }
  Eigen::MatrixXd healthy = covariance(frames, parts.fit, p);
  set_components(healthy, p);
  set_frozen(frames, usable, p);
  allow_still(frames, p);
  LANDER_TRY(model::validate(p));
  tell(0.6);

  std::size_t blocks = 0;
  const auto set_limits = [&] {
    const Statistics held = statistics(frames, parts.held, p);
    p.t2_limit = limit_of(held.t2, frames.interval, request.false_alarms_per_day, blocks);
    p.q_limit = limit_of(held.q, frames.interval, request.false_alarms_per_day, blocks);
    return p.t2_limit != 0 && p.q_limit != 0;
  };
  bool enough = set_limits();
  // What people judged harmless becomes a direction that healthy data varies in, one at a time.
  for (std::size_t i = 0; enough && i < kMostWidened; ++i) {
    const auto direction = beyond_limit(frames, p);
    if (direction.empty()) break;
    const Eigen::Map<const Eigen::VectorXd> d(direction.data(), healthy.rows());
    healthy += 2 / p.t2_limit * d * d.transpose();
    set_components(healthy, p);
    LANDER_TRY(model::validate(p));
    enough = set_limits();
  }
  if (!enough) {
    return invalid(
        "not ready to learn: the held-back part is in stretches too short to set limits; " +
        readiness.reason);
  }
  const double harmless = raise_limits(frames, p);
  tell(0.8);

  model::Model model;
  describe(frames, usable, request, model);
  model.lineage.metrics = {
      {"fit_rows", static_cast<double>(count_rows(parts.fit))},
      {"held_rows", static_cast<double>(count_rows(parts.held))},
      {"held_blocks", static_cast<double>(blocks)},
      {"components", static_cast<double>(p.kept)},
      {"t2_limit", p.t2_limit},
      {"q_limit", p.q_limit},
      {"fit_max_score", most_score(frames, parts.fit, p)},
      {"held_max_score", most_score(frames, parts.held, p)},
  };
  if (!frames.harmless.empty()) {
    model.lineage.metrics.push_back(
        {"harmless_episodes", static_cast<double>(frames.harmless.size())});
    model.lineage.metrics.push_back({"harmless_max_score", harmless});
  }
  model.body = model::encode(p);
  tell(1);
  return model;
}

}  // namespace lander::learn
