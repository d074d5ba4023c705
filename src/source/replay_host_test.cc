#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "os/clock.h"
#include "source/test_support.h"

namespace lander::source {
namespace {

using sensing::Quality;

class ReplaySource : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lander-replay-XXXXXX";
    ::close(::mkstemp(name));
    path = name;
  }
  void TearDown() override { std::filesystem::remove(path); }

  void write(const std::string& text) { std::ofstream(path) << text; }
  std::unique_ptr<Source> make(const std::string& file, double speed, bool loop = false) {
    Config config;
    config.id = "s";
    config.driver = Driver::kReplay;
    config.address = file;
    config.speed = speed;
    config.loop = loop;
    auto made = make_source(config, os::system_clock());
    EXPECT_TRUE(made.ok()) << made.error().message();
    return std::move(*made);
  }
  static bool ended(const Source& source) {
    return eventually([&] { return source.health().state == Health::State::kDisconnected; });
  }

  std::string path;
  TestSink sink;
};

TEST_F(ReplaySource, AtSpeedZeroTheRecordedTimesAndEveryCellArrive) {
  write(
      "time,a,b\n2020-01-01 00:00:00,1,2\n2020-01-01 00:00:02,,NaN\n2020-01-01 00:00:04,-1e42,x\n");
  const auto source = make(path, 0);
  ASSERT_TRUE(source->start({bound_to(1, "a"), bound_to(2, "b")}, sink).ok());
  ASSERT_TRUE(ended(*source));
  const auto taken = sink.taken();
  ASSERT_EQ(taken.size(), 4u);  // a blank is missing, "x" is malformed
  EXPECT_EQ(taken[0].time, 1'577'836'800'000'000);
  EXPECT_EQ(taken[2].quality, Quality::kBadSensorFailure);
  EXPECT_EQ(std::get<double>(taken[3].value), -1e42);
  EXPECT_EQ(taken[3].quality, Quality::kBadSensorFailure);
  EXPECT_EQ(source->health().malformed, 1u);
  EXPECT_NE(source->health().last_malformed.find("line 4: column b: expected a number"),
            std::string::npos)
      << source->health().last_malformed;
  EXPECT_NE(source->health().reason.find("after 3 rows"), std::string::npos);
}

TEST_F(ReplaySource, AtASpeedTheFirstRowIsNowAndTheSpacingShrinks) {
  write("time,a\n2020-01-01 00:00:00,1\n2020-01-01 00:00:10,2\n2020-01-01 00:00:20,3\n");
  const auto source = make(path, 200);
  const base::TimeUs before = os::system_clock().wall_us();
  ASSERT_TRUE(source->start({bound_to(1, "a")}, sink).ok());
  ASSERT_TRUE(ended(*source));
  const auto taken = sink.taken();
  ASSERT_EQ(taken.size(), 3u);
  EXPECT_GE(taken[0].time, before);
  EXPECT_EQ(taken[1].time - taken[0].time, 50 * base::kMillisecond);
  EXPECT_EQ(taken[2].time - taken[1].time, 50 * base::kMillisecond);
  EXPECT_LE(taken[2].time, os::system_clock().wall_us() + base::kMillisecond);
}

TEST_F(ReplaySource, ALoopGoesOnWhereTheLastLapEnded) {
  write("a\n1\n2\n");
  const auto source = make(path, 100, true);
  ASSERT_TRUE(source->start({bound_to(1, "a")}, sink).ok());
  ASSERT_TRUE(sink.wait_for(6));
  const auto taken = sink.taken();
  for (std::size_t i = 1; i < 6; ++i)
    EXPECT_EQ(taken[i].time - taken[i - 1].time, 10 * base::kMillisecond) << i;
  EXPECT_EQ(std::get<double>(taken[2].value), 1);
}

TEST_F(ReplaySource, ASinkThatIsFullLosesNoRow) {
  std::string text = "a\n";
  for (int i = 0; i < 30'000; ++i) text += std::to_string(i) + "\n";
  write(text);
  sink.set_full(true);
  const auto source = make(path, 0);
  ASSERT_TRUE(source->start({bound_to(1, "a")}, sink).ok());
  ASSERT_TRUE(eventually([&] { return source->health().refused > 0; }));
  sink.set_full(false);
  ASSERT_TRUE(ended(*source));
  const auto taken = sink.taken();
  ASSERT_EQ(taken.size(), 30'000u);
  for (std::size_t i = 0; i < taken.size(); ++i)
    ASSERT_EQ(std::get<double>(taken[i].value), static_cast<double>(i));
}

TEST_F(ReplaySource, AMissingFileOrColumnIsAClearError) {
  const auto gone = make("/nonexistent.csv", 1)->start({}, sink);
  ASSERT_FALSE(gone.ok());
  EXPECT_NE(gone.error().message().find("/nonexistent.csv"), std::string::npos);
  write("time,pressure\n2020-01-01 00:00:00,1\n");
  const auto column = make(path, 1)->start({bound_to(1, "presure")}, sink);
  ASSERT_FALSE(column.ok());
  EXPECT_NE(column.error().message().find("it has time, pressure"), std::string::npos);
  Config config;
  config.id = "s";
  config.driver = Driver::kReplay;
  config.address = path;
  config.speed = 0;
  config.loop = true;
  EXPECT_FALSE(make_source(config, os::system_clock()).ok());
}

TEST_F(ReplaySource, ColumnsAreOfferedWithTheirMeaning) {
  write("time,Volume Flow RateRMS,note\n2020-01-01 00:00:00,32,ok\n");
  const auto source = make(path, 0);
  ASSERT_TRUE(source->start({}, sink).ok());
  ASSERT_TRUE(ended(*source));
  const auto all = source->candidates();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].suggested_property, "flow-rate");
  EXPECT_EQ(all[1].kind, sensing::Kind::kText);
}

TEST_F(ReplaySource, AColumnThatIsEmptyAtFirstIsOfferedToo) {
  write("time,a,b\n2020-01-01 00:00:00,1,\n2020-01-01 00:00:01,,7\n");
  const auto source = make(path, 0);
  ASSERT_TRUE(source->start({}, sink).ok());
  ASSERT_TRUE(ended(*source));
  const auto all = source->candidates();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].example, "7");
}

// Real recordings: blanks, frozen sensors, absurd numbers.
TEST_F(ReplaySource, RecordingsOfRealPumpsAndWellsAreReadToTheirEnd) {
  namespace fs = std::filesystem;
  const fs::path data = "../shared/data";
  if (!fs::exists(data / "skab")) GTEST_SKIP() << data << " is not there";
  std::vector<fs::path> files = {data / "skab/valve1/0.csv"};
  for (const auto& entry : fs::directory_iterator(data / "3w/1")) files.push_back(entry.path());
  for (const fs::path& file : files) {
    TestSink one;
    const bool skab = file.string().find("skab") != std::string::npos;
    const auto source = make(file, 0);
    ASSERT_TRUE(source->start({bound_to(1, skab ? "Pressure" : "P-PDG")}, one).ok()) << file;
    ASSERT_TRUE(ended(*source)) << file;
    EXPECT_GT(one.count(), 100u) << file;
    EXPECT_EQ(source->health().malformed, 0u) << file << source->health().last_malformed;
    for (const auto& observation : one.taken()) ASSERT_GT(observation.time, 1'300'000'000'000'000);
  }
}

TEST(HostSource, TellsLoadMemoryAndDiskWithoutAnyPeer) {
  Config config;
  config.id = "host";
  config.poll_interval = 10 * base::kMillisecond;
  auto source = make_source(config, os::system_clock());
  ASSERT_TRUE(source.ok());
  TestSink sink;
  ASSERT_TRUE((*source)
                  ->start({bound_to(1, "load1"), bound_to(2, "memory_used"),
                           bound_to(3, "disk_used"), bound_to(4, "temperature")},
                          sink)
                  .ok());
  ASSERT_TRUE(sink.wait_for(12));
  for (const auto& observation : sink.taken()) {
    if (observation.series == 4) continue;  // not every machine has one
    EXPECT_EQ(observation.quality, Quality::kGood);
    EXPECT_GE(std::get<double>(observation.value), 0);
  }
  EXPECT_GE((*source)->candidates().size(), 6u);
}

TEST(HostSource, AnUnknownMeterIsRefusedWithTheKnownOnes) {
  Config config;
  config.id = "host";
  TestSink sink;
  const auto started =
      (*make_source(config, os::system_clock()))->start({bound_to(1, "humour")}, sink);
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.error().message().find("load1"), std::string::npos);
}

}  // namespace
}  // namespace lander::source
