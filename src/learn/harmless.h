// Alarms that people judged false, in the training of T²+Q: what they showed is healthy.
#pragma once

#include <cstddef>
#include <vector>

#include "learn/learn.h"
#include "model/t2q.h"

namespace lander::learn {

inline constexpr double kHarmlessScore = 0.9;  // at most, so that noise upon it raises nothing
inline constexpr std::size_t kMostWidened = 8;

// How the smoothed, standardised frame moved from the quiet rows before to the harmless row whose
// score is highest, when that is over kHarmlessScore; empty: none is. With covariance C + a d dᵀ
// instead of C the statistic of this frame d falls below 1/a (Sherman and Morrison 1950) and that
// of what is orthogonal to it (in C⁻¹) stays: only this direction becomes less sensitive.
std::vector<double> beyond_limit(const Frames& frames, const model::T2q& parameters);

// An input that stood still in a harmless row may do so.
void allow_still(const Frames& frames, model::T2q& parameters);

// What is left beyond kHarmlessScore raises both limits, at most kMostRaised-fold: then a fault of
// any kind must be so much larger. Returns the highest score of harmless rows after that.
inline constexpr double kMostRaised = 3;
double raise_limits(const Frames& frames, model::T2q& parameters);

}  // namespace lander::learn
