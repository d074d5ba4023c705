// Training of the charts of patterns and levels; the method: docs/intelligence/watch.md.
#include <algorithm>
#include <array>
#include <cmath>

#include <Eigen/Dense>

#include "base/check.h"
#include "learn/harmless.h"
#include "learn/inspect.h"
#include "learn/learn.h"
#include "learn/limit.h"
#include "model/mewma.h"

namespace lander::learn {
namespace {

constexpr double kFitShare = 0.65;       // of the rows; the limits are set on the rest
constexpr std::size_t kFastFrames = 40;  // an EWMA "of w frames" has the weight 2 / (w + 1)
constexpr base::DurationUs kSlowTime = 300 * base::kSecond;
constexpr std::size_t kSampled = 20'000;  // rows that are enough for a median
constexpr double kLeastVariance = 1e-4;   // of a direction of e
constexpr double kLeastOfMedian = 0.01;   // and as a share of the median direction's
constexpr double kEmpiricalMargin = 1.1;
constexpr double kSeasons = 1.2;  // what the weeks of training did not bring
constexpr double kWidening = 2;   // what is harmless then scores at most 1/sqrt(2)
// What less than a day cannot know: how far things wander. docs/intelligence/watch.md, "Little
// data".
constexpr double kYoungTolerance = 0.02;  // of an input's own size
constexpr double kYoungTime = 600;        // s
constexpr double kDriftFactor = 2, kLevelFactor = 2, kYoungFactor = 20;
constexpr double kLevelPerEFold = 0.05;  // of the level chart's limit
constexpr double kFrozenBase = 60, kFrozenFactor = 4, kConstantShare = 0.25;

std::size_t count_rows(const std::vector<Stretch>& stretches) {
  std::size_t rows = 0;
  for (const Stretch& stretch : stretches) rows += stretch.rows();
  return rows;
}

struct Split {
  std::vector<Stretch> fit, held;
};

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

// What training knows beside the numbers of the model.
struct Context {
  const Frames& frames;
  const Survey& survey;
  std::size_t rows;                      // usable
  std::size_t fast_frames, slow_frames;  // of the two averages
  double young;                          // 1: nothing was seen yet; falls as time was seen
  std::size_t inputs() const { return survey.used.size(); }
};

Context context_of(const Frames& frames, const Survey& survey) {
  Context c{frames, survey, count_rows(survey.stretches), 0, 0, 0};
  const double seconds = static_cast<double>(frames.interval) / base::kSecond;
  const auto slow = static_cast<std::size_t>(kSlowTime / frames.interval);
  c.fast_frames = std::clamp<std::size_t>(c.rows / 10, 3, kFastFrames);
  c.slow_frames = std::clamp<std::size_t>(slow, kFastFrames, std::max(kFastFrames, c.rows / 3));
  c.young = 1 / (1 + static_cast<double>(c.rows) * seconds / kYoungTime);
  return c;
}

double weight_of(std::size_t frames) { return 2 / (static_cast<double>(frames) + 1); }

// An average that begins at the mean of what came so far, until its own weight is the greater.
class WarmAverage {
 public:
  WarmAverage(std::size_t inputs, double weight) : weight_(weight), values_(inputs) {}
  void begin() { count_ = 0; }
  template <class At>
  const std::vector<double>& step(At at) {
    const double weight = std::max(weight_, 1.0 / static_cast<double>(++count_));
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] += weight * (at(i) - values_[i]);
    return values_;
  }
  std::size_t count() const { return count_; }

 private:
  double weight_;
  std::size_t count_ = 0;
  std::vector<double> values_;
};

// Robust centres and scales, from a part of the rows that is spread over all.
void standardise(const Context& c, model::Mewma& p) {
  const std::size_t n = c.inputs(), stride = c.rows / kSampled + 1;
  std::vector<std::vector<double>> samples(n);
  std::size_t count = 0;
  each_row(c.frames, c.survey.used, c.survey.stretches, [&](std::size_t, const double* row) {
    if (count++ % stride != 0) return;
    for (std::size_t i = 0; i < n; ++i) samples[i].push_back(row[i]);
  });
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double>& values = samples[i];
    const double centre = quantile(values, 0.5);
    double sum = 0, squares = 0;
    for (double& value : values) {
      value -= centre;
      sum += value;
      squares += value * value;
      value = std::abs(value);
    }
    const double size = static_cast<double>(values.size());
    const double deviation = std::sqrt(std::max(0.0, squares / size - (sum / size) * (sum / size)));
    const double robust = 1.4826 * quantile(values, 0.5);
    double scale = deviation > 4 * robust ? deviation : robust;
    const double noise_of_arithmetic = 1e-7 * std::max(std::abs(centre), 1e-3);
    if (!(scale > noise_of_arithmetic)) scale = std::max(0.01 * std::abs(centre), 1e-6);
    p.centre[i] = centre;
    p.scale[i] = scale;
  }
}

// Mean and covariance of the fast average e, over some stretches.
struct Moments {
  Eigen::VectorXd sum;
  Eigen::MatrixXd products;
  double count = 0;
};

Moments moments(const Context& c, const std::vector<Stretch>& stretches, const model::Mewma& p) {
  const auto n = static_cast<Eigen::Index>(c.inputs());
  Moments m{Eigen::VectorXd::Zero(n), Eigen::MatrixXd::Zero(n, n)};
  WarmAverage average(c.inputs(), p.fast);
  std::size_t expected = 0;
  each_row(c.frames, c.survey.used, stretches, [&](std::size_t r, const double* row) {
    if (r != expected) average.begin();
    expected = r + 1;
    const std::vector<double>& e = average.step(
        [&](std::size_t i) { return model::squash((row[i] - p.centre[i]) / p.scale[i]); });
    if (2 * average.count() < c.fast_frames) return;
    const Eigen::Map<const Eigen::VectorXd> v(e.data(), n);
    m.sum += v;
    m.products.selfadjointView<Eigen::Lower>().rankUpdate(v);
    ++m.count;
  });
  return m;
}

// Sets mean and whiten, so that the pattern of what was seen has a mean square of 1.
// `harmless`: variance that people said is healthy.
void set_pattern(const Context& c, const Moments& m, const Eigen::MatrixXd& harmless,
                 model::Mewma& p) {
  const auto n = static_cast<Eigen::Index>(c.inputs());
  const Eigen::VectorXd mean = m.sum / std::max(m.count, 1.0);
  Eigen::MatrixXd covariance = m.products.selfadjointView<Eigen::Lower>();
  covariance = covariance / std::max(m.count, 1.0) - mean * mean.transpose();
  for (Eigen::Index i = 0; i < n; ++i) {
    // An input that never changed: its scale says what is much.
    if (covariance(i, i) < 1e-9) covariance(i, i) = 1;
  }
  const double median =
      Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(covariance, Eigen::EigenvaluesOnly)
          .eigenvalues()(n / 2);
  covariance += harmless;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
  LANDER_CHECK(solver.info() == Eigen::Success);
  const double least = std::max(kLeastVariance, kLeastOfMedian * median);
  p.mean.assign(mean.data(), mean.data() + n);
  p.whiten.resize(static_cast<std::size_t>(n * n));
  for (Eigen::Index j = 0; j < n; ++j) {
    const double weight =
        1 / std::sqrt(std::max(solver.eigenvalues()(j), least) * static_cast<double>(n));
    for (Eigen::Index i = 0; i < n; ++i) {
      p.whiten[static_cast<std::size_t>(j * n + i)] = weight * solver.eigenvectors()(i, j);
    }
  }
}

// Where each input's slow average went, and how far its mean drifted from the first third to the
// last.
void set_levels(const Context& c, model::Mewma& p) {
  const std::size_t n = c.inputs();
  std::vector<double> least(n, INFINITY), most(n, -INFINITY);
  std::vector<std::array<double, 3>> thirds(n, {0, 0, 0});
  std::array<double, 3> counts{0, 0, 0};
  WarmAverage average(n, p.slow);
  std::size_t expected = 0, seen = 0;
  each_row(c.frames, c.survey.used, c.survey.stretches, [&](std::size_t r, const double* row) {
    if (r != expected) average.begin();
    expected = r + 1;
    const std::size_t third = 3 * seen++ / c.rows;
    ++counts[third];
    const std::vector<double>& s = average.step([&](std::size_t i) { return row[i]; });
    const bool settled = 10 * average.count() >= c.slow_frames || 10 * seen >= c.rows;
    for (std::size_t i = 0; i < n; ++i) {
      thirds[i][third] += row[i];
      if (!settled) continue;
      least[i] = std::min(least[i], s[i]);
      most[i] = std::max(most[i], s[i]);
    }
  });
  for (std::size_t i = 0; i < n; ++i) {
    const double drift = std::abs(thirds[i][2] / counts[2] - thirds[i][0] / counts[0]);
    p.middle[i] = (most[i] + least[i]) / 2;
    const double unknown = kYoungTolerance * c.young * std::abs(p.middle[i]);
    const double tolerance =
        kLevelFactor * ((most[i] - least[i]) / 2 + kDriftFactor * drift + unknown);
    p.tolerance[i] = std::max(tolerance, c.survey.constant[i] ? p.scale[i] : 1e-9 * p.scale[i]);
  }
  p.level = {1, kLevelPerEFold};
}

void set_frozen(const Context& c, model::Mewma& p) {
  for (std::size_t i = 0; i < c.inputs(); ++i) {
    const double longest = static_cast<double>(c.survey.longest_runs[i]);
    const bool still = longest == 0 || longest > kConstantShare * static_cast<double>(c.rows);
    p.frozen_frames[i] =
        still ? 0 : kFrozenBase + kFrozenFactor * (1 + kYoungFactor * c.young) * longest;
  }
}

// The pattern over the held-back rows, one series a stretch.
std::vector<std::vector<double>> patterns(const Context& c, const std::vector<Stretch>& held,
                                          const model::Mewma& p) {
  std::vector<std::vector<double>> result;
  model::MewmaDetector detector(p);
  std::size_t expected = SIZE_MAX, begun = 0;
  each_row(c.frames, c.survey.used, held, [&](std::size_t r, const double* row) {
    if (r != expected) {
      detector.reset();
      result.emplace_back();
      begun = r;
    }
    expected = r + 1;
    detector.score({row, c.inputs()}, c.frames.times[r]);
    if (2 * (r - begun) >= c.fast_frames) result.back().push_back(detector.pattern());
  });
  return result;
}

double most_of(const std::vector<std::vector<double>>& series) {
  double most = 0;
  for (const auto& one : series) {
    for (const double value : one) most = std::max(most, value);
  }
  return most;
}

// What blocks like these pass so often a day, at most.
double limit_of(const BlockMaxima& sample, base::DurationUs interval, double per_day) {
  const double blocks_per_day =
      static_cast<double>(base::kDay) /
      (static_cast<double>(sample.frames) * static_cast<double>(interval));
  return fit_gumbel(sample.maxima).upper_quantile(per_day / blocks_per_day);
}

// kInvalid: too few blocks to tell.
base::Result<std::size_t> set_pattern_limit(const Context& c,
                                            const std::vector<std::vector<double>>& series,
                                            const std::vector<std::vector<double>>& fitted,
                                            double false_alarms_per_day, model::Mewma& p) {
  const BlockMaxima sample = block_maxima(series), of_fit = block_maxima(fitted);
  if (sample.maxima.size() < 2) {
    return base::Error(base::Code::kInvalid,
                       "not ready to learn: the held-back part is in stretches too short to set"
                       " limits" +
                           std::string(c.frames.harmless.empty()
                                           ? ""
                                           : " (what was judged harmless sets none: learn again"
                                             " when more healthy time has passed)") +
                           "; " + c.survey.readiness.reason);
  }
  const double seen = most_of(series), most_fitted = most_of(fitted);
  const double grown = kSeasons * (1 + kYoungFactor * c.young) * std::max(1.0, seen / most_fitted);
  // Held back is what counts; but a quiet end of training must not hide what its beginning saw.
  const auto limit = [&](double per_day) {
    return grown * std::max({limit_of(sample, c.frames.interval, per_day / 2),
                             limit_of(of_fit, c.frames.interval, per_day / 2),
                             kEmpiricalMargin * std::max(seen, most_fitted)});
  };
  const double at = limit(false_alarms_per_day);
  p.pattern.at = std::clamp(at, 1e-3, 1e6);
  p.pattern.per_e_fold = std::clamp(limit(false_alarms_per_day / std::exp(1.0)) - at, 0.0, 1e6);
  return sample.maxima.size();
}

model::Model describe(const Context& c, const Request& request) {
  const std::size_t n = c.inputs();
  model::Model model;
  for (const std::size_t i : c.survey.used) model.inputs.push_back(c.frames.inputs[i]);
  for (model::Input& input : model.inputs) input.least = INFINITY, input.most = -INFINITY;
  each_row(c.frames, c.survey.used, c.survey.stretches, [&](std::size_t, const double* row) {
    for (std::size_t i = 0; i < n; ++i) {
      model.inputs[i].least = std::min(model.inputs[i].least, row[i]);
      model.inputs[i].most = std::max(model.inputs[i].most, row[i]);
    }
  });
  model.interval = c.frames.interval;
  model.false_alarms_per_day = request.false_alarms_per_day;
  model::Lineage& lineage = model.lineage;
  lineage.parent = request.parent;
  lineage.method = request.method;
  lineage.asset = request.asset;
  lineage.created = request.now;
  lineage.trained_from = INT64_MAX;
  lineage.trained_to = INT64_MIN;
  for (const Stretch& stretch : c.survey.stretches) {
    lineage.trained_from = std::min(lineage.trained_from, c.frames.times[stretch.begin]);
    lineage.trained_to = std::max(lineage.trained_to, c.frames.times[stretch.end - 1]);
  }
  lineage.rows = static_cast<std::int64_t>(c.rows);
  lineage.rows_left_out = static_cast<std::int64_t>(c.frames.rows() - c.rows);
  lineage.labels_digest = request.labels_digest;
  lineage.trained_by = request.trained_by;
  return model;
}

base::Error invalid(const std::string& why) { return base::Error(base::Code::kInvalid, why); }

}  // namespace

base::Result<model::Model> train(const Frames& frames, const Request& request,
                                 const std::function<void(double)>& progress) {
  const auto tell = [&](double share) {
    if (progress) progress(share);
  };
  if (request.method != "mewma") {
    return base::Error(base::Code::kUnsupported,
                       "training method \"" + request.method + "\" is not known; known is: mewma");
  }
  if (!(request.false_alarms_per_day > 0) || !std::isfinite(request.false_alarms_per_day)) {
    return invalid("the false-alarm budget must be a positive number a day");
  }
  const Survey found = survey(frames);
  if (!found.readiness.ready) return invalid("not ready to learn: " + found.readiness.reason);
  tell(0.3);

  const Context c = context_of(frames, found);
  const std::vector<Stretch> unjudged = without_harmless(frames, found.stretches);
  const Split parts = split(unjudged);
  model::Mewma p;
  p.fast = weight_of(c.fast_frames);
  p.slow = weight_of(c.slow_frames);
  for (auto* values : {&p.centre, &p.scale, &p.middle, &p.tolerance, &p.frozen_frames}) {
    values->assign(c.inputs(), 0);
  }
  standardise(c, p);
  set_levels(c, p);
  set_frozen(c, p);
  tell(0.5);

  // The limit is set by what a fit on the first part says of the rest; the model is then fitted to
  // all.
  const Moments fit = moments(c, parts.fit, p);
  const auto n = static_cast<Eigen::Index>(c.inputs());
  Eigen::MatrixXd harmless = Eigen::MatrixXd::Zero(n, n);
  std::vector<std::vector<double>> held;
  std::size_t blocks = 0;
  // What people judged harmless becomes a direction that healthy data varies in, one at a time.
  for (std::size_t i = 0;; ++i) {
    set_pattern(c, fit, harmless, p);
    LANDER_TRY(model::validate(p));
    held = patterns(c, parts.held, p);
    LANDER_ASSIGN(blocks, set_pattern_limit(c, held, patterns(c, parts.fit, p),
                                            request.false_alarms_per_day, p));
    const std::vector<double> direction =
        i < kMostWidened ? beyond_limit(frames, found.used, p) : std::vector<double>();
    if (direction.empty()) break;
    const Eigen::Map<const Eigen::VectorXd> d(direction.data(), n);
    harmless +=
        kWidening / (static_cast<double>(n) * p.pattern.at * p.pattern.at) * d * d.transpose();
  }
  tell(0.8);
  set_pattern(c, moments(c, unjudged, p), harmless, p);
  const double harmless_score = allow_harmless(frames, found.used, p);
  LANDER_TRY(model::validate(p));

  model::Model model = describe(c, request);
  model.lineage.metrics = {
      {"fit_rows", static_cast<double>(count_rows(parts.fit))},
      {"held_rows", static_cast<double>(count_rows(parts.held))},
      {"held_blocks", static_cast<double>(blocks)},
      {"inputs_left_out", static_cast<double>(frames.inputs.size() - c.inputs())},
      {"pattern_limit", p.pattern.at},
      {"held_max_score", most_of(held) / p.pattern.at},
  };
  if (!frames.harmless.empty()) {
    model.lineage.metrics.push_back(
        {"harmless_episodes", static_cast<double>(frames.harmless.size())});
    model.lineage.metrics.push_back({"harmless_max_score", harmless_score});
  }
  model.body = model::encode(p);
  tell(1);
  return model;
}

}  // namespace lander::learn
