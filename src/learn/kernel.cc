#include "learn/kernel.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <Eigen/Dense>

#include "base/check.h"

namespace lander::learn {
namespace {

constexpr double kWidths[] = {1, 3.3}, kRidges[] = {0.01, 0.03, 0.1, 0.3};
constexpr double kShareSteps = 1000;  // of the bytes, that a share of 1 is in the median
constexpr double kSharpness[] = {3, 5, 8, 12, 20};  // of a softmax over scores around 0..1

// Centre and scale of a feature over the rows; scale 0: constant.
void standardise(const KernelTask& task, std::size_t f, float& centre, float& scale) {
  std::vector<float> values;
  for (const std::uint32_t row : task.rows) {
    const float value = task.values[row * task.features + f];
    if (!std::isnan(value)) values.push_back(value);
  }
  centre = scale = 0;
  if (values.size() < 2) return;
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  const double low = at(0.05), high = at(0.95);
  double sum = 0, squares = 0;  // of what lies within a range beyond the middle 90 %
  const double room = std::max(high - low, 0.0);
  for (const double value : values) sum += std::clamp(value, low - room, high + room);
  const double middle = sum / static_cast<double>(values.size());
  for (double value : values) {
    value = std::clamp(value, low - room, high + room) - middle;
    squares += value * value;
  }
  double spread = std::sqrt(squares / static_cast<double>(values.size()));
  // Nearly always the same: what differs is rare, and one step of its own size.
  if (room == 0) spread = (double{values.back()} - double{values.front()}) / 4;
  if (!(spread > 1e-9 * std::max(std::abs(middle), 1e-3))) return;
  centre = static_cast<float>(middle);
  scale = static_cast<float>(std::min(spread, 1e30));
}

// The F statistic between classes of the feature's ranks (as Kruskal & Wallis 1952 compare groups),
// over their mean: a kernel on many features must know which of them tell the classes apart.
void set_relevance(const KernelTask& task, model::Kernel& kernel) {
  const std::size_t rows = task.rows.size();
  std::vector<std::uint32_t> order(rows);
  std::vector<double> rank(rows), sums(task.class_count), counts(task.class_count);
  for (const std::uint32_t row : task.rows) counts[task.classes[row]] += 1;
  const auto byte = [&](std::uint32_t i, std::size_t f) {
    return kernel.supports[i * task.features + f];
  };
  double total = 0;
  for (std::size_t f = 0; f < task.features; ++f) {
    for (std::size_t i = 0; i < rows; ++i) order[i] = static_cast<std::uint32_t>(i);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return byte(a, f) < byte(b, f); });
    for (std::size_t i = 0; i < rows;) {
      std::size_t end = i;
      while (end < rows && byte(order[end], f) == byte(order[i], f)) ++end;
      const double shared = (static_cast<double>(i + end) - 1) / 2;
      for (; i < end; ++i) rank[order[i]] = shared - (static_cast<double>(rows) - 1) / 2;
    }
    std::fill(sums.begin(), sums.end(), 0.0);
    double squares = 0, between = 0, groups = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      sums[task.classes[task.rows[i]]] += rank[i];
      squares += rank[i] * rank[i];
    }
    for (std::size_t c = 0; c < sums.size(); ++c) {
      if (counts[c] == 0) continue;
      between += sums[c] * sums[c] / counts[c];
      groups += 1;
    }
    const double within = std::max(squares - between, 1e-3 * squares);
    const double freedom = std::max(static_cast<double>(rows) - groups, 1.0);
    const double f_statistic =
        squares > 0 && groups > 1 ? between / (groups - 1) / (within / freedom) : 0;
    kernel.relevance.push_back(static_cast<float>(f_statistic));
    total += f_statistic;
  }
  const double mean = total / static_cast<double>(task.features);
  for (float& one : kernel.relevance) one = mean > 0 ? static_cast<float>(one / mean) : 1;
}

// Between the rows in `count` features from `begin`.
Eigen::MatrixXd distances(const model::Kernel& kernel, std::size_t begin, std::size_t count) {
  const std::size_t rows = kernel.rows(), features = kernel.features();
  Eigen::MatrixXd result = Eigen::MatrixXd::Zero(Eigen::Index(rows), Eigen::Index(rows));
  const auto support = [&](std::size_t r) {
    return std::span<const std::int8_t>(&kernel.supports[r * features + begin], count);
  };
  const auto relevance = std::span<const float>(kernel.relevance).subspan(begin, count);
  for (std::size_t a = 0; a < rows; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      result(Eigen::Index(a), Eigen::Index(b)) = result(Eigen::Index(b), Eigen::Index(a)) =
          double{model::distance(support(a), support(b), relevance)};
    }
  }
  return result;
}

Eigen::MatrixXd distances(const model::Kernel& kernel) {
  return distances(kernel, 0, kernel.features());
}

double median_distance(const Eigen::MatrixXd& distances) {
  std::vector<double> values;
  for (Eigen::Index a = 0; a < distances.rows(); ++a) {
    for (Eigen::Index b = 0; b < a; ++b) values.push_back(distances(a, b));
  }
  if (values.empty()) return 1;
  const auto middle = values.begin() + std::ptrdiff_t(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return std::max(*middle, 1e-3);
}

// Gives each part its share of the distance.
void balance(const KernelTask& task, model::Kernel& kernel) {
  std::size_t begin = 0;
  for (const KernelPart& part : task.parts) {
    const double median = median_distance(distances(kernel, begin, part.features));
    for (std::size_t f = begin; f < begin + part.features; ++f) {
      kernel.relevance[f] *= static_cast<float>(kShareSteps * part.share / std::max(median, 1.0));
    }
    begin += part.features;
  }
}

model::Kernel supports_of(const KernelTask& task) {
  model::Kernel kernel;
  kernel.centre.resize(task.features);
  kernel.scale.resize(task.features);
  for (std::size_t f = 0; f < task.features; ++f) {
    standardise(task, f, kernel.centre[f], kernel.scale[f]);
  }
  kernel.supports.reserve(task.rows.size() * task.features);
  for (const std::uint32_t row : task.rows) {
    for (std::size_t f = 0; f < task.features; ++f) {
      kernel.supports.push_back(
          model::compress(task.values[row * task.features + f], kernel.centre[f], kernel.scale[f]));
    }
  }
  set_relevance(task, kernel);
  balance(task, kernel);
  return kernel;
}

// One column a class: 1 where the row is of it, less the class' share.
Eigen::MatrixXd targets_of(const KernelTask& task, Eigen::RowVectorXd& base) {
  Eigen::MatrixXd targets =
      Eigen::MatrixXd::Zero(Eigen::Index(task.rows.size()), Eigen::Index(task.class_count));
  for (std::size_t i = 0; i < task.rows.size(); ++i) {
    targets(Eigen::Index(i), task.classes[task.rows[i]]) = 1;
  }
  base = targets.colwise().mean();
  targets.rowwise() -= base;
  return targets;
}

double misses(const KernelTask& task, const Eigen::MatrixXd& scores) {
  double count = 0;
  for (Eigen::Index i = 0; i < scores.rows(); ++i) {
    Eigen::Index best = 0;
    scores.row(i).maxCoeff(&best);
    count += best == task.classes[task.rows[static_cast<std::size_t>(i)]] ? 0 : 1;
  }
  return count;
}

double log_loss(const KernelTask& task, const Eigen::MatrixXd& scores) {
  double least = 1e300;
  for (const double sharpness : kSharpness) {
    double loss = 0;
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
      const double most = scores.row(i).maxCoeff();
      double sum = 0;
      for (Eigen::Index c = 0; c < scores.cols(); ++c) {
        sum += std::exp(sharpness * (scores(i, c) - most));
      }
      const auto truth = task.classes[task.rows[static_cast<std::size_t>(i)]];
      loss += std::log(sum) - sharpness * (scores(i, truth) - most);
    }
    least = std::min(least, loss);
  }
  return least;
}

}  // namespace

KernelShape choose_shape(const KernelTask& task) {
  const Eigen::MatrixXd far = distances(supports_of(task));
  const double scale = median_distance(far);
  Eigen::RowVectorXd base;
  const Eigen::MatrixXd targets = targets_of(task, base);
  const auto identity = Eigen::MatrixXd::Identity(far.rows(), far.cols());
  KernelShape best;
  double least = 1e300;
  for (const double width : kWidths) {
    const Eigen::MatrixXd near = (-far / (width * scale)).array().exp();
    for (const double ridge : kRidges) {
      const Eigen::LLT<Eigen::MatrixXd> solver(near + ridge * identity);
      if (solver.info() != Eigen::Success) continue;
      const Eigen::MatrixXd inverse = solver.solve(identity);
      const Eigen::MatrixXd weights = inverse * targets;
      Eigen::MatrixXd left_out = targets - inverse.diagonal().cwiseInverse().asDiagonal() * weights;
      left_out.rowwise() += base;
      const double loss = 0.1 * log_loss(task, left_out) + misses(task, left_out);
      if (loss < least) best = {width, ridge};
      least = std::min(least, loss);
    }
  }
  return best;
}

model::Kernel fit_kernel(const KernelTask& task, const KernelShape& shape) {
  LANDER_CHECK(!task.rows.empty() && task.rows.size() <= model::kMaxSupports);
  model::Kernel kernel = supports_of(task);
  Eigen::MatrixXd near = distances(kernel);
  kernel.width = shape.width * median_distance(near);
  near = (-near / kernel.width).array().exp();
  near.diagonal().array() += shape.ridge;
  Eigen::RowVectorXd base;
  const Eigen::MatrixXd targets = targets_of(task, base);
  // The Laplace kernel is positive definite, and the ridge is far above rounding.
  const Eigen::MatrixXd weights = near.llt().solve(targets);
  for (Eigen::Index i = 0; i < weights.rows(); ++i) {
    for (Eigen::Index c = 0; c < weights.cols(); ++c) {
      kernel.weights.push_back(static_cast<float>(weights(i, c)));
    }
  }
  for (Eigen::Index c = 0; c < base.cols(); ++c) {
    kernel.base.push_back(static_cast<float>(base(c)));
  }
  return kernel;
}

std::vector<double> nearest_others(const model::Kernel& kernel) {
  const std::size_t rows = kernel.rows(), features = kernel.features();
  std::vector<double> result, far;
  for (std::size_t a = 0; a < rows; ++a) {
    far.clear();
    for (std::size_t b = 0; b < rows; ++b) {
      if (b == a) continue;
      far.push_back(model::distance({&kernel.supports[a * features], features},
                                    {&kernel.supports[b * features], features}, kernel.relevance));
    }
    const std::size_t near = std::min(far.size(), model::kMaxNeighbours);
    std::partial_sort(far.begin(), far.begin() + std::ptrdiff_t(near), far.end());
    double sum = 0;
    for (std::size_t i = 0; i < near; ++i) sum += far[i];
    result.push_back(near > 0 ? sum / static_cast<double>(near) : 0);
  }
  return result;
}

}  // namespace lander::learn
