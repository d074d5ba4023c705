// Training on the site's own history. Pure: data in, model out; the caller reads the store and runs
// this in a worker thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/model.h"

namespace lander::learn {

// A frame each interval; NaN = missing (the last value is held for up to 10 s, as a watch does).
// Times ascend; a frame of which nothing is known may be absent. Row-major: rows x inputs, in
// single precision: a week of 16 inputs each second is 39 MB, and what moves by less than 1e-7 of
// its value stands still.
struct Frames {
  std::vector<model::Input> inputs;
  std::vector<base::TimeUs> times;
  std::vector<float> values;
  base::DurationUs interval = base::kSecond;
  // First row of each run but the first: files of one user. Within a run times ascend; two runs
  // may overlap in time or lie years apart. Empty: one run.
  std::vector<std::size_t> runs;
  // Rows [first, second) of alarms that people judged false: healthy, however rare they are. The
  // limits are set so that the same raises no alarm again. Ascending.
  std::vector<std::pair<std::size_t, std::size_t>> harmless;
  std::size_t near_alarms = 0;  // rows that are not here, as they are not healthy
  std::size_t thinned = 1;      // of so many stretches of rows one is here: memory
  std::size_t rows() const { return times.size(); }
};

// Is there enough, and is it good enough? Shown to the operator before training, per input.
struct InputReadiness {
  std::string datastream;
  double missing = 0, frozen = 0, bad = 0;  // share of rows, 0..1
  bool used = true;                         // false: training leaves it out
  std::string complaint;                    // empty: fine. "frozen 40 % of the time"
};
struct Readiness {
  bool ready = false;
  std::string reason;  // "12 of 14 healthy days; sensor x: frozen 40 % of the time"
  std::int64_t rows_usable = 0, rows_needed = 0;
  std::vector<InputReadiness> inputs;
};
Readiness assess(const Frames& frames);

struct Request {
  std::string asset, method = "mewma", parent, labels_digest, trained_by;
  base::TimeUs now = 0;
  double false_alarms_per_day = 1.0 / 30;
};
// docs/intelligence/watch.md. kInvalid with the readiness' reason when not ready. Inputs that spoil
// the rest (Readiness) are left out of the model. Memory beside the frames: O(inputs^2 + rows
// bytes).
base::Result<model::Model> train(const Frames& frames, const Request& request,
                                 const std::function<void(double)>& progress = {});

}  // namespace lander::learn
