// A detector that needs no training: it learns as it goes, looking only at the past.
//
// Each input is compared with its own past at every lag, and with the episodes that were news
// (surprise_novelty.h); how far it is from the nearest match becomes -log10 p by that distance's
// own running tail (surprise_tail.h), summed over the spans and over two paces. The strangest input
// counts; the limit grows with how many there are (Bonferroni). What stays strange is news only
// once: after a peak, only what exceeds the fading memory of it counts in full (habituation), so
// that one incident is one short alarm. It is blind while it learns (the first few hundred frames)
// and knows nothing of how inputs move together: for that there is learn/self_taught.h.
// docs/intelligence/surprise.md.
#pragma once

#include <memory>

#include "model/judge.h"
#include "model/model.h"

namespace lander::model {

// `inputs`: of a frame, 1..kMaxInputs. Memory bounded, however long it runs: about 90 KiB an
// input, 45 MiB for the most; all of it taken when it is made.
struct SurpriseOptions {
  std::size_t inputs = 1;
  double false_alarms_per_day = 1.0 / 30;
};
// Score::shares: by the square of each input's own surprise. Score::expected: what followed the
// most similar stretch of the past. A frame without any value is invalid; while it learns the score
// is 0. A value of 1e30 or more counts as missing.
std::unique_ptr<Detector> make_surprise(const SurpriseOptions& options);

// What fits it: the score habituates by itself, so the alarm needs no delays.
JudgeOptions surprise_judge_options();

}  // namespace lander::model
