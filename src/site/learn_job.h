// What the trainer's thread does for the core: makes a model, or compares two. Pure but for the
// store that it reads.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "learn/learn.h"
#include "model/model.h"
#include "site/model_loop.h"
#include "site/training.h"

namespace lander::site {

inline constexpr base::DurationUs kTrainingSpan = 14 * base::kDay;  // of the past, if none is named

struct LearnJob {
  FramesWanted wanted;
  Labels labels;
  learn::Request request;  // of a training
  // Of a comparison: both stand, and `wanted` begins where the candidate's training ended.
  std::optional<model::Model> active, candidate;
  bool compares() const { return candidate.has_value(); }
};
struct LearnResult {
  std::optional<model::Model> model;
  std::optional<Comparison> comparison;
  std::string error;  // why neither is there
};
using Cancelled = std::function<bool()>;
// `cancelled` is asked while it reads and between its parts; a training that has begun computes on,
// and what it made is thrown away.
LearnResult run(const store::Store& store, const LearnJob& job, const Cancelled& cancelled = {},
                const std::function<void(double)>& progress = {});

}  // namespace lander::site
