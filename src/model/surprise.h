// A detector that needs no training: it learns as it goes, looking only at the past.
#pragma once

#include <memory>

#include "model/model.h"

namespace lander::model {

// `inputs`: of a frame. Memory bounded, however long it runs; no allocation after the first frames.
struct SurpriseOptions {
  std::size_t inputs = 1;
  double false_alarms_per_day = 1.0 / 30;
};
std::unique_ptr<Detector> make_surprise(const SurpriseOptions& options);

}  // namespace lander::model
