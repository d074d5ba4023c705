// All chance of a simulation comes from one seed: os::Random for the code under test, and draws for
// the simulator itself. xoshiro256** (Blackman, Vigna, 2018), seeded by splitmix64.
#pragma once

#include <bit>
#include <cmath>

#include "os/random.h"

namespace lander::sim {

class SimRandom final : public os::Random {
 public:
  explicit SimRandom(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = split(seed);
  }
  // A stream of its own: what one part draws does not move what another gets.
  SimRandom branch() { return SimRandom(next()); }

  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(next() >> 56);
  }
  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }  // bound > 0
  std::int64_t between(std::int64_t least, std::int64_t most) {        // both included
    return least + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least) + 1));
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // [0, 1)
  bool chance(double share) { return unit() < share; }
  // The time to the next of events that come `mean` apart on average, independently.
  base::DurationUs wait(base::DurationUs mean) {
    return 1 + static_cast<base::DurationUs>(-std::log1p(-unit()) * static_cast<double>(mean));
  }

 private:
  static std::uint64_t split(std::uint64_t& seed) {
    std::uint64_t z = (seed += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  std::uint64_t state_[4];
};

}  // namespace lander::sim
