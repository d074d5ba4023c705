// A disk that fails at one call, or for many, and recovers: a child is forked at every call of a
// life, in which that call fails, so that all of a life need not be lived again.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "sim/fork.h"
#include "sim/store_crash.h"
#include "sim/store_work.h"

namespace lander::sim {
namespace {

constexpr std::uint64_t kLasting[] = {1, 3, 40};
constexpr std::uint64_t kWays = 3 * std::size(kLasting);

// Whether `way` is one that this call can fail in, and how.
std::optional<Fault> fault_of(Call call, std::uint64_t way) {
  Fault out;
  out.calls = kLasting[way / 3];
  out.full = way % 3 == 1;
  out.reverts = way % 3 == 2;
  if (out.full && (call == Call::kRead || call == Call::kSync)) return std::nullopt;
  if (out.reverts && call != Call::kSync && out.calls == 1) return std::nullopt;
  return out;
}

std::string said(Call call, const Fault& fault) {
  constexpr const char* kNames[] = {"read", "write", "sync", "name"};
  return std::string(kNames[static_cast<int>(call)]) + " fails with " +
         (fault.full ? "ENOSPC" : "EIO") + (fault.reverts ? " (reverts)" : "") + " for " +
         std::to_string(fault.calls) + " calls";
}

// What a child still does: some calls with the ill disk, and then the power goes.
std::optional<std::string> live_on(SimDisk& disk, StoreWork& work, bool gave_up,
                                   std::uint64_t seed) {
  SimRandom random(seed);
  const std::uint64_t steps = work.steps() + random.below(6);
  while (!gave_up && (work.steps() < steps || disk.failing())) {
    const auto wrong = work.step();
    if (wrong && *wrong == StoreWork::kGaveUp) break;
    if (wrong) return wrong;
  }
  disk.heal();
  disk.on_call({});
  const Cut cut = random.chance(0.8) ? Cut::kPower : Cut::kProcess;
  const auto found = disk.copy(seed);
  return examine(*found, work.standing(), cut, true);
}

class Forks {
 public:
  explicit Forks(const Trial& trial) : trial_(trial) {}
  Verdict run() {
    for (seed_ = trial_.seed; !done(); ++seed_) {
      live();
      ++out_.lives;
      if (trial_.only) break;
    }
    return std::move(out_);
  }

 private:
  bool done() const { return out_.violation || out_.points >= trial_.points; }

  void live() {
    point_ = 0;
    SimDisk disk(seed_);
    StoreWork work(disk, seed_);
    disk.on_call([&](Call call) { each_way(disk, work, call); });
    while (work.steps() < trial_.steps && !done()) {
      auto wrong = work.step();
      if (ill_) leave(std::move(wrong), disk, work);
      if (wrong) blame("without a fault: " + *wrong);
    }
    disk.on_call({});
  }

  void each_way(SimDisk& disk, StoreWork& work, Call call) {
    if (ill_) return;
    ++out_.operations;
    for (std::uint64_t way = 0; way < kWays; ++way, ++point_) {
      const auto fault = fault_of(call, way);
      if (!fault || done()) continue;
      if (trial_.only ? point_ != *trial_.only : (point_ + seed_) % trial_.every != 0) continue;
      if (begin_child()) {
        ill_ = true;
        fault_ = said(call, *fault) + ", in " + work.standing().call;
        const std::uint64_t chance = seed_ * 1'000'003 + point_;
        if (chance % 4 == 0) work.give_up_after(1 + chance % 3);
        disk.fail(*fault);
        return;  // into the call that fails
      }
      if (++out_.points % 1000 == 0 && trial_.tell) trial_.tell(out_.points);
    }
  }

  bool begin_child() {
    fork_ = fork_with_pipe();
    if (fork_.child == 0) return true;
    const Said said = hear(fork_);
    if (!said.text.empty()) {
      blame(said.text);
    } else if (!WIFEXITED(said.status) || WEXITSTATUS(said.status) != 0) {
      blame("the process ended by signal " + std::to_string(WTERMSIG(said.status)));
    }
    return false;
  }

  [[noreturn]] void leave(std::optional<std::string> wrong, SimDisk& disk, StoreWork& work) {
    const bool gave_up = wrong && *wrong == StoreWork::kGaveUp;
    if (gave_up) wrong.reset();
    if (!wrong) wrong = live_on(disk, work, gave_up, seed_ * 7'000'003 + point_);
    if (wrong) {
      *wrong = fault_ + ": " + *wrong;
      [[maybe_unused]] const ssize_t sent = ::write(fork_.end, wrong->data(), wrong->size());
    }
    ::_exit(0);
  }

  void blame(std::string what) {
    out_.violation = std::move(what);
    out_.seed = seed_;
    out_.point = point_;
  }

  const Trial& trial_;
  Verdict out_;
  std::uint64_t seed_ = 0, point_ = 0;
  bool ill_ = false;  // this is a child
  Fork fork_;
  std::string fault_;
};

}  // namespace

Verdict try_faults(const Trial& trial) { return Forks(trial).run(); }

}  // namespace lander::sim
