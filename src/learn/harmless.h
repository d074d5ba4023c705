// Alarms that people judged false, in the training of a chart of patterns and levels: what they
// showed is healthy. docs/intelligence/verdicts.md.
#pragma once

#include <cstddef>
#include <vector>

#include "learn/inspect.h"
#include "model/mewma.h"

namespace lander::learn {

inline constexpr double kHarmlessScore = 0.9;  // at most, so that noise upon it raises nothing
inline constexpr std::size_t kMostWidened = 8;

// These stretches without the harmless rows: limits are set by what nobody had to judge.
std::vector<Stretch> without_harmless(const Frames& frames, const std::vector<Stretch>& stretches);

// The move m that makes the harmless row whose pattern is largest so unusual, in as few inputs as
// explain it, when that pattern is over kHarmlessScore of its limit; empty: none is. With
// covariance C + a m mᵀ instead of C the square of this move's pattern falls below 1/(a n) (Sherman
// and Morrison 1950) and that of what is orthogonal to it (in C⁻¹) stays: only this direction
// becomes less sensitive. `used`: the model's inputs among those of the frames.
std::vector<double> beyond_limit(const Frames& frames, const std::vector<std::size_t>& used,
                                 const model::Mewma& parameters);

// What is left of harmless rows beyond kHarmlessScore: an input that stood still there may do so,
// levels get the tolerance that they had there, and the pattern's limit rises, at most
// kMostRaised-fold. Returns the highest score of harmless rows after that.
inline constexpr double kMostRaised = 3;
double allow_harmless(const Frames& frames, const std::vector<std::size_t>& used,
                      model::Mewma& parameters);

}  // namespace lander::learn
