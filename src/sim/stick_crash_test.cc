// A stick that is pulled out at any moment: what is whole on it afterwards is true, and the next
// pickup completes it.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "carrier/stick.h"
#include "sim/folder.h"

namespace lander::sim {
namespace {

const carrier::Place kPlace{"acme", "station-1", false, "hub"};
constexpr std::uint64_t kItems = 40, kABundle = 8;

base::Bytes sealed_of(std::uint64_t first, std::uint64_t last) {
  base::Bytes out;
  for (std::uint64_t number = first; number <= last; ++number)
    out.insert(out.end(), 200, static_cast<std::uint8_t>(number));
  return out;
}

base::Result<carrier::Part> ask(const carrier::PartAsked& asked) {
  carrier::Part part;
  part.epoch = 7;
  if (asked.lane == carrier::BundleName::kNoLane) {
    part.sealed = {1, 2, 3};
    return part;
  }
  if (asked.lane != link::kLanePickup) return part;
  part.first = asked.after + 1;
  part.last = std::min({asked.after + kABundle, asked.before - 1, kItems});
  if (part.first > part.last) return part;
  part.items = part.last - part.first + 1;
  part.sealed = sealed_of(part.first, part.last);
  part.more = part.last < kItems;
  return part;
}

base::Result<carrier::PickedUp> pick_up(carrier::Stick& stick) {
  return carrier::pick_up(stick, kPlace, ask, [](const carrier::PickedUp&) { return true; });
}

// Every file that reads as whole is what its name says; returns the numbers that are there.
std::set<std::uint64_t> examine(carrier::Stick& stick) {
  std::set<std::uint64_t> numbers;
  const auto listing = stick.list("acme", "station-1").value();
  for (const auto& file : listing.files) {
    if (file.name.lane == carrier::BundleName::kNoLane) continue;
    const auto bytes = stick.read(file);
    if (!bytes.ok()) {
      EXPECT_EQ(bytes.error().code(), base::Code::kCorrupt);
      continue;
    }
    EXPECT_EQ(*bytes, sealed_of(file.name.first, file.name.last));
    for (std::uint64_t n = file.name.first; n <= file.name.last; ++n)
      EXPECT_TRUE(numbers.insert(n).second) << "number " << n << " is on it twice";
  }
  return numbers;
}

void cut_everywhere(Cut cut) {
  std::uint64_t points = 0;
  for (std::uint64_t point = 1;; ++point) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      SimDisk disk(point * 4 + seed);
      SimFolder folder(disk);
      carrier::Stick stick(folder);
      disk.cut_after(point, cut);
      const bool all = pick_up(stick).ok();
      disk.disarm();
      if (disk.dead()) disk.revive();
      const auto left = examine(stick);
      if (all && seed == 0) {
        EXPECT_EQ(left.size(), kItems);
        EXPECT_GT(points, 40u);  // or it was not cut
        return;
      }
      ++points;
      const auto rest = pick_up(stick);
      ASSERT_TRUE(rest.ok()) << rest.error().message();
      EXPECT_EQ(rest->items, kItems - left.size()) << "point " << point;
      EXPECT_EQ(examine(stick).size(), kItems) << "point " << point;
    }
  }
}

TEST(StickCrash, AStickIsGoneOnWithWhereverItWasPulledOut) { cut_everywhere(Cut::kPower); }
TEST(StickCrash, APickupIsGoneOnWithWhereverItWasKilled) { cut_everywhere(Cut::kProcess); }

// A set for a site: whatever the cut, all of the old one or all of the new one is there.
TEST(StickCrash, WhatWaitsForASiteIsReplacedOnlyByAWholeSet) {
  const carrier::Place place{"acme", "station-1", true, "hub"};
  const auto set_of = [](std::uint8_t what) {
    return [what, left = 3]() mutable -> base::Result<std::optional<base::Bytes>> {
      if (left == 0) return std::optional<base::Bytes>();
      return std::optional(base::Bytes{what, static_cast<std::uint8_t>(left--)});
    };
  };
  for (std::uint64_t point = 1;; ++point) {
    SimDisk disk(point);
    SimFolder folder(disk);
    carrier::Stick stick(folder);
    ASSERT_TRUE(carrier::leave(stick, place, 1, set_of('a')).ok());
    disk.cut_after(point, Cut::kPower);
    const bool all = carrier::leave(stick, place, 2, set_of('b')).ok();
    disk.disarm();
    if (disk.dead()) disk.revive();
    std::map<std::uint8_t, int> found;
    carrier::bring(stick, stick.list().value(), [&](const auto&, base::ByteView sealed) {
      ++found[sealed[0]];
      return base::Status();
    });
    EXPECT_TRUE(found['a'] == 3 || found['b'] == 3) << "point " << point;
    if (all) break;
  }
}

TEST(StickCrash, AFullStickKeepsWhatFitsAndTheNextTakesTheRest) {
  SimDisk disk(1);
  SimFolder folder(disk);
  carrier::Stick stick(folder);
  disk.limit(5'000);
  EXPECT_EQ(pick_up(stick).error().code(), base::Code::kExhausted);
  EXPECT_EQ(examine(stick).size(), 3 * kABundle);
  disk.limit(1 << 20);
  EXPECT_EQ(pick_up(stick).value().kept, 3u);
  EXPECT_EQ(examine(stick).size(), kItems);
}

}  // namespace
}  // namespace lander::sim
