// lander-sim: hub and sites on virtual time, with everything that goes wrong; see src/sim/world.h.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "os/log.h"
#include "sim/world.h"

namespace {

int usage() {
  std::fputs(
      "usage: lander-sim [--seed N] [--days D] [--sites K] [--verbose]\n"
      "  --seed N     which history (1)\n"
      "  --days D     of virtual time, 1 to 365 (30)\n"
      "  --sites K    1 to 50 (3 to 5, by the seed)\n"
      "  --verbose    every event, and the programs' own log on stderr\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
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
