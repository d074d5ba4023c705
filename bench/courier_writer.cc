// What runs in the machine whose stick is pulled out, for bench/courier.py --cuts: checks every
// file that is on the stick, and that what was acknowledged is there, then picks up, again and
// again, and says what is durable.
//
//   bench_courier_writer FOLDER ROUND,KNOWN    KNOWN: numbers that were acknowledged of this round
//
// Says "STATE n" (numbers found) or "VIOLATION why", then "ACK round n" and, when a round is
// complete, "DROP round", until it is killed.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "carrier/stick.h"
#include "os/folder.h"

namespace {

using namespace lander;

constexpr std::uint64_t kItems = 240, kABundle = 8;
const carrier::Place kPlace{"acme", "station-1", false, "hub"};

[[noreturn]] void violation(const std::string& why) {
  std::printf("VIOLATION %s\n", why.c_str());
  std::fflush(stdout);
  for (;;) ::pause();  // the machine's first process must not end
}

base::Bytes sealed_of(std::uint64_t round, std::uint64_t first, std::uint64_t last) {
  base::Bytes out;
  for (std::uint64_t n = first; n <= last; ++n)
    for (std::uint64_t i = 0; i < 200 * (1 + (round * 31 + n) % 40); ++i)
      out.push_back(static_cast<std::uint8_t>(round * 7 + n * 13 + i));
  return out;
}

base::Result<carrier::Part> ask(std::uint64_t round, const carrier::PartAsked& asked) {
  carrier::Part part;
  part.epoch = round;
  if (asked.lane == carrier::BundleName::kNoLane) {
    part.sealed = {1, 2, 3};
    return part;
  }
  if (asked.lane != link::kLanePickup) return part;
  std::printf("ACK %llu %llu\n", static_cast<unsigned long long>(round),
              static_cast<unsigned long long>(asked.after));
  std::fflush(stdout);
  part.first = asked.after + 1;
  part.last = std::min({asked.after + kABundle, asked.before - 1, kItems});
  if (part.first > part.last) return part;
  part.items = part.last - part.first + 1;
  part.more = part.last < kItems;
  part.sealed = sealed_of(round, part.first, part.last);
  return part;
}

void examine(carrier::Stick& stick, std::uint64_t round, std::uint64_t known) {
  const auto listing = stick.list();
  if (!listing.ok()) violation("listing: " + listing.error().message());
  std::uint64_t through = 0, found = 0;
  for (const auto& file : listing->files) {
    if (file.name.lane == carrier::BundleName::kNoLane) continue;
    const auto bytes = stick.read(file);
    if (!bytes.ok()) continue;  // not whole: the name says so
    if (*bytes != sealed_of(file.name.series, file.name.first, file.name.last))
      violation(carrier::to_string(file.name) + " passes for whole and is not");
    if (file.name.series != round) continue;
    found += file.name.last - file.name.first + 1;
    if (file.name.first <= through + 1) through = std::max(through, file.name.last);
  }
  if (through < known)
    violation("acknowledged up to " + std::to_string(known) + ", there up to " +
              std::to_string(through));
  std::printf("STATE %llu\n", static_cast<unsigned long long>(found));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  char* rest = nullptr;
  std::uint64_t round = std::strtoull(argv[2], &rest, 10);
  const std::uint64_t known = *rest == ',' ? std::strtoull(rest + 1, nullptr, 10) : 0;
  const auto folder = os::open_folder(argv[1]);
  if (!folder.ok()) violation(folder.error().message());
  carrier::Stick stick(**folder);
  examine(stick, round, known);
  for (;; ++round) {
    const auto done = carrier::pick_up(
        stick, kPlace, [&](const carrier::PartAsked& asked) { return ask(round, asked); },
        [](const carrier::PickedUp&) { return true; });
    if (!done.ok()) violation("pickup: " + done.error().message());
    std::printf("DROP %llu\n", static_cast<unsigned long long>(round));
    std::fflush(stdout);
    const auto listing = stick.list();
    if (!listing.ok()) violation("listing: " + listing.error().message());
    for (const auto& file : listing->files)
      if (const auto gone = stick.remove(file); !gone.ok()) violation(gone.error().message());
  }
}
