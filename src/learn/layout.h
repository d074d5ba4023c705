// Which columns are the points of one curve.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/wave.h"

namespace lander::learn {

// Columns named by one word and running numbers (load_0 .. load_249, p1..p250) that also behave
// like one curve: neighbours move together from row to row or are close within a row, or a row
// repeats itself after a few points. Columns that are only numbered (x1 .. x20 of unrelated
// sensors) stay scalars. `values`: row-major, rows x names. The axis is a wave that, in most rows,
// goes up once and comes back.
model::Layout find_layout(std::span<const std::string> names, std::span<const double> values);

}  // namespace lander::learn
