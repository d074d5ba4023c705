// Learning remaining life from units that ran to failure.
#pragma once

#include "learn/learn.h"
#include "model/predictor.h"

namespace lander::learn {

// Row-major; the rows of one unit are together and in order of time. Each unit ran to its failure:
// its last row has remaining life 0.
struct Units {
  std::vector<model::Input> inputs;
  std::vector<std::size_t> begins;  // first row of each unit
  std::vector<double> times;        // one a row, in the time column's unit
  std::vector<double> values;
  std::size_t rows() const { return times.size(); }
};
struct LifeRequest {
  Request request;
  model::Roles roles;
  double cap = 0;  // the longest life that is told; 0: from the data (docs say how)
};
base::Result<model::Model> train_life(const Units& units, const LifeRequest& request,
                                      const std::function<void(double)>& progress = {});

}  // namespace lander::learn
