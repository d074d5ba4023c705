// The data that the store's benchmark writes: what a plant's sensors say.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "sensing/observation.h"

namespace bench {

inline constexpr lander::base::TimeUs kStart = 1'795'046'400 * lander::base::kSecond;  // a midnight

// Seeded, and the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}
  std::uint64_t next() {  // splitmix64
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  double normal() {  // nearly: four uniform parts
    const std::uint64_t bits = next();
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<double>((bits >> (16 * i)) & 0xFFFF);
    return (sum / 65536 - 2) * 1.732;
  }

 private:
  std::uint64_t state_;
};

// A process of first order (0.995, steps of 0.02 bar) about 4 bar, as a 12-bit converter over 10
// bar gives it: rounded to 1/400 bar.
class Sensors {
 public:
  // `incompressible`: any 52 bits, for filling a database quickly. `passed`: where it goes on.
  Sensors(int series, double hz, bool incompressible = false, lander::base::DurationUs passed = 0)
      : step_us_(1e6 / hz),
        incompressible_(incompressible),
        levels_(static_cast<std::size_t>(series), 0.0),
        dice_(static_cast<std::uint64_t>(series)),
        samples_(static_cast<std::int64_t>(static_cast<double>(passed) / step_us_)),
        end_(passed) {}
  lander::base::DurationUs passed() const { return end_; }
  // What comes in the next `interval`, ordered by time as it arrives; times stand on the grid.
  void next(lander::base::DurationUs interval, std::vector<lander::sensing::Observation>& out) {
    out.clear();
    end_ += interval;
    for (; now() < end_; ++samples_) {
      for (std::size_t s = 0; s < levels_.size(); ++s) {
        auto& observation = out.emplace_back();
        observation.series = static_cast<lander::sensing::SeriesKey>(s + 1);
        observation.time = kStart + now();
        observation.value = value(levels_[s]);
      }
    }
  }

 private:
  lander::base::DurationUs now() const {
    return static_cast<lander::base::DurationUs>(static_cast<double>(samples_) * step_us_);
  }
  double value(double& level) {
    if (incompressible_) return 4 + static_cast<double>(dice_.next() >> 12) / 4503599627370496.0;
    level = 0.995 * level + 0.02 * dice_.normal();
    return std::round((4 + level) * 400) / 400;
  }
  double step_us_;
  bool incompressible_;
  std::vector<double> levels_;
  Dice dice_;
  std::int64_t samples_;
  lander::base::DurationUs end_;
};

}  // namespace bench
