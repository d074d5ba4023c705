#include "model/classify.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"

namespace lander::model {
namespace {

constexpr double kSteps = 16;  // of compress()
constexpr double kVoteFloor = 0.5;

class Classifier : public Predictor {
 public:
  explicit Classifier(Classify parameters)
      : p_(std::move(parameters)),
        viewer_(p_.layout),
        members_(p_),
        view_(viewer_.empty()),
        probabilities_(p_.classes.size()) {
    prediction_.shares.resize(inputs());
  }

  std::size_t inputs() const override { return p_.layout.inputs(); }
  void reset() override {}

  const Prediction& predict(std::span<const double> row, double) override {
    LANDER_CHECK(row.size() == inputs());
    viewer_.look(row, p_.biases, view_);
    fuse(members_.score(view_), p_.fusion, probabilities_);
    const double nearest = members_.nearest();
    if (nearest > p_.limit) {
      prediction_.label = kUnknown;
      prediction_.probability = 1 - p_.limit / nearest;
    } else {
      const auto best = std::max_element(probabilities_.begin(), probabilities_.end());
      prediction_.label = p_.classes[static_cast<std::size_t>(best - probabilities_.begin())];
      prediction_.probability = *best;
    }
    share();
    return prediction_;
  }

 private:
  // How far each input is from the middle of what was learned, in its scale.
  void share() {
    auto& shares = prediction_.shares;
    std::fill(shares.begin(), shares.end(), 0.0);
    double sum = 0;
    for (std::size_t f = 0; f < view_.described.size(); ++f) {
      const double far =
          std::abs(compress(view_.described[f], p_.described.centre[f], p_.described.scale[f]));
      shares[viewer_.input_of(f)] += far;
      sum += far;
    }
    for (double& one : shares) {
      one = sum > 0 ? one / sum : 1 / static_cast<double>(shares.size());
    }
    for (const auto& wave : p_.layout.waves) {
      const double each = shares[wave.front()] / static_cast<double>(wave.size());
      if (sum > 0) {
        for (const std::uint32_t input : wave) shares[input] = each;
      }
    }
  }

  const Classify p_;
  Viewer viewer_;
  Members members_;
  View view_;
  std::vector<double> probabilities_;
  Prediction prediction_;
};

}  // namespace

std::int8_t compress(float value, float centre, float scale) {
  if (!(scale > 0) || std::isnan(value)) return 0;
  const double steps = kSteps * std::asinh((double{value} - double{centre}) / double{scale});
  return static_cast<std::int8_t>(std::lround(std::clamp(steps, -127.0, 127.0)));
}

float distance(std::span<const std::int8_t> a, std::span<const std::int8_t> b,
               std::span<const float> relevance) {
  std::array<float, 16> sums{};  // apart, so that they are added side by side
  std::size_t i = 0;
  for (; i + sums.size() <= a.size(); i += sums.size()) {
    for (std::size_t j = 0; j < sums.size(); ++j) {
      const int difference = std::abs(a[i + j] - b[i + j]);
      sums[j] += relevance[i + j] * static_cast<float>(difference);
    }
  }
  for (; i < a.size(); ++i) {
    sums[0] += relevance[i] * static_cast<float>(std::abs(a[i] - b[i]));
  }
  float sum = 0;
  for (const float one : sums) sum += one;
  return sum;
}

Viewer::Viewer(const Layout& layout) : features_(layout), rocket_(layout) {}

std::array<std::size_t, 4> Viewer::parts() const {
  return {rocket_.size(), features_.scales().size(), features_.course().size(),
          features_.slopes().size()};
}

std::size_t Viewer::outline() const {
  std::size_t sum = 0;
  for (const std::size_t part : parts()) sum += part;
  return sum;
}

View Viewer::empty() const {
  return {std::vector<float>(described()), std::vector<float>(outline())};
}

void Viewer::look(std::span<const double> row, std::span<const float> biases, View& view) {
  features_.describe(row, view.described);
  if (rocket() == 0) return;
  rocket_.transform(features_, biases, std::span(view.outline).first(rocket()));
  auto at = view.outline.begin() + static_cast<std::ptrdiff_t>(rocket());
  for (const auto part : {features_.scales(), features_.course(), features_.slopes()}) {
    at = std::copy(part.begin(), part.end(), at);
  }
}

void Viewer::draw(std::span<const double> row, std::span<const bool> chosen,
                  std::span<const double> draws, std::span<float> biases, View& view) {
  features_.describe(row, view.described);
  rocket_.draw(features_, chosen, draws, biases);
}

Members::Members(const Classify& parameters)
    : p_(parameters),
      boosted_(parameters.boosted),
      margins_(parameters.boosted.base.size()),
      bytes_(std::max(parameters.described.features(), parameters.outline.features())),
      scores_(kMembers * parameters.classes.size()) {}

std::span<const double> Members::score(const View& view) {
  const std::size_t classes = p_.classes.size();
  const std::span<double> scores(scores_);
  std::fill(scores_.begin(), scores_.end(), 0.0);
  vote(view.described);
  if (!p_.boosted.roots.empty()) {
    boosted_.evaluate(view.described, margins_);
    std::copy(margins_.begin(), margins_.end(), scores.begin() + std::ptrdiff_t(classes));
  }
  nearest_ = kernel(p_.described, view.described, scores.subspan(2 * classes, classes));
  kernel(p_.outline, view.outline, scores.subspan(3 * classes, classes));
  return scores;
}

void Members::vote(std::span<const float> row) {
  const std::span<double> votes(scores_.data(), p_.classes.size());
  for (const std::uint32_t root : p_.forest.roots) {
    const TreeNode* node = &p_.forest.nodes[root];
    while (node->feature >= 0) {
      const float value = row[static_cast<std::size_t>(node->feature)];
      const bool left = std::isnan(value) ? node->default_left : value < node->threshold;
      node = &p_.forest.nodes[left ? node->left : node->right];
    }
    ++votes[static_cast<std::size_t>(node->threshold)];
  }
  const double all =
      static_cast<double>(p_.forest.roots.size()) + kVoteFloor * double(votes.size());
  for (double& vote : votes) vote = std::log((vote + kVoteFloor) / all);
}

// The mean distance to the nearest supports; without supports: nothing.
double Members::kernel(const Kernel& k, std::span<const float> row, std::span<double> out) {
  const std::size_t n = k.features(), classes = out.size();
  if (k.rows() == 0) return 0;
  const std::span<std::int8_t> bytes(bytes_.data(), n);
  for (std::size_t f = 0; f < n; ++f) bytes[f] = compress(row[f], k.centre[f], k.scale[f]);
  std::array<double, kMaxNeighbours> least;
  least.fill(1e30);
  std::copy(k.base.begin(), k.base.end(), out.begin());
  for (std::size_t r = 0; r < k.rows(); ++r) {
    const double far = distance(bytes, {&k.supports[r * n], n}, k.relevance);
    const double near = std::exp(-far / k.width);
    for (std::size_t c = 0; c < classes; ++c) out[c] += near * double{k.weights[r * classes + c]};
    if (far < least.back()) {
      least.back() = far;
      std::sort(least.begin(), least.end());
    }
  }
  const std::size_t neighbours = std::min(k.rows(), kMaxNeighbours);
  double sum = 0;
  for (std::size_t i = 0; i < neighbours; ++i) sum += least[i];
  return sum / static_cast<double>(neighbours);
}

void fuse(std::span<const double> scores, std::span<const double> fusion, std::span<double> out) {
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t m = 0; m < kMembers; ++m) {
    for (std::size_t c = 0; c < out.size(); ++c) out[c] += fusion[m] * scores[m * out.size() + c];
  }
  const double most = *std::max_element(out.begin(), out.end());
  double sum = 0;
  for (double& one : out) sum += one = std::exp(one - most);
  for (double& one : out) one /= sum;
}

base::Result<std::unique_ptr<Predictor>> make_classifier(const Model& model) {
  LANDER_ASSIGN(Classify parameters, decode_classify(model.body));
  if (parameters.layout.inputs() != model.inputs.size()) {
    return base::Error(base::Code::kInvalid,
                       "model: " + std::to_string(model.inputs.size()) + " inputs named, but " +
                           std::to_string(parameters.layout.inputs()) + " in its parameters");
  }
  return std::unique_ptr<Predictor>(std::make_unique<Classifier>(std::move(parameters)));
}

}  // namespace lander::model
