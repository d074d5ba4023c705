#include "model/surprise_tail.h"

#include <algorithm>
#include <cmath>

namespace lander::model {
namespace {

constexpr std::int64_t kWarmUp = 60;  // values that only set the quantile: to their greatest
constexpr double kChance = 0.01;      // of exceeding the quantile
constexpr double kQuantileRate = 0.005;
constexpr double kQuantileHalf = 50;  // values; the rate falls from 1 as 1 / (1 + seen / half)
constexpr double kExcessRate = 0.1;
constexpr double kLeastExcess = 0.4;  // a tail lighter than this is not believed
constexpr double kMostExcess = 3;     // so that one absurd value does not deafen for long
constexpr double kBodyPower = 2;      // below the quantile surprise falls as this power

}  // namespace

double SurpriseTail::at_quantile() { return -std::log10(kChance); }

double SurpriseTail::step(double value, double floor) {
  const double log_floor = std::log(floor);
  const double log_value = std::log(std::max(value, floor * 1e-3));
  const double result = surprise(log_value, log_floor);
  learn(log_value, log_floor);
  return result;
}

double SurpriseTail::surprise(double log_value, double log_floor) const {
  if (seen_ < kWarmUp) return 0;
  const double excess = log_value - std::max(log_quantile_, log_floor);
  if (excess <= 0) return at_quantile() * std::exp(kBodyPower * excess);
  return at_quantile() + excess / (log_excess_ * std::log(10.0));
}

void SurpriseTail::learn(double log_value, double log_floor) {
  ++seen_;
  if (seen_ <= kWarmUp) {
    log_quantile_ = std::max({log_value, log_floor, seen_ == 1 ? log_floor : log_quantile_});
    log_excess_ = kLeastExcess;
    return;
  }
  const bool exceeds = log_value > log_quantile_;
  if (exceeds) {
    ++exceeded_;
    const double excess = log_value - std::max(log_quantile_, log_floor);
    const double rate = std::max(kExcessRate, 1.0 / (1 + static_cast<double>(exceeded_)));
    log_excess_ += rate * (std::clamp(excess, 0.0, kMostExcess) - log_excess_);
    log_excess_ = std::max(log_excess_, kLeastExcess);
  }
  const double rate = std::max(kQuantileRate, 1 / (1 + static_cast<double>(seen_) / kQuantileHalf));
  log_quantile_ += rate * ((exceeds ? 1 : 0) - kChance);
  log_quantile_ = std::max(log_quantile_, log_floor - 1);
}

}  // namespace lander::model
