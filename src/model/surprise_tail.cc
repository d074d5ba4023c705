#include "model/surprise_tail.h"

#include <algorithm>
#include <cmath>

namespace lander::model {
namespace {

constexpr std::int64_t kWarmUp = 60;  // values of which the greatest is where the quantile starts
constexpr double kChance = 0.01;      // of exceeding the quantile
constexpr double kRate = 0.005, kHalf = 50;  // the rate falls from 1 as 1 / (1 + seen / half)
constexpr double kLogExcess = 0.6;           // the tail's mean log excess, assumed

}  // namespace

bool SurpriseTail::exceeded_by(double value, double floor) const {
  return seen_ >= kWarmUp && std::log(std::max(value, floor)) > log_quantile_ && value > floor;
}

double SurpriseTail::step(double value, double floor) {
  const double log_floor = std::log(floor);
  const double log_value = std::log(std::max(value, floor * 1e-3));
  if (++seen_ <= kWarmUp) {
    log_quantile_ = std::max({log_value, log_floor, seen_ == 1 ? log_floor : log_quantile_});
    return 0;
  }
  const double excess = log_value - std::max(log_quantile_, log_floor);
  const double rate = std::max(kRate, 1 / (1 + static_cast<double>(seen_) / kHalf));
  log_quantile_ += rate * ((log_value > log_quantile_ ? 1 : 0) - kChance);
  log_quantile_ = std::max(log_quantile_, log_floor - 1);
  return excess > 0 ? (excess / kLogExcess - std::log(kChance)) / std::log(10.0) : 0;
}

}  // namespace lander::model
