// A machine's clock on virtual time: its crystal drifts, its wall clock may be anything, and a
// reboot begins a new count.
#pragma once

#include <string>

#include "os/clock.h"

namespace lander::sim {

class SimClock final : public os::Clock {
 public:
  // `truth`: the world's UTC. `drift_ppm`: how much faster this crystal runs.
  SimClock(const base::TimeUs& truth, std::string name, std::int64_t drift_ppm)
      : truth_(truth), name_(std::move(name)), drift_ppm_(drift_ppm) {}

  void reboot(base::TimeUs wall) {
    ++boot_;
    booted_ = truth_;
    wall_ = wall - monotonic_us();
  }
  void jump(base::DurationUs by) { wall_ += by; }

  base::TimeUs wall_us() const override { return wall_ + monotonic_us(); }
  base::DurationUs monotonic_us() const override {
    const base::DurationUs run = truth_ - booted_;
    return base::kSecond + run + run / 1'000'000 * drift_ppm_;
  }
  std::string boot_id() const override { return name_ + "-boot-" + std::to_string(boot_); }
  int boot() const { return boot_; }

 private:
  const base::TimeUs& truth_;
  const std::string name_;
  const std::int64_t drift_ppm_;
  int boot_ = 0;
  base::TimeUs booted_ = 0;
  base::DurationUs wall_ = 0;  // wall clock minus monotonic clock
};

}  // namespace lander::sim
