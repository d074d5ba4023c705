// Training of remaining life; the method is described in docs/intelligence/life.md.
#include "learn/life.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <random>

#include <Eigen/Dense>

#include "base/check.h"
#include "learn/boost.h"
#include "learn/life_plan.h"
#include "model/life.h"

namespace lander::learn {

double knob(const char* name, double fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atof(text);
}

namespace {

constexpr std::size_t kMostFolds = 10;
constexpr std::size_t kMostSampled = 60000;

base::Error invalid(const std::string& why) { return base::Error(base::Code::kInvalid, why); }

// The rows that are learned from, with their features.
struct Sample {
  std::vector<std::uint32_t> row, unit;
  std::vector<float> life;  // remaining, capped
  std::vector<float> weight;
  std::vector<float> state;     // rows x sensors
  std::vector<float> features;  // rows x features
  std::size_t rows() const { return row.size(); }
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
  void keep_telling_sensors();
  void make_sample();
  void deal_folds();
  void fit_health();
  void fit_trees();
  void predict_held();
  void choose_filter();
  void set_interval();
  model::Model describe() const;

  const Units& units_;
  const LifeRequest& request_;
  const std::function<void(double)>& progress_;
  std::vector<UnitRange> ranges_;
  std::vector<std::size_t> fold_;  // of each unit
  std::size_t folds_ = 0;
  Sample sample_;
  model::Life life_;
  std::vector<model::Trees> members_;
  std::vector<double> answers_;  // of each row, by the member that did not see its unit
  std::vector<double> held_;     // filtered
  double held_rmse_ = 0;
  std::size_t rounds_ = 0, shared_ = 0;
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
  for (const double share : {knob("W0", 0.04), knob("W1", 0.16), knob("W2", 0.32)}) {
    plan.window.push_back(static_cast<std::uint32_t>(std::clamp(
        std::round(share * life_.cap / step), 3.0, static_cast<double>(model::kMaxLifeWindow))));
  }
  find_regimes(units_, plan);
  find_sensors(units_, plan);
}

void Training::make_sample() {
  Sample& sample = sample_;
  sample = {};
  model::LifeFeatures features(life_.plan);
  const std::size_t step = units_.rows() / kMostSampled + 1;
  for (std::size_t u = 0; u < ranges_.size(); ++u) {
    const UnitRange& unit = ranges_[u];
    features.reset();
    for (std::size_t r = unit.begin; r < unit.end; ++r) {
      const std::span<const float> made = features.push(row(r), units_.times[r]);
      if ((r - unit.begin) % step != 0) continue;
      const double life = remaining(unit, r);
      sample.row.push_back(static_cast<std::uint32_t>(r));
      sample.unit.push_back(static_cast<std::uint32_t>(u));
      sample.life.push_back(static_cast<float>(std::min(life, life_.cap)));
      sample.weight.push_back(
          life > knob("FAR", 1.2) * life_.cap ? static_cast<float>(knob("FARW", 0.5)) : 1.0F);
      sample.features.insert(sample.features.end(), made.begin(), made.end());
      const std::span<const float> state = features.state();
      sample.state.insert(sample.state.end(), state.begin(), state.end());
    }
  }
  for (float& value : sample.state) {
    if (std::isnan(value)) value = 0;
  }
}

// Drops the sensors whose state has nothing to do with what remains, and keeps the best where there
// are too many.
void Training::keep_telling_sensors() {
  make_sample();
  model::LifePlan& plan = life_.plan;
  const std::size_t s = plan.sensors.size(), regimes = plan.regimes();
  std::vector<std::pair<double, std::size_t>> found;
  for (std::size_t i = 0; i < s; ++i) {
    double n = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
    for (std::size_t r = 0; r < sample_.rows(); ++r) {
      const double a = sample_.state[r * s + i], b = sample_.life[r];
      n += 1, x += a, y += b, xx += a * a, xy += a * b, yy += b * b;
    }
    const double over = std::sqrt(std::max((xx - x * x / n) * (yy - y * y / n), 1e-30));
    found.emplace_back(-std::abs(xy - x * y / n) / over, i);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::size_t> keep;
  for (const auto& [minus, i] : found) {
    if (keep.size() == model::kMaxLifeSensors) break;
    if (!keep.empty() && -minus < knob("CORR", 0.15)) break;
    keep.push_back(i);
  }
  std::sort(keep.begin(), keep.end());
  const model::LifePlan all = plan;
  plan.sensors.clear(), plan.mean.clear(), plan.scale.clear();
  for (const std::size_t i : keep) plan.sensors.push_back(all.sensors[i]);
  for (std::size_t g = 0; g < regimes; ++g) {
    for (const std::size_t i : keep) {
      plan.mean.push_back(all.mean[g * s + i]);
      plan.scale.push_back(all.scale[g * s + i]);
    }
  }
}

void Training::deal_folds() {
  folds_ =
      std::min<std::size_t>(static_cast<std::size_t>(knob("FOLDS", kMostFolds)), ranges_.size());
  std::vector<std::size_t> order(ranges_.size());
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 random(static_cast<std::uint64_t>(knob("SEED", 1)));
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  fold_.resize(ranges_.size());
  for (std::size_t i = 0; i < order.size(); ++i) fold_[order[i]] = i % folds_;
}

// A member's health index: ridge regression of capped life on the state, without the units it is
// judged on; scaled to variance 1.
void Training::fit_health() {
  make_sample();
  const auto s = static_cast<Eigen::Index>(life_.plan.sensors.size());
  shared_ = 0;
  if (knob("PCS", 0) > 0) {
    Eigen::MatrixXd products = Eigen::MatrixXd::Zero(s, s);
    Eigen::VectorXd x(s);
    for (std::size_t r = 0; r < sample_.rows(); ++r) {
      if (sample_.life[r] > 0.5 * life_.cap) continue;
      for (Eigen::Index i = 0; i < s; ++i) {
        x(i) = sample_.state[r * static_cast<std::size_t>(s) + static_cast<std::size_t>(i)];
      }
      products.selfadjointView<Eigen::Lower>().rankUpdate(x);
    }
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(products);
    for (Eigen::Index j = s; j-- > 0 && shared_ < static_cast<std::size_t>(knob("PCS", 0)); ++shared_)
      for (Eigen::Index i = 0; i < s; ++i) life_.plan.health.push_back(solver.eigenvectors()(i, j));
  }
  for (std::size_t k = 0; k < folds_; ++k) {
    Eigen::MatrixXd products = Eigen::MatrixXd::Zero(s + 1, s + 1);
    Eigen::VectorXd targets = Eigen::VectorXd::Zero(s + 1), x(s + 1);
    double n = 0;
    for (std::size_t r = 0; r < sample_.rows(); ++r) {
      if (fold_[sample_.unit[r]] == k) continue;
      for (Eigen::Index i = 0; i < s; ++i) {
        x(i) = sample_.state[r * static_cast<std::size_t>(s) + static_cast<std::size_t>(i)];
      }
      x(s) = 1;
      products.selfadjointView<Eigen::Lower>().rankUpdate(x);
      targets += x * static_cast<double>(sample_.life[r]) / life_.cap;
      n += 1;
    }
    for (Eigen::Index i = 0; i < s; ++i) products(i, i) += knob("RIDGE", 0.01) * n;
    const Eigen::VectorXd weights = products.selfadjointView<Eigen::Lower>().ldlt().solve(targets);
    const double size = std::max(weights.head(s).norm(), 1e-12);
    for (Eigen::Index i = 0; i < s; ++i) life_.plan.health.push_back(weights(i) / size);
  }
}

void Training::fit_trees() {
  make_sample();
  const model::LifePlan& plan = life_.plan;
  const Binned data(sample_.features, plan.features());
  BoostOptions options;
  options.rounds = static_cast<std::size_t>(knob("ROUNDS", 400));
  options.leaves = static_cast<std::size_t>(knob("LEAVES", 24));
  options.depth = static_cast<std::size_t>(knob("DEPTH", 6));
  options.rate = knob("RATE", 0.04);
  options.rows = knob("ROWS", 0.3);
  options.columns = knob("COLS", 0.3);
  options.l2 = knob("L2", 5);
  options.least_weight = knob("LEAST", 30);
  std::vector<double> errors(options.rounds);
  for (std::size_t k = 0; k < folds_; ++k) {
    BoostTask task;
    task.data = &data;
    task.targets = sample_.life;
    task.weights = sample_.weight;
    for (std::size_t r = 0; r < sample_.rows(); ++r) {
      (fold_[sample_.unit[r]] == k ? task.watched : task.rows)
          .push_back(static_cast<std::uint32_t>(r));
    }
    for (std::size_t c = 0; c < plan.channels(); ++c) {
      if (c >= plan.sensors.size() + shared_ && c != plan.sensors.size() + shared_ + k) continue;
      for (std::size_t i = 0; i < model::kLifeStats; ++i) {
        task.features.push_back(static_cast<std::uint32_t>(c * model::kLifeStats + i));
      }
    }
    if (knob("ALWAYS", 1) > 0) task.always.push_back(static_cast<std::uint32_t>(plan.features() - 1));
    if (knob("AGE", 1) > 0)
      task.features.push_back(static_cast<std::uint32_t>(plan.features() - 1));
    options.seed = k + 1;
    members_.push_back(boost(task, options, [&](std::size_t round, std::span<const float> margins) {
      for (std::size_t i = 0; i < task.watched.size(); ++i) {
        const double error = margins[i] - sample_.life[task.watched[i]];
        errors[round] += sample_.weight[task.watched[i]] * error * error;
      }
      return true;
    }));
    tell(0.1 + 0.8 * static_cast<double>(k + 1) / static_cast<double>(folds_));
  }
  rounds_ =
      static_cast<std::size_t>(std::min_element(errors.begin(), errors.end()) - errors.begin()) + 1;
}

// The members' mean, as one forest.
model::Trees join(const std::vector<model::Trees>& members, std::size_t rounds) {
  model::Trees all;
  all.features = members.front().features;
  all.base.resize(1);
  const float share = 1 / static_cast<float>(members.size());
  for (const model::Trees& member : members) {
    all.base[0] += share * member.base[0];
    const std::size_t end =
        rounds < member.roots.size() ? member.roots[rounds] : member.nodes.size();
    const auto offset = static_cast<std::uint32_t>(all.nodes.size());
    for (std::size_t t = 0; t < std::min(rounds, member.roots.size()); ++t) {
      all.roots.push_back(member.roots[t] + offset);
    }
    for (std::size_t i = 0; i < end; ++i) {
      model::TreeNode node = member.nodes[i];
      if (node.feature < 0) {
        node.threshold *= share;
      } else {
        node.left += offset, node.right += offset;
      }
      all.nodes.push_back(node);
    }
  }
  return all;
}

void Training::predict_held() {
  answers_.resize(units_.rows());
  model::LifeFeatures features(life_.plan);
  for (std::size_t k = 0; k < folds_; ++k) {
    const model::TreeRunner runner(join({members_[k]}, rounds_));
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
    double squares = 0, n = 0, score = 0;
    for (const UnitRange& unit : ranges_) {
      model::LifeFilter filter(trust, life_.cap);
      for (std::size_t r = unit.begin; r < unit.end; ++r) {
        made[r] = filter.step(answers_[r], units_.times[r]);
        const double life = remaining(unit, r);
        if (life > knob("FAR", 1.2) * life_.cap) continue;
        const double error = std::clamp(made[r], 0.0, life_.cap) - std::min(life, life_.cap);
        squares += error * error, n += 1;
        score += error < 0 ? std::exp(-error / 13) - 1 : std::exp(error / 10) - 1;
      }
    }
    const double rmse = std::sqrt(squares / n);
    if (knob("SHIFTS",0)>0) for (double sh : {0.,1.,2.,3.}) { double q=0,w=0; for (const UnitRange& unit : ranges_) for (std::size_t r = unit.begin; r < unit.end; ++r) { const double life = remaining(unit, r); if (life > 1.2 * life_.cap) continue; double e = std::clamp(made[r]-sh, 0.0, life_.cap) - std::min(life, life_.cap); q+=e*e; w += e < 0 ? std::exp(-e / 13) - 1 : std::exp(e / 10) - 1;} std::fprintf(stderr,"  shift %g rmse %.3f score %.1f\n", sh, std::sqrt(q/n), 100*w/n);}
    std::fprintf(stderr, "trust %.2f rmse %.3f score/100 %.1f\n", trust, rmse, 100 * score / n);
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
      if (life > 1.2 * life_.cap) continue;
      const double value = std::clamp(held_[r] - life_.earlier, 0.0, life_.cap);
      held.push_back({value, std::min(life, life_.cap) - value});
    }
  }
  std::sort(held.begin(), held.end(),
            [](const Held& a, const Held& b) { return a.value < b.value; });
  const std::size_t knots = std::clamp<std::size_t>(held.size() / 200, 2, 12);
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
  keep_telling_sensors();
  deal_folds();
  tell(0.05);
  fit_health();
  tell(0.1);
  fit_trees();
  predict_held();
  choose_filter();
  life_.earlier = knob("EARLIER", 0) * life_.cap;
  set_interval();
  life_.trees = join(members_, rounds_);
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
