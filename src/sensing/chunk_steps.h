// Numbers at equal steps, as a converter's counts times a scale plus an offset are: n * step +
// origin, in double arithmetic, and how many doubles beside that the number is. Private to the
// module; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace lander::sensing {

struct Steps {
  double step = 1, origin = 0;

  // Two roundings on every machine: chunk_steps.cc is compiled without fused multiply-add.
  double at(std::int64_t n) const;
  // The n whose number is next to `number`; false: none below 2^53.
  bool nearest(double number, std::int64_t& n) const;
};

// The steps that most of `sorted` (ascending, distinct, finite) lie at, within some last bits;
// none: they do not.
std::optional<Steps> find_steps(std::span<const double> sorted);

}  // namespace lander::sensing
