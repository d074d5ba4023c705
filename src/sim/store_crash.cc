#include "sim/store_crash.h"

#include "sim/store_work.h"

namespace lander::sim {
namespace {

// At each operation: power cuts, each with another part of what was not synced, and kills, one of
// which may tear the write under way.
constexpr std::uint64_t kPowerCuts = 4, kKills = 1, kWays = kPowerCuts + kKills;

}  // namespace

Verdict try_crashes(const Trial& trial) {
  Verdict out;
  for (std::uint64_t seed = trial.seed; !out.violation && out.points < trial.points; ++seed) {
    SimDisk disk(seed);
    StoreWork work(disk, seed);
    std::uint64_t point = 0;
    disk.on_operation([&] {
      ++out.operations;
      for (std::uint64_t way = 0; way < kWays; ++way, ++point) {
        if (out.violation || out.points >= trial.points) return;
        if (trial.only ? point != *trial.only : (point + seed) % trial.every != 0) continue;
        const Cut cut = way < kPowerCuts ? Cut::kPower : Cut::kProcess;
        const auto found = disk.copy(seed * 1'000'003 + point);
        auto wrong = examine(*found, work.standing(), cut, point % 6 == 0 || trial.only);
        if (++out.points % 1000 == 0 && trial.tell) trial.tell(out.points);
        if (!wrong) continue;
        out.violation = std::move(wrong);
        out.seed = seed;
        out.point = point;
      }
    });
    while (work.steps() < trial.steps && !out.violation && out.points < trial.points) {
      if (auto wrong = work.step()) {
        out.violation = "without a crash: " + *wrong;
        out.seed = seed;
        out.point = point;
      }
    }
    disk.on_operation({});
    ++out.lives;
    if (trial.only) break;
  }
  return out;
}

}  // namespace lander::sim
