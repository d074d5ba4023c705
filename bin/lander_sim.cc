// lander-sim: hub and sites on virtual time, with everything that goes wrong; see src/sim/world.h.
// lander-sim store: the site's store alone, crashed at every write and sync, or with a disk that
// fails at every call; see src/sim/store_crash.h.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "os/log.h"
#include "sim/store_crash.h"
#include "sim/world.h"

namespace {

int usage() {
  std::fputs(
      "usage: lander-sim [--seed N] [--days D] [--sites K] [--verbose]\n"
      "  --seed N     which history (1)\n"
      "  --days D     of virtual time, 1 to 365 (30)\n"
      "  --sites K    1 to 50 (3 to 5, by the seed)\n"
      "  --verbose    every event, and the programs' own log on stderr\n"
      "or:    lander-sim store --crashes N | --faults N [--seed S [--point P]]\n"
      "  --crashes N  crash points: each write and sync of seeded lives, power cuts and kills\n"
      "  --faults N   calls of the disk that fail: EIO, ENOSPC, failed syncs, once or for a while\n"
      "  --seed S     the first life (1)\n"
      "  --point P    only this one, as a violation names it\n",
      stderr);
  return 2;
}

unsigned long long wide(std::uint64_t number) { return number; }

int try_store(const lander::sim::Trial& asked, bool faults) {
  const auto began = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  lander::sim::Trial trial = asked;
  const char* what = faults ? "faults" : "crashes";
  trial.tell = [&](std::uint64_t done) {
    const double rate = static_cast<double>(done) / seconds();
    std::fprintf(stderr, "\r%llu of %llu %s, %.0f/s, %.0f min left  ", wide(done),
                 wide(trial.points), what, rate,
                 static_cast<double>(trial.points - done) / rate / 60);
  };
  const auto verdict = faults ? lander::sim::try_faults(trial) : lander::sim::try_crashes(trial);
  std::fprintf(stderr, "\n");
  std::printf("%llu %s over %llu lives from seed %llu in %.0f s\n", wide(verdict.points), what,
              wide(verdict.lives), wide(trial.seed), seconds());
  if (!verdict.violation) return 0;
  std::printf("VIOLATION --seed %llu --point %llu: %s\n", wide(verdict.seed), wide(verdict.point),
              verdict.violation->c_str());
  return 1;
}

int store_main(int argc, char** argv) {
  lander::sim::Trial trial;
  std::optional<bool> faults;
  for (int i = 2; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (i + 1 == argc) return usage();
    char* end = nullptr;
    const unsigned long long number = std::strtoull(argv[i + 1], &end, 10);
    if (end == argv[i + 1] || *end != '\0') return usage();
    if (flag == "--seed") {
      trial.seed = number;
    } else if (flag == "--point") {
      trial.only = number;
    } else if ((flag == "--crashes" || flag == "--faults") && number > 0) {
      faults = flag == "--faults";
      trial.points = number;
    } else {
      return usage();
    }
  }
  if (!faults) return usage();
  lander::os::set_log_level(lander::os::Level::kNone);
  return try_store(trial, *faults);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "store") return store_main(argc, argv);
  lander::sim::Options options;
  options.days = 30;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--verbose") {
      options.verbose = true;
      continue;
    }
    if (i + 1 == argc) return usage();
    char* end = nullptr;
    const unsigned long long number = std::strtoull(argv[++i], &end, 10);
    if (end == argv[i] || *end != '\0') return usage();
    if (flag == "--seed") {
      options.seed = number;
    } else if (flag == "--days" && number >= 1 && number <= 365) {
      options.days = static_cast<int>(number);
    } else if (flag == "--sites" && number >= 1 && number <= 50) {
      options.sites = static_cast<int>(number);
    } else {
      return usage();
    }
  }
  lander::os::set_log_level(options.verbose ? lander::os::Level::kInfo : lander::os::Level::kNone);
  const auto outcome = lander::sim::run(options);
  std::printf(
      "seed %llu: %d days, %llu observations, %llu items, %llu alert events; %llu contacts,"
      " %llu messages lost; %llu site crashes, %llu hub crashes\n",
      static_cast<unsigned long long>(options.seed), options.days,
      static_cast<unsigned long long>(outcome.observations),
      static_cast<unsigned long long>(outcome.items),
      static_cast<unsigned long long>(outcome.alerts),
      static_cast<unsigned long long>(outcome.contacts),
      static_cast<unsigned long long>(outcome.lost_messages),
      static_cast<unsigned long long>(outcome.site_crashes),
      static_cast<unsigned long long>(outcome.hub_crashes));
  if (outcome.violation) {
    std::printf("VIOLATION seed %llu at %s\n", static_cast<unsigned long long>(options.seed),
                outcome.violation->c_str());
  }
  std::printf("hash %s over %llu events\n", outcome.hash.c_str(),
              static_cast<unsigned long long>(outcome.events));
  return outcome.violation ? 1 : 0;
}
