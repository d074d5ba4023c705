// Training of remaining life; the method is described in docs/intelligence/life.md.
#include "learn/life.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include <Eigen/Dense>

#include "base/check.h"
#include "learn/boost.h"
#include "learn/life_plan.h"
#include "model/life.h"

namespace lander::learn {

namespace {

constexpr std::size_t kMostFolds = 10;
constexpr std::size_t kMostSampled = 60000;
constexpr double kFar = 1.2;  // of the cap: rows with longer to live are all alike, and count less
constexpr float kFarWeight = 0.5F;
constexpr double kFailing = 0.5;  // of the cap
constexpr double kRidge = 0.05;
constexpr Eigen::Index kDirections = 2;
constexpr double kWindows[] = {0.08, 0.24, 0.8};  // of the cap
constexpr std::size_t kRounds = 500, kRowsABin = 24;
constexpr double kEarlier = 0.008;  // of the cap: late costs more than early

base::Error invalid(const std::string& why) { return base::Error(base::Code::kInvalid, why); }

// Rows that are learned from, with their features.
struct Sample {
  std::vector<std::size_t> unit;
  std::vector<float> life, weight;     // what remains, capped
  std::vector<float> state, features;  // rows x sensors, rows x features
  std::size_t rows() const { return unit.size(); }
};

class Training {
 public:
  Training(const Units& units, const LifeRequest& request,
           const std::function<void(double)>& progress)
      : units_(units), request_(request), progress_(progress), ranges_(ranges(units)) {}
  base::Result<model::Model> run();

 private:
  std::span<const double> row(std::size_t r) const {
    return {&units_.values[r * units_.inputs.size()], units_.inputs.size()};
  }
  double remaining(const UnitRange& unit, std::size_t r) const {
    return units_.times[unit.end - 1] - units_.times[r];
  }
  void tell(double share) const {
    if (progress_) progress_(share);
  }
  void make_plan();
  Sample sample_of(const model::LifePlan& plan) const;
  void deal_folds();
  std::vector<double> health_of(const Sample& sample, std::size_t member) const;
  BoostOptions boost_options() const;
  void fit_members();
  void predict_held();
  void join();
  void choose_filter();
  void set_interval();
  model::Model describe() const;

  const Units& units_;
  const LifeRequest& request_;
  const std::function<void(double)>& progress_;
  std::vector<UnitRange> ranges_;
  std::vector<std::size_t> fold_;  // of each unit
  std::size_t folds_ = 0;
  model::Life life_;
  std::vector<model::LifePlan> plans_;  // of each member
  std::vector<model::Trees> members_;
  std::vector<double> answers_;  // of each row, by the member that did not see its unit
  std::vector<double> held_;     // filtered
  double held_rmse_ = 0;
  std::size_t rounds_ = 0;
};

void Training::make_plan() {
  life_.cap = request_.cap > 0 ? request_.cap : default_cap(units_);
  model::LifePlan& plan = life_.plan;
  plan.inputs = units_.inputs.size();
  // Windows: shares of the cap, in rows of the usual interval.
  std::vector<double> steps;
  for (const UnitRange& unit : ranges_) {
    for (std::size_t r = unit.begin + 1; r < unit.end; ++r) {
      steps.push_back(units_.times[r] - units_.times[r - 1]);
    }
  }
  std::nth_element(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2),
                   steps.end());
  const double step = std::max(steps[steps.size() / 2], life_.cap / 1e6);
  for (const double share : kWindows) {
    plan.window.push_back(static_cast<std::uint32_t>(std::clamp(
        std::round(share * life_.cap / step), 3.0, static_cast<double>(model::kMaxLifeWindow))));
  }
  find_regimes(units_, plan);
  find_sensors(units_, life_.cap, plan);
}

// The rows to learn from, with the features that `plan` makes of them.
Sample Training::sample_of(const model::LifePlan& plan) const {
  Sample sample;
  model::LifeFeatures features(plan);
  const std::size_t step = units_.rows() / kMostSampled + 1;
  for (std::size_t u = 0; u < ranges_.size(); ++u) {
    const UnitRange& unit = ranges_[u];
    features.reset();
    for (std::size_t r = unit.begin; r < unit.end; ++r) {
      const std::span<const float> made = features.push(row(r), units_.times[r]);
      if ((r - unit.begin) % step != 0) continue;
      const double life = remaining(unit, r);
      sample.unit.push_back(u);
      sample.life.push_back(static_cast<float>(std::min(life, life_.cap)));
      sample.weight.push_back(life > kFar * life_.cap ? kFarWeight : 1.0F);
      sample.features.insert(sample.features.end(), made.begin(), made.end());
      const std::span<const float> state = features.state();
      sample.state.insert(sample.state.end(), state.begin(), state.end());
    }
  }
  for (float& value : sample.state) {
    if (std::isnan(value)) value = 0;
  }
  return sample;
}

void Training::deal_folds() {
  folds_ = std::min<std::size_t>(kMostFolds, ranges_.size());
  std::vector<std::size_t> order(ranges_.size());
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(1);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  fold_.resize(ranges_.size());
  for (std::size_t i = 0; i < order.size(); ++i) fold_[order[i]] = i % folds_;
}

// A member's health indices, from the units that it may see: the ridge regression of capped life on
// the state, and the main directions in which the states of failing units lie from the mean, which
// tell kinds of fault apart.
std::vector<double> Training::health_of(const Sample& sample, std::size_t member) const {
  const auto s = static_cast<Eigen::Index>(life_.plan.sensors.size());
  Eigen::MatrixXd all = Eigen::MatrixXd::Zero(s + 1, s + 1), failing = Eigen::MatrixXd::Zero(s, s);
  Eigen::VectorXd targets = Eigen::VectorXd::Zero(s + 1), x(s + 1);
  double n = 0;
  for (std::size_t r = 0; r < sample.rows(); ++r) {
    if (fold_[sample.unit[r]] == member) continue;
    for (Eigen::Index i = 0; i < s; ++i) {
      x(i) = sample.state[r * static_cast<std::size_t>(s) + static_cast<std::size_t>(i)];
    }
    x(s) = 1;
    all.selfadjointView<Eigen::Lower>().rankUpdate(x);
    targets += x * static_cast<double>(sample.life[r]) / life_.cap;
    n += 1;
    if (sample.life[r] > kFailing * life_.cap) continue;
    failing.selfadjointView<Eigen::Lower>().rankUpdate(x.head(s));
  }
  for (Eigen::Index i = 0; i < s; ++i) all(i, i) += kRidge * n;
  Eigen::VectorXd weights = all.selfadjointView<Eigen::Lower>().ldlt().solve(targets).head(s);
  weights /= std::max(weights.norm(), 1e-12);
  std::vector<double> health(weights.begin(), weights.end());
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(failing);
  LANDER_CHECK(solver.info() == Eigen::Success);
  for (Eigen::Index j = s;
       j-- > std::max<Eigen::Index>(0, s - kDirections);) {  // Eigen sorts ascending
    for (Eigen::Index i = 0; i < s; ++i) health.push_back(solver.eigenvectors()(i, j));
  }
  return health;
}

BoostOptions Training::boost_options() const {
  const double rows = static_cast<double>(std::min(units_.rows(), kMostSampled)) *
                      static_cast<double>(folds_ - 1) / static_cast<double>(folds_);
  BoostOptions options;
  options.rounds = kRounds;
  options.leaves = 16;
  options.depth = 6;
  options.rate = 0.035;
  options.columns = 0.2;
  options.l2 = 5;
  options.rows = std::clamp(3000 / rows, 0.3, 0.7);
  options.least_weight = std::clamp(0.015 * options.rows * rows, 3.0, 200.0);
  return options;
}

// Each member learns from all units but one fold's, and how it errs on that fold tells when to
// stop.
void Training::fit_members() {
  const Sample bare = sample_of(life_.plan);
  BoostOptions options = boost_options();
  std::vector<double> errors(options.rounds);
  for (std::size_t k = 0; k < folds_; ++k) {
    plans_.push_back(life_.plan);
    plans_[k].health = health_of(bare, k);
    const Sample sample = sample_of(plans_[k]);
    const Binned data(sample.features, plans_[k].features(), sample.rows() / kRowsABin);
    BoostTask task;
    task.data = &data;
    task.targets = sample.life;
    task.weights = sample.weight;
    task.always = {static_cast<std::uint32_t>(plans_[k].features() - 1)};  // the age
    for (std::size_t r = 0; r < sample.rows(); ++r) {
      auto& side = fold_[sample.unit[r]] == k ? task.watched : task.rows;
      side.push_back(static_cast<std::uint32_t>(r));
    }
    options.seed = k + 1;
    members_.push_back(boost(task, options, [&](std::size_t round, std::span<const float> margins) {
      for (std::size_t i = 0; i < margins.size(); ++i) {
        const double error = margins[i] - sample.life[task.watched[i]];
        errors[round] += sample.weight[task.watched[i]] * error * error;
      }
      return true;
    }));
    tell(0.05 + 0.85 * static_cast<double>(k + 1) / static_cast<double>(folds_));
  }
  rounds_ =
      1 + static_cast<std::size_t>(std::min_element(errors.begin(), errors.end()) - errors.begin());
}

// Appends the first trees of a member, its answer times `share`; `move`: where in the new forest
// each of its features is.
void append(const model::Trees& member, std::size_t rounds, float share,
            const std::vector<std::int32_t>& move, model::Trees& all) {
  all.base[0] += share * member.base[0];
  const auto offset = static_cast<std::uint32_t>(all.nodes.size());
  const std::size_t trees = std::min(rounds, member.roots.size());
  const std::size_t end = trees < member.roots.size() ? member.roots[trees] : member.nodes.size();
  for (std::size_t t = 0; t < trees; ++t) all.roots.push_back(member.roots[t] + offset);
  for (std::size_t i = 0; i < end; ++i) {
    model::TreeNode node = member.nodes[i];
    if (node.feature < 0) {
      node.threshold *= share;
    } else {
      node.feature = move[static_cast<std::size_t>(node.feature)];
      node.left += offset, node.right += offset;
    }
    all.nodes.push_back(node);
  }
}

// The members' mean as one forest, over a plan with the health indices of all of them.
void Training::join() {
  model::LifePlan& plan = life_.plan;
  for (const model::LifePlan& own : plans_) {
    plan.health.insert(plan.health.end(), own.health.begin(), own.health.end());
  }
  life_.trees.features = plan.features();
  life_.trees.base.resize(1);
  const std::size_t shared = plan.sensors.size() * model::kLifeStats;
  for (std::size_t k = 0; k < folds_; ++k) {
    const std::size_t own = plans_[k].features() - 1 - shared;
    std::vector<std::int32_t> move(plans_[k].features());
    std::iota(move.begin(), move.end(), 0);
    for (std::size_t f = shared; f < shared + own; ++f)
      move[f] += static_cast<std::int32_t>(k * own);
    move.back() = static_cast<std::int32_t>(plan.features() - 1);
    append(members_[k], rounds_, 1 / static_cast<float>(folds_), move, life_.trees);
  }
}

// What each member answers for the units that it did not see.
void Training::predict_held() {
  answers_.resize(units_.rows());
  for (std::size_t k = 0; k < folds_; ++k) {
    model::Trees trees;
    trees.features = members_[k].features;
    trees.base.resize(1);
    std::vector<std::int32_t> same(trees.features);
    std::iota(same.begin(), same.end(), 0);
    append(members_[k], rounds_, 1, same, trees);
    const model::TreeRunner runner(trees);
    model::LifeFeatures features(plans_[k]);
    for (std::size_t u = 0; u < ranges_.size(); ++u) {
      if (fold_[u] != k) continue;
      features.reset();
      for (std::size_t r = ranges_[u].begin; r < ranges_[u].end; ++r) {
        float answer = 0;
        runner.evaluate(features.push(row(r), units_.times[r]), {&answer, 1});
        answers_[r] = answer;
      }
    }
  }
}

// The weight of the newest answer that errs least on units that the member did not see.
void Training::choose_filter() {
  double best = INFINITY;
  for (const double trust : {1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12}) {
    std::vector<double> made(units_.rows());
    double squares = 0, n = 0;
    for (const UnitRange& unit : ranges_) {
      model::LifeFilter filter(trust, life_.cap);
      for (std::size_t r = unit.begin; r < unit.end; ++r) {
        made[r] = filter.step(answers_[r], units_.times[r]);
        const double life = remaining(unit, r);
        if (life > kFar * life_.cap) continue;
        const double error = std::clamp(made[r], 0.0, life_.cap) - std::min(life, life_.cap);
        squares += error * error, n += 1;
      }
    }
    const double rmse = std::sqrt(squares / n);
    if (rmse >= best) continue;
    best = rmse, life_.trust = trust, held_ = std::move(made);
  }
  held_rmse_ = best;
}

double quantile_of(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  const double at = std::clamp(std::ceil(share * (n + 1)) - 1, 0.0, n - 1);
  return values[static_cast<std::size_t>(at)];
}

void Training::set_interval() {
  struct Held {
    double value, error;
  };
  std::vector<Held> held;
  for (const UnitRange& unit : ranges_) {
    for (std::size_t r = unit.begin; r < unit.end; ++r) {
      const double life = remaining(unit, r);
      if (life > kFar * life_.cap) continue;
      const double value = std::clamp(held_[r] - life_.earlier, 0.0, life_.cap);
      held.push_back({value, std::min(life, life_.cap) - value});
    }
  }
  std::sort(held.begin(), held.end(),
            [](const Held& a, const Held& b) { return a.value < b.value; });
  const std::size_t knots = std::clamp<std::size_t>(held.size() / 30, 3, 12);
  for (std::size_t k = 0; k < knots; ++k) {
    const double knot = life_.cap * static_cast<double>(k) / static_cast<double>(knots - 1);
    const double width = life_.cap / static_cast<double>(knots - 1);
    std::vector<double> errors;
    for (const Held& one : held) {
      if (std::abs(one.value - knot) <= width) errors.push_back(one.error);
    }
    if (errors.size() < 20) {
      errors.clear();
      for (const Held& one : held) errors.push_back(one.error);
    }
    life_.knots.push_back(knot);
    life_.low.push_back(std::clamp(-quantile_of(errors, 0.05), 0.0, life_.cap));
    life_.high.push_back(std::clamp(quantile_of(errors, 0.95), 0.0, life_.cap));
  }
}

model::Model Training::describe() const {
  model::Model model;
  model.inputs = units_.inputs;
  for (std::size_t i = 0; i < model.inputs.size(); ++i) {
    double least = INFINITY, most = -INFINITY;
    for (std::size_t r = 0; r < units_.rows(); ++r) {
      const double x = row(r)[i];
      if (std::isfinite(x)) least = std::min(least, x), most = std::max(most, x);
    }
    model.inputs[i].least = least <= most ? least : 0;
    model.inputs[i].most = least <= most ? most : 0;
  }
  model::Lineage& lineage = model.lineage;
  lineage.parent = request_.request.parent;
  lineage.method = "life";
  lineage.asset = request_.request.asset;
  lineage.created = request_.request.now;
  lineage.rows = static_cast<std::int64_t>(units_.rows());
  lineage.labels_digest = request_.request.labels_digest;
  lineage.trained_by = request_.request.trained_by;
  lineage.metrics = {{"units", static_cast<double>(ranges_.size())},
                     {"cap", life_.cap},
                     {"held_rmse", held_rmse_},
                     {"regimes", static_cast<double>(life_.plan.regimes())},
                     {"sensors", static_cast<double>(life_.plan.sensors.size())},
                     {"rounds", static_cast<double>(rounds_)},
                     {"trust", life_.trust}};
  model.body = model::encode(life_);
  return model;
}

base::Status check(const Units& units) {
  if (units.inputs.empty() || units.inputs.size() > model::kMaxInputs) {
    return invalid("remaining life is learned from 1 to " + std::to_string(model::kMaxInputs) +
                   " columns, not " + std::to_string(units.inputs.size()));
  }
  LANDER_CHECK(units.values.size() == units.rows() * units.inputs.size());
  if (units.begins.size() < 3) {
    return invalid("remaining life is learned from at least 3 units that ran to failure, not " +
                   std::to_string(units.begins.size()));
  }
  LANDER_CHECK(units.begins.front() == 0 &&
               std::is_sorted(units.begins.begin(), units.begins.end()));
  for (const UnitRange& unit : ranges(units)) {
    if (unit.end - unit.begin < 5) {
      return invalid("a unit has " + std::to_string(unit.end - unit.begin) +
                     " rows; each needs at least 5");
    }
    for (std::size_t r = unit.begin; r < unit.end; ++r) {
      if (!std::isfinite(units.times[r])) return invalid("a row without a time");
      if (r > unit.begin && units.times[r] < units.times[r - 1]) {
        return invalid("a unit's rows are not in order of time");
      }
    }
    if (!(units.times[unit.end - 1] > units.times[unit.begin])) {
      return invalid("a unit whose rows all have the same time");
    }
  }
  return {};
}

base::Result<model::Model> Training::run() {
  life_.roles = request_.roles;
  make_plan();
  if (life_.plan.sensors.empty()) return invalid("no column changes: there is nothing to learn");
  deal_folds();
  tell(0.05);
  fit_members();
  predict_held();
  choose_filter();
  life_.earlier = kEarlier * life_.cap;
  set_interval();
  join();
  LANDER_TRY(model::validate(life_));
  tell(1);
  return describe();
}

}  // namespace

base::Result<model::Model> train_life(const Units& units, const LifeRequest& request,
                                      const std::function<void(double)>& progress) {
  LANDER_TRY(check(units));
  return Training(units, request, progress).run();
}

}  // namespace lander::learn
