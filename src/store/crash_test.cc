// Processes that are killed and disks that fail: what was acknowledged is there, once.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "store/testing.h"

namespace lander::store {
namespace {

class Crash : public StoreTest {
 protected:
  // Commits until it is killed; says each number on the pipe once it is acknowledged.
  [[noreturn]] void commit_for_ever(SeriesKey key, std::uint64_t next, int pipe) {
    auto store = Store::open(options_);
    if (!store.ok()) ::_exit(2);
    for (;; ++next) {
      clock_.pass(base::kSecond);
      const base::TimeUs time = kNow + static_cast<base::TimeUs>(next) * base::kMillisecond;
      Batch batch{.observations = {at(key, time, 1.0 * static_cast<double>(next), next)},
                  .records = {{"progress", "next", {static_cast<std::uint8_t>(next)}}},
                  .items = {{0, "alert-event", {static_cast<std::uint8_t>(next)}}}};
      if (!(*store)->commit(batch).ok()) ::_exit(3);
      if (::write(pipe, &next, sizeof next) != sizeof next) ::_exit(4);
    }
  }
};

TEST_F(Crash, NothingAcknowledgedIsLostNorStoredTwiceOverTwentyKills) {
  const SeriesKey key = declare("p");
  store_.reset();
  std::uint64_t acknowledged = 0;
  for (int kill = 0; kill < 20; ++kill) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    // As a source does that was not acknowledged: the last one comes again.
    if (child == 0) commit_for_ever(key, std::max<std::uint64_t>(acknowledged, 1), pipe[1]);
    ASSERT_GT(child, 0);
    ::close(pipe[1]);
    std::uint64_t number = 0;
    for (int i = 0; i < 5 + kill && ::read(pipe[0], &number, sizeof number) == sizeof number; ++i) {
      acknowledged = std::max(acknowledged, number);
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "child ended by itself: " << WEXITSTATUS(status);
    while (::read(pipe[0], &number, sizeof number) == sizeof number) {
      acknowledged = std::max(acknowledged, number);
    }
    ::close(pipe[0]);
  }
  open();
  const auto samples = all(key);
  ASSERT_GE(samples.size(), acknowledged);
  ASSERT_LE(samples.size(), acknowledged + 1);  // one may have been committed and not told
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(std::get<double>(samples[i].observation.value), static_cast<double>(i + 1));
  }
  const auto items = *store_->items(0, 0, 100'000, 1 << 20);
  for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(items[i].number, i + 1);
  std::int64_t count = 0;
  for (const Bucket& b : *store_->downsample(key, kNow, kNow + base::kDay, 100))
    count += b.summary.count;
  EXPECT_EQ(static_cast<std::size_t>(count), samples.size());
}

TEST_F(Crash, ADiskThatRefusesMakesTheWholeBatchFailAndTheStoreGoesOnAfterwards) {
  const SeriesKey key = declare("p");
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  std::uint64_t next = 0, refused = 0;
  std::set<double> acknowledged;
  for (int round = 0; round < 60; ++round) {
    clock_.pass(base::kSecond);
    Batch batch{.items = {{0, "alert-event", base::Bytes(3000, 7)}}};
    for (int i = 0; i < 200; ++i, ++next) {
      batch.observations.push_back(
          at(key, kNow + static_cast<base::TimeUs>(next), 1.0 / static_cast<double>(next + 1)));
    }
    rlimit limit = before;
    if (round % 3 == 2) limit.rlim_cur = 4096 * static_cast<rlim_t>(1 + round % 20);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    const auto committed = store_->commit(batch);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    if (!committed.ok()) ++refused;
    const auto stored =
        committed.ok() ? committed : store_->commit(batch);  // the caller still owned it
    ASSERT_TRUE(stored.ok()) << stored.error().message();
    EXPECT_EQ(stored->stored, 200u);
    EXPECT_EQ(stored->item_numbers[0], static_cast<std::uint64_t>(round + 1));
  }
  EXPECT_GT(refused, 5u);
  EXPECT_EQ(all(key).size(), next);
  open();
  EXPECT_EQ(all(key).size(), next);
  EXPECT_EQ((*store_->lanes())[0].waiting, 60u);
}

}  // namespace
}  // namespace lander::store
