// A detector of several inputs that needs no model: the trained one (learn.h), trained again and
// again on the past alone while it watches. docs/intelligence/surprise.md.
//
// The first 400 frames teach; then it learns anew each time that what it learned from has grown by
// half, and between judges by what it learned last. What it does not learn from:
// - An excursion (from at least 60 frames before its score reaches 1 until 60 were below) is set
//   aside. One that ended by itself is taken in when the past has doubled since: what
//   happens and passes is something the plant does, be it a planned stop. A fault that came once
//   and was mended is told again when it comes back soon, and no more when it comes back late.
// - What is set aside and half as long as all that was learned is the new normal, and learned at
//   once: one excursion that lasts, or many that come and go.
// Limits are wider while little was seen, the more so the further frames are apart: what the
// training allows for youth counts seconds.
#pragma once

#include <memory>
#include <string>

#include "base/time.h"
#include "model/mewma.h"
#include "model/model.h"

namespace lander::learn {

// `inputs`: 2 or more of a frame; for one there is model/surprise.h. `interval`: between frames;
// up to a day; more than ten of it are a gap. `most_bytes`: of what it learns from; beyond, the
// oldest is forgotten. All that it remembers is 1.75 times that at most, however long it runs,
// twice that while it grows; and training takes its own for as long as it runs.
struct SelfTaughtOptions {
  std::size_t inputs = 2;
  base::DurationUs interval = base::kSecond;
  double false_alarms_per_day = 1.0 / 30;
  std::size_t most_bytes = 32 << 20;
};
inline constexpr std::size_t kMaxSelfTaughtInputs = model::kMaxMewmaInputs;

class SelfTaught : public model::Detector {
 public:
  // Why there is no model yet, and scores are 0; empty: there is one.
  virtual const std::string& untaught() const = 0;
};
// Score::shares: of an input that the model leaves out, 0; its `expected` is what it was. A value
// of 1e30 or more counts as missing. score() takes a moment where it learns: a second or two for a
// week of 16 inputs a second. reset() begins anew, with nothing learned.
std::unique_ptr<SelfTaught> make_self_taught(const SelfTaughtOptions& options);

}  // namespace lander::learn
