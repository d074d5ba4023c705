#include "os/lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace lander::os {
namespace {

TEST(FolderLock, IsOnesAtATimeAndTellsWhose) {
  const auto folder =
      std::filesystem::path(testing::TempDir()) / ("lander-lock-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  {
    const auto first = FolderLock::take(folder);
    ASSERT_TRUE(first.ok()) << first.error().message();
    const auto second = FolderLock::take(folder);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code(), base::Code::kConflict);
    EXPECT_NE(second.error().message().find("process " + std::to_string(::getpid())),
              std::string::npos)
        << second.error().message();
  }
  EXPECT_TRUE(FolderLock::take(folder).ok());
  EXPECT_FALSE(FolderLock::take(folder / "nowhere").ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace lander::os
