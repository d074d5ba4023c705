// UCUM units (the part that industry uses): parsing, dimension, conversion. https://ucum.org
#pragma once

#include <string_view>

#include "base/result.h"

namespace lander::sensing {

// Prefixes, products, quotients, integer powers, parentheses, annotations {..}; base units m g s A
// K cd mol rad and those of industry: Hz N Pa bar psi ([psi]) J W V Ohm Cel [degF] L min h d % [g]
// ([g] is standard gravity), r/min as "{rev}/min", ...
base::Status valid_unit(std::string_view unit);

// to = from * factor + offset (an offset only between temperature scales).
struct Conversion {
  double factor = 1, offset = 0;
  double apply(double value) const { return value * factor + offset; }
};
// kInvalid names both units and their dimensions when they are not commensurable.
base::Result<Conversion> conversion(std::string_view from, std::string_view to);

}  // namespace lander::sensing
