#include "os/files.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

namespace lander::os {
namespace {

using base::as_bytes;
using base::Bytes;
using base::Code;

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lander-files-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    for (const std::string& name : *files_.list(folder_)) {
      EXPECT_TRUE(files_.remove(folder_ + "/" + name).ok());
    }
    ::unlink((folder_ + "/.state.tmp").c_str());
    EXPECT_TRUE(files_.remove(folder_).ok());
  }

  Files& files_ = system_files();
  std::string folder_;
};

TEST_F(FilesTest, WhatIsWrittenIsRead) {
  const std::string path = folder_ + "/state";
  ASSERT_TRUE(files_.write_durably(path, as_bytes("one")).ok());
  ASSERT_TRUE(files_.write_durably(path, as_bytes("second"), 0600).ok());
  EXPECT_EQ(base::as_text(*files_.read(path, 6)), "second");
  EXPECT_EQ(*files_.size(path), 6u);
  EXPECT_EQ(*files_.list(folder_), std::vector<std::string>{"state"});
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_TRUE(files_.write_durably(path, {}).ok());
  EXPECT_TRUE(files_.read(path, 0)->empty());
}

TEST_F(FilesTest, AFileOverTheBoundIsRefusedNotCut) {
  const std::string path = folder_ + "/state";
  ASSERT_TRUE(files_.write_durably(path, Bytes(100'000, 1)).ok());
  EXPECT_EQ(files_.read(path, 99'999).error().code(), Code::kExhausted);
  EXPECT_EQ(files_.read(path, 100'000)->size(), 100'000u);
  // Devices and files of /proc say that they have no size: the bound holds all the same.
  EXPECT_EQ(files_.read("/dev/zero", 1 << 20).error().code(), Code::kExhausted);
  EXPECT_FALSE(files_.read("/proc/self/status", 1 << 16)->empty());
}

TEST_F(FilesTest, CreateNeverReplaces) {
  const std::string path = folder_ + "/key";
  ASSERT_TRUE(files_.create_durably(path, as_bytes("first")).ok());
  EXPECT_EQ(files_.create_durably(path, as_bytes("other")).error().code(), Code::kExists);
  EXPECT_EQ(base::as_text(*files_.read(path, 100)), "first");
}

TEST_F(FilesTest, OfManyWhoCreateTheSameFileExactlyOneSucceeds) {
  const std::string path = folder_ + "/key";
  std::vector<std::thread> threads;
  std::vector<int> won(8, 0);
  for (std::size_t i = 0; i < won.size(); ++i) {
    threads.emplace_back([&, i] {
      const Bytes mine(1000, static_cast<std::uint8_t>(i));
      won[i] = files_.create_durably(path, mine).ok() ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  int winners = 0;
  for (std::size_t i = 0; i < won.size(); ++i) {
    winners += won[i];
    if (won[i] != 0) {
      EXPECT_EQ(*files_.read(path, 2000), Bytes(1000, static_cast<std::uint8_t>(i)));
    }
  }
  EXPECT_EQ(winners, 1);
}

TEST_F(FilesTest, WritersOfOneFileNeverMixTheirBytes) {
  const std::string path = folder_ + "/state";
  std::vector<std::thread> threads;
  for (std::uint8_t i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        EXPECT_TRUE(files_.write_durably(path, Bytes(5000 + i, i)).ok());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const Bytes last = *files_.read(path, 6000);
  EXPECT_EQ(last, Bytes(5000 + last[0], last[0]));
}

TEST_F(FilesTest, AWriterKilledAtAnyMomentLeavesTheOldOrTheNewFileWhole) {
  const std::string path = folder_ + "/state";
  constexpr std::size_t kSize = 300'000;
  ASSERT_TRUE(files_.write_durably(path, Bytes(kSize, 0)).ok());
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (std::uint8_t i = 0;; ++i) (void)files_.write_durably(path, Bytes(kSize, i));
    }
    // Cut it at another stage each time: when so many bytes stand in the temporary file.
    struct stat info {};
    const std::string temporary = folder_ + "/.state.tmp";
    while (::stat(temporary.c_str(), &info) != 0 || info.st_size < round * 15'000) ::sched_yield();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const Bytes now = *files_.read(path, kSize + 1);
    ASSERT_EQ(now, Bytes(kSize, now.at(0)));
    EXPECT_EQ(files_.list(folder_)->size(), 1u);
  }
  // What the last one left unfinished does not stand in the way of the next.
  EXPECT_TRUE(files_.write_durably(path, as_bytes("after")).ok());
}

TEST_F(FilesTest, AFailedWriteLeavesTheOldFileAndNoDebris) {
  const std::string path = folder_ + "/state";
  ASSERT_TRUE(files_.write_durably(path, as_bytes("old")).ok());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {  // a disk that takes 4096 bytes, as far as this process can tell
    const rlimit small{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &small);
    ::signal(SIGXFSZ, SIG_IGN);
    const auto status = files_.write_durably(path, Bytes(10'000, 1));
    ::_exit(!status.ok() && status.error().code() == Code::kExhausted ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(base::as_text(*files_.read(path, 100)), "old");
  EXPECT_EQ(::access((folder_ + "/.state.tmp").c_str(), F_OK), -1);
}

TEST_F(FilesTest, ErrorsTellThePathAndTheirKind) {
  const auto missing = files_.read(folder_ + "/none", 10);
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  EXPECT_EQ(missing.error().message(), "opening " + folder_ + "/none: No such file or directory");
  EXPECT_EQ(files_.list(folder_ + "/none").error().code(), Code::kNotFound);
  EXPECT_EQ(files_.write_durably(folder_ + "/none/x", {}).error().code(), Code::kNotFound);
  EXPECT_EQ(files_.read(folder_, 10).error().code(), Code::kIo);  // a folder is no file
  EXPECT_TRUE(files_.remove(folder_ + "/none").ok());
}

TEST_F(FilesTest, FoldersAreMadeOnceAndNeverOverAFile) {
  const std::string deep = folder_ + "/a/b/c";
  ASSERT_TRUE(files_.make_folders(deep).ok());
  EXPECT_TRUE(files_.make_folders(deep).ok());
  EXPECT_TRUE(files_.exists(deep));
  EXPECT_GT(*files_.free_bytes(deep), 0u);
  ASSERT_TRUE(files_.write_durably(deep + "/f", {}).ok());
  EXPECT_FALSE(files_.make_folders(deep + "/f").ok());
  EXPECT_FALSE(files_.make_folders(deep + "/f/g").ok());
  for (const char* part : {"/a/b/c/f", "/a/b/c", "/a/b", "/a"}) {
    EXPECT_TRUE(files_.remove(folder_ + part).ok());
  }
}

}  // namespace
}  // namespace lander::os
