#include "model/life.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace lander::model {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr double kMost = 1e30;  // fits in a float

}  // namespace

std::size_t LifePlan::regime_of(std::span<const double> row) const {
  const std::size_t n = settings.size();
  std::size_t best = 0;
  double least = INFINITY;
  for (std::size_t r = 0; n > 0 && r < regimes(); ++r) {
    double distance = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double apart = (row[settings[i]] - centres[r * n + i]) / reach[i];
      if (std::isfinite(apart)) distance += std::min(apart * apart, 1e6);
    }
    if (distance < least) least = distance, best = r;
  }
  return best;
}

LifeFeatures::LifeFeatures(const LifePlan& plan)
    : plan_(plan),
      z_(plan.channels()),
      history_(plan.channels() * plan.window.back()),
      times_(plan.window.back()),
      first_(plan.channels()),
      first_n_(plan.channels()),
      features_(plan.features()),
      state_(plan.sensors.size()) {
  reset();
}

void LifeFeatures::reset() {
  rows_ = 0;
  std::fill(z_.begin(), z_.end(), NAN);
  std::fill(first_.begin(), first_.end(), 0.0);
  std::fill(first_n_.begin(), first_n_.end(), 0.0);
}

void LifeFeatures::standardise(std::span<const double> row) {
  const std::size_t sensors = plan_.sensors.size();
  const std::size_t regime = plan_.regime_of(row);
  for (std::size_t i = 0; i < sensors; ++i) {
    const std::size_t at = regime * sensors + i;
    const double z = (row[plan_.sensors[i]] - plan_.mean[at]) / plan_.scale[at];
    if (std::isfinite(z)) z_[i] = std::clamp(z, -kLifeClip, kLifeClip);
  }
  for (std::size_t m = 0; m < plan_.indices(); ++m) {
    double sum = 0;
    for (std::size_t i = 0; i < sensors; ++i) {
      if (!std::isnan(z_[i])) sum += plan_.health[m * sensors + i] * z_[i];
    }
    z_[sensors + m] = sum;
  }
}

// Means and slopes over the last rows of each window, as far as there are rows with a value.
void LifeFeatures::describe(std::size_t channel) {
  const std::size_t longest = plan_.window.back();
  const double* const ring = &history_[channel * longest];
  float* const out = &features_[channel * kLifeStats];
  double n = 0, sum = 0, t_sum = 0, tt_sum = 0, tx_sum = 0;
  std::size_t age = 0;
  for (std::size_t w = 0; w < kLifeWindows; ++w) {
    for (; age < std::min<std::size_t>(plan_.window[w], rows_); ++age) {
      const std::size_t slot = (rows_ - 1 - age) % longest;
      const double x = ring[slot], t = times_[slot] - time_;
      if (std::isnan(x)) break;  // known values never end: older ones are missing too
      n += 1, sum += x, t_sum += t, tt_sum += t * t, tx_sum += t * x;
    }
    const double spread = tt_sum - t_sum * t_sum / std::max(n, 1.0);
    out[2 * w] = n > 0 ? static_cast<float>(sum / n) : kMissing;
    const double slope = n > 2 && spread > 0 ? (tx_sum - t_sum * sum / n) / spread : NAN;
    out[2 * w + 1] = std::abs(slope) <= kMost ? static_cast<float>(slope) : kMissing;
  }
  if (!std::isnan(z_[channel]) && first_n_[channel] < plan_.window[1]) {
    first_[channel] += z_[channel];
    first_n_[channel] += 1;
  }
  out[2 * kLifeWindows] = out[2];
  if (first_n_[channel] > 0) {
    out[2 * kLifeWindows] -= static_cast<float>(first_[channel] / first_n_[channel]);
  }
  if (channel < state_.size()) state_[channel] = out[2];
}

std::span<const float> LifeFeatures::push(std::span<const double> row, double time) {
  LANDER_CHECK(row.size() == plan_.inputs);
  if (!std::isfinite(time)) time = time_;
  if (rows_ == 0) begin_ = time_ = time;
  time_ = std::max(time_, time);
  standardise(row);
  const std::size_t longest = plan_.window.back(), slot = rows_ % longest;
  ++rows_;
  times_[slot] = time_;
  for (std::size_t c = 0; c < plan_.channels(); ++c) {
    history_[c * longest + slot] = z_[c];
    describe(c);
  }
  features_.back() = static_cast<float>(std::min(time_ - begin_, kMost));
  return features_;
}

double LifeFilter::step(double answer, double time) {
  if (!begun_) {
    last_ = answer;
    time_ = std::isfinite(time) ? time : 0;
  } else {
    if (!std::isfinite(time)) time = time_;
    const double elapsed = std::clamp(time - time_, 0.0, cap_);
    // What the row before promised; near the cap that is "or longer" and does not run down.
    const double promised = last_ - elapsed * std::clamp(2 - 2 * last_ / cap_, 0.0, 1.0);
    last_ = trust_ * answer + (1 - trust_) * std::max(promised, 0.0);
    time_ = std::max(time_, time);
  }
  begun_ = true;
  return last_;
}

LifePredictor::LifePredictor(Life life)
    : life_(std::move(life)),
      runner_(life_.trees),
      features_(life_.plan),
      filter_(life_.trust, life_.cap) {
  prediction_.shares.resize(life_.plan.inputs);
}

void LifePredictor::reset() {
  features_.reset();
  filter_.reset();
}

const Prediction& LifePredictor::predict(std::span<const double> row, double time) {
  float answer = 0;
  runner_.evaluate(features_.push(row, time), {&answer, 1});
  const double value = std::clamp(filter_.step(answer, time) - life_.earlier, 0.0, life_.cap);
  const auto above = std::upper_bound(life_.knots.begin() + 1, life_.knots.end() - 1, value);
  const auto i = static_cast<std::size_t>(above - life_.knots.begin());
  const double part =
      std::clamp((value - life_.knots[i - 1]) / (life_.knots[i] - life_.knots[i - 1]), 0.0, 1.0);
  const double low = life_.low[i - 1] + part * (life_.low[i] - life_.low[i - 1]);
  const double high = life_.high[i - 1] + part * (life_.high[i] - life_.high[i - 1]);
  prediction_.value = value;
  prediction_.low = std::clamp(value - low, 0.0, value);
  prediction_.high = std::clamp(value + high, value, life_.cap);
  explain();
  return prediction_;
}

// By the size of each sensor's part in the health indices.
void LifePredictor::explain() {
  const LifePlan& plan = life_.plan;
  const std::size_t sensors = plan.sensors.size();
  const std::span<const float> state = features_.state();
  double total = 0;
  for (std::size_t i = 0; i < sensors; ++i) {
    double weight = 0;
    for (std::size_t m = 0; m < plan.indices(); ++m)
      weight += std::abs(plan.health[m * sensors + i]);
    const double part = std::isnan(state[i]) ? 0 : weight * std::abs(state[i]);
    prediction_.shares[plan.sensors[i]] = part;
    total += part;
  }
  for (const std::uint32_t input : plan.sensors) {
    double& share = prediction_.shares[input];
    share = total > 0 ? share / total : 1 / static_cast<double>(sensors);
  }
}

}  // namespace lander::model
