// The store's life, cut at every write and every sync, in every way a machine can stop; and its
// disk failing at every call. Each is found again by its seed and number.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace lander::sim {

struct Trial {
  std::uint64_t seed = 1;             // the first life; the next ones follow
  std::uint64_t points = 10'000;      // how many to try
  std::optional<std::uint64_t> only;  // just this point of the first life
  std::uint64_t steps = 60;           // of one life
  std::uint64_t every = 1;            // tries each so-manieth point: more lives in the same time
  std::function<void(std::uint64_t)> tell;  // how many are done, every thousand
};

struct Verdict {
  std::uint64_t points = 0, lives = 0, operations = 0;
  std::uint64_t seed = 0, point = 0;     // of the violation
  std::optional<std::string> violation;  // the first
};

Verdict try_crashes(const Trial& trial);
// Forks a child for each point: single-threaded programs only.
Verdict try_faults(const Trial& trial);

}  // namespace lander::sim
