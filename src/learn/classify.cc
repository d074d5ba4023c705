// The method is described in docs/intelligence/classes.md.
#include "learn/classify.h"

#include <algorithm>
#include <cmath>

#include "learn/boost.h"
#include "learn/classify_table.h"
#include "learn/forest.h"
#include "learn/inspect.h"
#include "learn/kernel.h"
#include "learn/layout.h"
#include "model/classify.h"

namespace lander::learn {
namespace {

constexpr std::uint64_t kSeed = 6;
constexpr std::size_t kMostToShape = 800;
constexpr std::size_t kSupportBytes = 4 << 20;  // of one kernel
constexpr std::size_t kTrees = 300, kTreesToJudge = 150;
constexpr std::size_t kRounds = 240, kRoundStep = 20, kBoostedTrees = 1500;
constexpr double kLoyalty = 30;       // to the usual weights
constexpr double kKnownShare = 0.99;  // of learned rows that the limit to the unknown lets pass

// What was chosen once for all fits.
struct Plan {
  KernelShape described, outline;
  std::size_t rounds = 0;  // of boosting; 0: none
  BoostOptions boost;
};

// How much each part of the outline counts: rocket, scales, course, slopes.
constexpr double kShares[] = {0.25, 0.75, 0.5, 0.25};

std::vector<KernelPart> parts_of(const Table& table) {
  std::vector<KernelPart> parts;
  for (std::size_t i = 0; i < table.parts.size(); ++i) {
    parts.push_back({table.parts[i], kShares[i]});
  }
  return parts;
}

KernelTask kernel_task(const Table& table, std::span<const float> values, const Rows& rows,
                       std::vector<KernelPart> parts) {
  return {values,          values.size() / table.rows(), table.classes, table.class_count, rows,
          std::move(parts)};
}

std::size_t most_supports(std::size_t features) {
  return std::clamp<std::size_t>(kSupportBytes / features, 50, model::kMaxSupports);
}

model::Trees boosted(const Table& table, const Binned* binned, const Plan& plan, const Rows& rows,
                     const Rows& watched, const Watch& watch) {
  model::Trees none;
  none.features = table.features;
  none.outputs = table.class_count;
  none.base.assign(table.class_count, 0);
  if (plan.rounds == 0 || binned == nullptr) return none;
  std::vector<float> targets(table.classes.begin(), table.classes.end());
  BoostTask task;
  task.data = binned;
  task.rows = rows;
  task.targets = targets;
  task.watched = watched;
  BoostOptions options = plan.boost;
  options.rounds = plan.rounds;
  return boost(task, options, watch);
}

// Everything but fusion and limit.
model::Classify fit(const Table& table, const model::Classify& frame, const Binned* binned,
                    const Plan& plan, const Rows& rows, std::size_t trees) {
  model::Classify p = frame;
  ForestOptions options;
  options.seed = kSeed;
  options.least_leaf = rows.size() / 1500 + 1;
  options.trees = trees;
  p.forest = grow_forest(table.all.described, table.features, table.classes, table.class_count,
                         rows, options);
  p.boosted = boosted(table, binned, plan, rows, {}, {});
  const auto kernel = [&](std::span<const float> values, std::vector<KernelPart> parts,
                          const KernelShape& shape) {
    if (values.empty()) return model::Kernel();
    const Rows some = some_of(table, rows, most_supports(values.size() / table.rows()));
    return fit_kernel(kernel_task(table, values, some, std::move(parts)), shape);
  };
  p.described = kernel(table.all.described, {}, plan.described);
  p.outline = kernel(table.all.outline, parts_of(table), plan.outline);
  return p;
}

struct Judged {
  std::vector<double> scores;  // rows x kMembers x classes, each row by a fit without it
};

void copy_row(const std::vector<float>& all, std::size_t r, std::vector<float>& row) {
  std::copy_n(all.begin() + std::ptrdiff_t(r * row.size()), row.size(), row.begin());
}

Judged judge(const Table& table, const model::Classify& frame, const Binned* binned,
             const Plan& plan, const std::function<void(double)>& progress) {
  const std::size_t folds = table.rows() <= 500 ? 10 : 5;
  const std::vector<std::size_t> fold = folds_of(table, folds);
  Judged judged;
  const std::size_t width = model::kMembers * table.class_count;
  judged.scores.resize(table.rows() * width);
  model::View view = model::Viewer(frame.layout).empty();
  for (std::size_t f = 0; f < folds; ++f) {
    Rows rows;
    for (std::size_t r = 0; r < table.rows(); ++r) {
      if (fold[r] != f) rows.push_back(static_cast<std::uint32_t>(r));
    }
    if (rows.empty() || rows.size() == table.rows()) continue;
    const model::Classify p = fit(table, frame, binned, plan, rows, kTreesToJudge);
    model::Members members(p);
    for (std::size_t r = 0; r < table.rows(); ++r) {
      if (fold[r] != f) continue;
      copy_row(table.all.described, r, view.described);
      copy_row(table.all.outline, r, view.outline);
      const auto scores = members.score(view);
      std::copy(scores.begin(), scores.end(), judged.scores.begin() + std::ptrdiff_t(r * width));
    }
    if (progress) progress(0.1 + 0.7 * double(f + 1) / double(folds));
  }
  return judged;
}

struct Quality {
  double loss = 0, accuracy = 0;
};

Quality quality(const Table& table, const Judged& judged, std::span<const double> fusion) {
  const std::size_t width = model::kMembers * table.class_count;
  std::vector<double> probabilities(table.class_count);
  Quality sum;
  for (std::size_t r = 0; r < table.rows(); ++r) {
    model::fuse({&judged.scores[r * width], width}, fusion, probabilities);
    const std::uint32_t truth = table.classes[r];
    const auto best = std::max_element(probabilities.begin(), probabilities.end());
    sum.loss -= std::log(std::max(probabilities[truth], 1e-9));
    sum.accuracy += best - probabilities.begin() == std::ptrdiff_t(truth) ? 1 : 0;
  }
  sum.loss /= static_cast<double>(table.rows());
  sum.accuracy /= static_cast<double>(table.rows());
  return sum;
}

// What a weight may be when the rows say little: by how sharp each member's scores are.
std::vector<double> usual_weights(bool waves) {
  if (waves) return {0.4, 0, 0.2, 5};
  return {0.5, 0.3, 2, 0};
}

// The weights of least log-loss on rows that the members had not seen, one step at a time. Few
// numbers, so that the log-loss they are judged by is hardly flattered; they also make the
// probabilities honest. On few rows they stay close to the usual proportions.
std::vector<double> weights_of(const Table& table, const Judged& judged) {
  const std::vector<double> usual = usual_weights(table.has_waves());
  std::vector<double> fusion = usual;
  double common = 1;
  const auto cost = [&] {
    double far = 0;
    for (std::size_t m = 0; m < fusion.size(); ++m) {
      if (usual[m] == 0) continue;
      const double ratio = std::log(fusion[m] / (common * usual[m]));
      far += ratio * ratio;
    }
    return quality(table, judged, fusion).loss + kLoyalty * far / double(table.rows());
  };
  double least = cost();
  const auto keep_if_better = [&](const std::vector<double>& weights, double scale) {
    const std::vector<double> kept = fusion;
    const double kept_common = common;
    fusion = weights;
    common = scale;
    const double now = cost();
    if (now < least) {
      least = now;
    } else {
      fusion = kept;
      common = kept_common;
    }
  };
  for (const double step : {2.0, 1.4, 1.15, 1.05}) {
    for (int sweep = 0; sweep < 8; ++sweep) {
      const double before = least;
      for (const double factor : {step, 1 / step}) {
        std::vector<double> all = fusion;
        for (double& weight : all) weight = std::min(weight * factor, 1e3);
        keep_if_better(all, common * factor);
        for (std::size_t m = 0; m < fusion.size(); ++m) {
          std::vector<double> one = fusion;
          one[m] = std::min(one[m] * factor, 1e3);
          keep_if_better(one, common);
        }
      }
      if (least > before - 1e-5) break;
    }
  }
  return fusion;
}

// Rounds of boosting, by the log-loss of rows that were held out.
void plan_boosting(const Table& table, const Binned& binned, Plan& plan) {
  plan.boost.loss = Loss::kSoftmax;
  plan.boost.classes = table.class_count;
  plan.boost.rate = 0.1;
  plan.boost.depth = 6;
  plan.boost.leaves = 16;
  plan.boost.least_weight = 1;
  plan.boost.rows = 0.7;
  plan.boost.seed = kSeed;
  plan.rounds = std::min(kRounds, kBoostedTrees / table.class_count);
  const std::vector<std::size_t> fold = folds_of(table, 4);
  Rows rows, held;
  for (std::size_t r = 0; r < table.rows(); ++r) {
    (fold[r] == 0 ? held : rows).push_back(static_cast<std::uint32_t>(r));
  }
  double least = 1e300;
  std::size_t best = 0;
  const auto watch = [&](std::size_t round, std::span<const float> margins) {
    if ((round + 1) % kRoundStep != 0) return true;
    double loss = 0;
    for (std::size_t i = 0; i < held.size(); ++i) {
      const auto row = margins.subspan(i * table.class_count, table.class_count);
      const double most = *std::max_element(row.begin(), row.end());
      double sum = 0;
      for (const float margin : row) sum += std::exp(margin - most);
      loss += std::log(sum) - (row[table.classes[held[i]]] - most);
    }
    if (loss < least) best = round + 1;
    least = std::min(least, loss);
    return round + 1 < best + 3 * kRoundStep;
  };
  boosted(table, &binned, plan, rows, held, watch);
  plan.rounds = best;
}

std::vector<std::string> names_of(const std::vector<model::Input>& inputs) {
  std::vector<std::string> names;
  for (const model::Input& input : inputs) {
    names.push_back(input.property.empty() ? input.datastream : input.property);
  }
  return names;
}

void set_ranges(const Labelled& rows, const Rows& usable, model::Model& model) {
  for (std::size_t i = 0; i < model.inputs.size(); ++i) {
    double least = 0, most = 0;
    bool any = false;
    for (const std::uint32_t row : usable) {
      const double value = rows.values[row * model.inputs.size() + i];
      if (std::isnan(value)) continue;
      least = any ? std::min(least, value) : value;
      most = any ? std::max(most, value) : value;
      any = true;
    }
    model.inputs[i].least = least;
    model.inputs[i].most = most;
  }
}

void set_lineage(const Request& request, std::size_t rows, std::size_t used,
                 model::Lineage& lineage) {
  lineage.parent = request.parent;
  lineage.method = "class";
  lineage.asset = request.asset;
  lineage.created = request.now;
  lineage.rows = static_cast<std::int64_t>(used);
  lineage.rows_left_out = static_cast<std::int64_t>(rows - used);
  lineage.labels_digest = request.labels_digest;
  lineage.trained_by = request.trained_by;
}

// How good each member and all together were on rows they had not seen.
std::vector<model::Metric> metrics_of(const Table& table, const Judged& judged,
                                      const model::Classify& p) {
  const Quality fused = quality(table, judged, p.fusion);
  std::vector<model::Metric> metrics = {{"classes", double(p.classes.size())},
                                        {"waves", double(p.layout.waves.size())},
                                        {"accuracy_cross_validated", fused.accuracy},
                                        {"log_loss_cross_validated", fused.loss}};
  const char* const names[model::kMembers] = {"forest", "boosted", "described", "outline"};
  for (std::size_t m = 0; m < model::kMembers; ++m) {
    metrics.push_back({std::string("weight_of_") + names[m], p.fusion[m]});
    if (p.fusion[m] == 0) continue;
    std::vector<double> alone(model::kMembers);
    alone[m] = p.fusion[m];
    metrics.push_back({std::string("accuracy_cross_validated_of_") + names[m],
                       quality(table, judged, alone).accuracy});
  }
  return metrics;
}

}  // namespace

base::Result<model::Model> train_class(const Labelled& rows, const ClassRequest& request,
                                       const std::function<void(double)>& progress) {
  model::Classify p;
  p.label = request.roles.label;
  LANDER_ASSIGN(const Rows usable, usable_rows(rows, p.classes));
  p.layout = find_layout(names_of(rows.inputs), rows.values);
  const Table table = describe(rows, usable, p);
  Rows all(table.rows());
  for (std::size_t r = 0; r < all.size(); ++r) all[r] = static_cast<std::uint32_t>(r);
  if (progress) progress(0.05);

  Plan plan;
  const Rows few = some_of(table, all, kMostToShape);
  plan.described = choose_shape(kernel_task(table, table.all.described, few, {}));
  if (table.has_waves()) {
    plan.outline = choose_shape(kernel_task(table, table.all.outline, few, parts_of(table)));
  }
  const Binned binned(table.all.described, table.features);
  if (!table.has_waves()) plan_boosting(table, binned, plan);
  if (progress) progress(0.1);

  const Judged judged = judge(table, p, &binned, plan, progress);
  p = fit(table, p, &binned, plan, all, kTrees);
  p.fusion = weights_of(table, judged);
  std::vector<double> near = nearest_others(p.described);
  // Of few rows the quantile is hardly known, and rows to come lie a little further out.
  const double room = 1 + 1 / std::sqrt(static_cast<double>(near.size()));
  p.limit = std::max(room * quantile(near, kKnownShare), 1.0);
  if (progress) progress(0.95);

  model::Model model;
  model.inputs = rows.inputs;
  set_ranges(rows, usable, model);
  set_lineage(request.request, rows.rows(), usable.size(), model.lineage);
  model.lineage.metrics = metrics_of(table, judged, p);
  if (auto status = model::validate(p); !status.ok()) return status.error();
  model.body = model::encode(p);
  return model;
}

}  // namespace lander::learn
