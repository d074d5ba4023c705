#include "sim/store_rot.h"

#include <gtest/gtest.h>

namespace lander::sim {
namespace {

TEST(StoreRot, EveryFlippedBitOfAFrameOrChunkIsToldAndTheRestStaysReadable) {
  const Rot rot = rot_blobs(3, 1);
  EXPECT_FALSE(rot.violation) << *rot.violation;
  EXPECT_GT(rot.flips, 1000u);
}

TEST(StoreRot, AFlippedBitAnywhereNeitherCrashesNorHangsIt) {
  const Rot rot = rot_files(3, 1000);
  EXPECT_FALSE(rot.violation) << *rot.violation;
  EXPECT_GE(rot.flips, 1000u);
}

}  // namespace
}  // namespace lander::sim
