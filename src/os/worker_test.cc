#include "os/worker.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace lander::os {
namespace {

// Holds a worker's thread until it is let go, so that the queue can be filled behind it. Outlives
// the worker.
class Gate {
 public:
  void hold(Worker& worker) {
    EXPECT_TRUE(worker.post([this] {
      standing_.set_value();
      opened_.get_future().wait();
    }));
    standing_.get_future().wait();
  }
  void open() { opened_.set_value(); }

 private:
  std::promise<void> standing_, opened_;
};

TEST(Worker, TasksRunInOrderWithTheUrgentOnesFirst) {
  std::vector<int> ran;
  {
    Gate gate;
    Worker worker("test");
    gate.hold(worker);
    for (int i = 1; i <= 3; ++i) EXPECT_TRUE(worker.post([&ran, i] { ran.push_back(i); }));
    worker.post_urgent([&ran] { ran.push_back(0); });
    gate.open();
  }
  EXPECT_EQ(ran, (std::vector<int>{0, 1, 2, 3}));
}

TEST(Worker, AFullQueueRefusesButNeverAnUrgentTask) {
  int ran = 0;
  {
    Gate gate;
    Worker worker("test", 2);
    gate.hold(worker);
    EXPECT_TRUE(worker.post([&] { ++ran; }));
    EXPECT_TRUE(worker.post([&] { ++ran; }));
    EXPECT_FALSE(worker.post([&] { ++ran; }));
    worker.post_urgent([&] { ++ran; });
    gate.open();
  }
  EXPECT_EQ(ran, 3);
}

TEST(Worker, StoppingRunsWhatWasPostedAndTakesNothingMore) {
  int ran = 0;
  Worker worker("test");
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(worker.post([&] { ++ran; }));
  worker.stop();
  EXPECT_EQ(ran, 100);
  EXPECT_FALSE(worker.post([&] { ++ran; }));
}

TEST(Worker, WakingRunsTheIdleTaskLongBeforeItsTime) {
  std::promise<void> ran;
  bool told = false;
  Worker worker(
      "test", 10,
      [&] {
        if (!std::exchange(told, true)) ran.set_value();
      },
      base::kDay);
  worker.wake();
  ran.get_future().wait();
}

}  // namespace
}  // namespace lander::os
