#include "os/clock.h"

#include <time.h>

#include "base/check.h"
#include "os/files.h"
#include "os/random.h"

namespace lander::os {
namespace {

std::int64_t read_clock_us(clockid_t id) {
  timespec now{};
  LANDER_CHECK(::clock_gettime(id, &now) == 0);
  return static_cast<std::int64_t>(now.tv_sec) * base::kSecond + now.tv_nsec / 1000;
}

std::string read_boot_id() {
  auto text = system_files().read("/proc/sys/kernel/random/boot_id", 64);
  if (text.ok() && text->size() >= 36) return std::string(base::as_text(*text).substr(0, 36));
  // Without the kernel's id every start of the process counts as a boot: monotonic times of two
  // starts are then never compared, which is the safe side.
  return system_random().uuid7(read_clock_us(CLOCK_REALTIME));
}

class SystemClock final : public Clock {
 public:
  base::TimeUs wall_us() const override { return read_clock_us(CLOCK_REALTIME); }
  // BOOTTIME counts through a suspend, MONOTONIC does not: a laptop's closed lid is time that
  // passed.
  base::DurationUs monotonic_us() const override { return read_clock_us(CLOCK_BOOTTIME); }
  std::string boot_id() const override {
    static const std::string id = read_boot_id();
    return id;
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

}  // namespace lander::os
