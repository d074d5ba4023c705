// The running upper tail of a statistic that is never negative: how unlikely is a value so large?
//
// A quantile is tracked by stochastic approximation of its logarithm (Robbins & Monro 1951; Chen,
// Lambert & Pinheiro 2000, "Incremental quantile estimation"); beyond it the tail is Pareto, with
// Hill's estimate (1975) of the mean log excess. Six numbers, no history.
#pragma once

#include <cstdint>

namespace lander::model {

class SurpriseTail {
 public:
  // -log10 of the chance of a value of `value` or more, by what was seen before; 0 while it still
  // warms up. `floor` > 0: what is below it is as good as zero. Then learns the value.
  double step(double value, double floor);
  // What step() gives for a value at the quantile itself.
  static double at_quantile();

 private:
  double surprise(double log_value, double log_floor) const;
  void learn(double log_value, double log_floor);

  std::int64_t seen_ = 0, exceeded_ = 0;
  double log_quantile_ = 0, log_excess_ = 0;
};

}  // namespace lander::model
