// The running upper tail of a statistic that is never negative: how unlikely is a value so large?
//
// One quantile is tracked by stochastic approximation of its logarithm (Robbins & Monro 1951; Chen,
// Lambert & Pinheiro 2000, "Incremental quantile estimation"); beyond it the tail is taken to be
// Pareto's, heavier than most (Hill's estimate of the index was no better and let bursts deafen
// it).
#pragma once

#include <cstdint>

namespace lander::model {

class SurpriseTail {
 public:
  // -log10 of the chance of `value` or more, by what was seen before: 0 up to the 99 % quantile,
  // then from 2 upwards; 0 while it warms up. `floor` > 0: what is below it is as good as zero.
  // Then learns the value.
  double step(double value, double floor);
  // Whether `value` lies beyond the quantile.
  bool exceeded_by(double value, double floor) const;

 private:
  std::int64_t seen_ = 0;
  double log_quantile_ = 0;
};

}  // namespace lander::model
