// Log, supervisor notification, clock, randomness, vitals: what a service is made of.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <thread>

#include "os/clock.h"
#include "os/log.h"
#include "os/notify.h"
#include "os/proc.h"
#include "os/random.h"

namespace lander::os {
namespace {

using base::Code;

std::string logged(const std::function<void()>& say) {
  ::testing::internal::CaptureStderr();
  say();
  const std::string line = ::testing::internal::GetCapturedStderr();
  return line.substr(std::min(line.size(), line.find(' ') + 1));  // without the time
}

TEST(Log, AnEventIsOneLineHoweverHostileItsValues) {
  EXPECT_EQ(logged([] {
              log_info("store", "commit failed", {{"error", "disk full"}, {"try", 3}});
            }),
            "info store commit failed error=\"disk full\" try=3\n");
  EXPECT_EQ(logged([] {
              log_warn("http", "refused", {{"path", "/a\n\x1b[31m\"x=1"}});
            }),
            "warn http refused path=\"/a\\n\\u001b[31m\\\"x=1\"\n");
  EXPECT_EQ(logged([] {
              log_warn("http", "refused", {{"path", "\xFF"}, {"to", "{}"}});
            }),
            "warn http refused path=\"\\u00ff\" to={}\n");
  EXPECT_EQ(logged([] { log_debug("http", "not asked for"); }), "");
}

TEST(Log, JsonLinesStayJson) {
  set_log_json(true);
  ::testing::internal::CaptureStderr();
  log_error("http", "bad",
            {{"text", "a\"\\\n\xFF"}, {"x", 0.1}, {"nan", std::nan("")}, {"on", true}});
  const std::string line = ::testing::internal::GetCapturedStderr();
  set_log_json(false);
  EXPECT_EQ(line.substr(0, 9), "{\"time\":\"");
  EXPECT_NE(line.find("\"level\":\"error\",\"component\":\"http\",\"event\":\"bad\","
                      "\"text\":\"a\\\"\\\\\\n\\u00ff\",\"x\":0.1,\"nan\":\"nan\",\"on\":true}\n"),
            std::string::npos)
      << line;
}

TEST(Notify, TheSupervisorHearsWhatWeSay) {
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(socket, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "@lander-notify-" + std::to_string(::getpid());
  name.copy(address.sun_path, name.size());
  address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), size), 0);
  ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  EXPECT_TRUE(notify_supervisor("READY=1").ok());
  char text[64] = {};
  EXPECT_EQ(::recv(socket, text, sizeof text, 0), 7);
  EXPECT_STREQ(text, "READY=1");
  ::close(socket);
  EXPECT_FALSE(notify_supervisor("WATCHDOG=1").ok());  // it is gone: told, not fatal
  ::setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
  EXPECT_EQ(notify_supervisor("READY=1").error().code(), Code::kInvalid);
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(notify_supervisor("READY=1").ok());
}

TEST(Notify, TheWatchdogIsFedTwiceAsOftenAsItAsks) {
  EXPECT_EQ(watchdog_interval_us(), 0);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(watchdog_interval_us(), 15 * base::kSecond);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_interval_us(), 0);  // another process's
  ::unsetenv("WATCHDOG_PID");
  ::setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_EQ(watchdog_interval_us(), 0);
  ::unsetenv("WATCHDOG_USEC");
}

TEST(Notify, AStopIsHeardByTheOneWhoWaitsWhicheverThreadStands) {
  block_stop_signals();
  std::thread bystander([] { EXPECT_EQ(wait_for_stop(0), 0); });
  bystander.join();
  ASSERT_EQ(::kill(::getpid(), SIGTERM), 0);
  EXPECT_EQ(wait_for_stop(), SIGTERM);
  ASSERT_EQ(::kill(::getpid(), SIGINT), 0);
  EXPECT_EQ(wait_for_stop(base::kSecond), SIGINT);
  EXPECT_EQ(wait_for_stop(0), 0);
}

TEST(Clock, MonotonicTimeNeverGoesBackAndTheBootHasAName) {
  Clock& clock = system_clock();
  base::DurationUs before = clock.monotonic_us();
  for (int i = 0; i < 1000; ++i) {
    const base::DurationUs now = clock.monotonic_us();
    ASSERT_GE(now, before);
    before = now;
  }
  EXPECT_EQ(clock.boot_id().size(), 36u);
  EXPECT_EQ(clock.boot_id(), clock.boot_id());
  EXPECT_GT(clock.wall_us(), 0);
}

class CountingRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (auto& b : out) b = 0xFF;
  }
};

TEST(Random, Uuid7IsThatOfRfc9562AndSortsByTime) {
  CountingRandom ones;
  EXPECT_EQ(ones.uuid7(0x017F22E279B0 * base::kMillisecond),
            "017f22e2-79b0-7fff-bfff-ffffffffffff");
  Random& random = system_random();
  EXPECT_LT(random.uuid7(base::kSecond), random.uuid7(2 * base::kSecond));
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.uuid7(0));  // a clock that stands still
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(ones.next_u64(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_NE(random.bytes(16), random.bytes(16));
}

TEST(Proc, TheMachinesVitalsMakeSense) {
  const auto own = own_memory();
  ASSERT_TRUE(own.ok()) << own.error().message();
  EXPECT_GT(own->pss_bytes, 100'000u);
  EXPECT_GE(own->rss_bytes, own->pss_bytes);
  const auto memory = host_memory();
  ASSERT_TRUE(memory.ok());
  EXPECT_GT(memory->total_bytes, memory->available_bytes);
  EXPECT_GE(host_load()->one_minute, 0);
  EXPECT_GE(host_load()->processors, 1);
  EXPECT_GT(disk_space("/")->total_bytes, 0u);
  EXPECT_EQ(disk_space("/no/such").error().code(), Code::kNotFound);
  EXPECT_GT(*host_uptime_s(), 0);
  EXPECT_GE(*own_open_files(), 3u);
  EXPECT_FALSE(host_name().empty());
  const auto temperature = host_temperature_c();
  if (!temperature.ok()) {
    EXPECT_EQ(temperature.error().code(), Code::kNotFound);
  }
}

TEST(Proc, AProcessMayHoldAsManyFilesAsItAsksForAndItsOwnerAllows) {
  const auto before = *allow_open_files(0);
  EXPECT_GT(before, 0u);
  const auto most = *allow_open_files(std::numeric_limits<std::uint64_t>::max());
  EXPECT_GE(most, before);
  EXPECT_EQ(*allow_open_files(before), most) << "asking for less takes nothing away";
}

}  // namespace
}  // namespace lander::os
