// LANDER_CHECK states an invariant of our own code. It stays on in release builds: a broken
// invariant aborts with its place rather than going on with wrong data. Never use it on input from
// outside.
#pragma once

namespace lander::base {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace lander::base

#define LANDER_CHECK(condition)                                     \
  do {                                                              \
    if (!(condition)) [[unlikely]]                                  \
      ::lander::base::check_failed(#condition, __FILE__, __LINE__); \
  } while (0)
