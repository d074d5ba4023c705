// Learning classes from labelled rows.
#pragma once

#include "learn/learn.h"
#include "model/predictor.h"

namespace lander::learn {

// Row-major. Inputs whose names are one word and running numbers (load_0 .. load_249) are one
// waveform, and learned as such.
struct Labelled {
  std::vector<model::Input> inputs;
  std::vector<std::string> labels;  // one a row; empty: none, the row is left out
  std::vector<double> values;
  std::size_t rows() const { return labels.size(); }
};
struct ClassRequest {
  Request request;
  model::Roles roles;
};
base::Result<model::Model> train_class(const Labelled& rows, const ClassRequest& request,
                                       const std::function<void(double)>& progress = {});

}  // namespace lander::learn
