#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <set>

#include "os/clock.h"
#include "source/test_broker.h"
#include "source/test_support.h"

namespace lander::source {
namespace {

class MqttSource : public testing::Test {
 protected:
  void SetUp() override {
    if (!TestBroker::available()) GTEST_SKIP() << "mosquitto is not installed";
    broker = std::make_unique<TestBroker>();
  }

  std::unique_ptr<Source> make(std::vector<std::string> topics = {}) {
    Config config;
    config.id = "s";
    config.driver = Driver::kMqtt;
    config.address = broker->address();
    config.topics = std::move(topics);
    auto made = make_source(config, os::system_clock());
    EXPECT_TRUE(made.ok());
    return std::move(*made);
  }
  static Bound counted(sensing::SeriesKey series, const std::string& topic) {
    Bound bound = bound_to(series, topic + "#/v");
    bound.datastream.binding.sequence_pointer = "/seq";
    return bound;
  }
  static bool connected(const Source& source) {
    return eventually([&] { return source.health().state == Health::State::kConnected; });
  }
  static std::set<std::uint64_t> sequences(const TestSink& sink, std::size_t from = 0) {
    std::set<std::uint64_t> all;
    const auto taken = sink.taken();
    for (std::size_t i = from; i < taken.size(); ++i) all.insert(taken[i].sequence);
    return all;
  }

  std::unique_ptr<TestBroker> broker;
  TestSink sink;
};

TEST_F(MqttSource, EveryMessageArrivesOnceAndInOrder) {
  const auto source = make();
  ASSERT_TRUE(source->start({counted(1, "a/b")}, sink).ok());
  ASSERT_TRUE(connected(*source)) << source->health().reason;
  broker->publish_many("a/b", 1, 5000);
  ASSERT_TRUE(sink.wait_for(5000));
  const auto taken = sink.taken();
  ASSERT_EQ(taken.size(), 5000u);
  for (std::size_t i = 0; i < taken.size(); ++i) ASSERT_EQ(taken[i].sequence, i + 1);
  EXPECT_EQ(source->health().received, 5000u);
}

TEST_F(MqttSource, MessagesReachThePipelineWhileEarlierOnesStillWaitForTheDisk) {
  const auto source = make();
  sink.hold_commits(true);
  ASSERT_TRUE(source->start({counted(1, "a")}, sink).ok());
  ASSERT_TRUE(connected(*source));
  // Far over the 20 that a broker keeps in flight for a client that does not say otherwise.
  broker->publish_many("a", 1, 1900);
  EXPECT_TRUE(sink.wait_for(1900)) << sink.count();
}

TEST_F(MqttSource, WhatWaitsForTheDiskIsBoundedAndNothingIsLost) {
  const auto source = make();
  sink.hold_commits(true);
  ASSERT_TRUE(source->start({counted(1, "a")}, sink).ok());
  ASSERT_TRUE(connected(*source));
  broker->publish_many("a", 1, 40'000);
  ASSERT_TRUE(sink.wait_for(8000));
  EXPECT_LE(sink.count(), 16'000u);  // twice the receive maximum
  sink.hold_commits(false);
  sink.finish();
  ASSERT_TRUE(sink.wait_for(40'000));
  EXPECT_EQ(sink.count(), 40'000u);
  EXPECT_EQ(sequences(sink).size(), 40'000u);
}

TEST_F(MqttSource, WhatTheStoreCouldNotKeepIsSentAgain) {
  const auto source = make();
  sink.hold_commits(true);
  ASSERT_TRUE(source->start({counted(1, "a")}, sink).ok());
  ASSERT_TRUE(connected(*source));
  broker->publish_many("a", 1, 300);
  ASSERT_TRUE(sink.wait_for(300));
  sink.hold_commits(false);
  sink.finish(base::Error(base::Code::kExhausted, "disk full"));
  ASSERT_TRUE(sink.wait_for(600));
  EXPECT_EQ(sequences(sink, 300).size(), 300u);
}

// A disk that has room for an object at the third try only.
class PatientSink : public TestSink {
 public:
  base::Result<sensing::Object> keep(base::ByteView content, std::string_view type) override {
    if (++tries < 3) return base::Error(base::Code::kExhausted, "disk full");
    return sensing::Object{{}, content.size(), std::string(type)};
  }
  std::atomic<int> tries = 0;
};

TEST_F(MqttSource, AnObjectThatCannotBeKeptNowIsTriedAgainAndStoredOnce) {
  PatientSink patient;
  const auto source = make();
  ASSERT_TRUE(source->start({bound_to(1, "image", sensing::Kind::kObject)}, patient).ok());
  ASSERT_TRUE(connected(*source)) << source->health().reason;
  const std::string image = "\xFF\xD8\xFF\xE0" + std::string(200'000, 'x');
  broker->publish("image", image);
  ASSERT_TRUE(patient.wait_for(1)) << source->health().reason;
  EXPECT_EQ(patient.tries, 3);
  broker->publish("image", "text");
  ASSERT_TRUE(patient.wait_for(2));
  const auto taken = patient.taken();
  ASSERT_EQ(taken.size(), 2u);
  const auto& kept = *std::get<std::shared_ptr<const sensing::Object>>(taken[0].value);
  EXPECT_EQ(kept.media_type, "image/jpeg");
  EXPECT_EQ(kept.bytes, image.size());
  EXPECT_EQ(source->health().malformed, 0u);
  EXPECT_EQ(source->health().received, 2u);
  EXPECT_EQ(source->health().state, Health::State::kConnected);
}

TEST_F(MqttSource, UnacknowledgedMessagesSurviveTheSourcesEndAndAcknowledgedOnesDoNotComeAgain) {
  {
    const auto source = make();
    ASSERT_TRUE(source->start({counted(1, "a")}, sink).ok());
    ASSERT_TRUE(connected(*source));
    broker->publish_many("a", 1, 100);
    ASSERT_TRUE(sink.wait_for(100));
    sink.hold_commits(true);
    broker->publish_many("a", 101, 200);
    ASSERT_TRUE(sink.wait_for(200));
  }
  broker->publish_many("a", 201, 250);  // while nobody is there
  TestSink later;
  const auto source = make();
  ASSERT_TRUE(source->start({counted(1, "a")}, later).ok());
  ASSERT_TRUE(later.wait_for(150));
  std::set<std::uint64_t> expected;
  for (std::uint64_t i = 101; i <= 250; ++i) expected.insert(i);
  EXPECT_EQ(sequences(later), expected);
  sink.finish();  // the first source is gone: its answer must harm nobody
}

// The child writes each observation to a file, fsyncs, and only then calls it durable.
[[noreturn]] void ingest_into(const std::string& path, const Config& config, const Bound& bound) {
  struct FileSink : Sink {
    explicit FileSink(const std::string& file) : out(std::fopen(file.c_str(), "a")) {}
    bool accept(std::vector<sensing::Observation>& all,
                std::function<void(const base::Status&)> durable) override {
      for (const auto& one : all)
        std::fprintf(out, "%llu\n", static_cast<unsigned long long>(one.sequence));
      std::fflush(out);
      ::fsync(::fileno(out));
      durable({});
      return true;
    }
    std::FILE* out;
  } sink(path);
  auto source = make_source(config, os::system_clock());
  if (!source.ok() || !(*source)->start({bound}, sink).ok()) ::_exit(1);
  for (;;) ::pause();
}

TEST_F(MqttSource, AKilledProcessLosesNoMessageThatTheBrokerTook) {
  char name[] = "/tmp/lander-mqtt-XXXXXX";
  ::close(::mkstemp(name));
  Config config;
  config.id = "s";
  config.driver = Driver::kMqtt;
  config.address = broker->address();
  const auto stored = [&] {
    std::set<int> all;
    std::ifstream in(name);
    for (int value; in >> value;) all.insert(value);
    return all;
  };
  int sent = 0;
  for (int round = 0; round < 8; ++round) {
    const pid_t child = ::fork();
    if (child == 0) ingest_into(name, config, counted(1, "a"));
    if (round == 0) {  // the session exists from the first subscription on
      ASSERT_TRUE(eventually([&] {
        broker->publish("a", "{\"v\":0,\"seq\":0}");
        return stored().contains(0);
      }));
    }
    broker->publish_many("a", sent + 1, sent + 700);
    sent += 700;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  const pid_t last = ::fork();
  if (last == 0) ingest_into(name, config, counted(1, "a"));
  EXPECT_TRUE(eventually([&] { return static_cast<int>(stored().size()) == sent + 1; }))
      << stored().size() << " of " << sent + 1;
  ::kill(last, SIGKILL);
  ::waitpid(last, nullptr, 0);
  ::unlink(name);
}

TEST_F(MqttSource, AFullSinkHoldsTheBrokerBackAndLosesNothing) {
  const auto source = make();
  sink.set_full(true);
  ASSERT_TRUE(source->start({counted(1, "a")}, sink).ok());
  ASSERT_TRUE(connected(*source));
  broker->publish_many("a", 1, 80'000);  // ten times the receive maximum
  ASSERT_TRUE(eventually([&] { return source->health().refused > 0; }));
  EXPECT_EQ(sink.count(), 0u);
  sink.set_full(false);
  ASSERT_TRUE(sink.wait_for(80'000));
  EXPECT_EQ(sequences(sink).size(), 80'000u);
}

TEST_F(MqttSource, HostilePayloadsAreCountedAndTheNextGoodOneArrives) {
  const auto source = make();
  ASSERT_TRUE(source->start({counted(1, "a"), bound_to(2, "a")}, sink).ok());
  ASSERT_TRUE(connected(*source));
  broker->publish("a", "not json");
  ASSERT_TRUE(eventually([&] { return source->health().malformed == 2; }));
  broker->publish("a", std::string(2u << 20, '{'));
  ASSERT_TRUE(eventually([&] { return source->health().malformed == 3; }));
  EXPECT_NE(source->health().last_malformed.find("topic a: a message of 2097"), std::string::npos)
      << source->health().last_malformed;
  broker->publish("a", std::string(100'000, '{'));
  broker->publish("a", "");
  broker->publish("a", "{\"v\":-1e42,\"seq\":8}");
  broker->publish("a", "{\"v\":1.5,\"seq\":9}");
  ASSERT_TRUE(sink.wait_for(2)) << source->health().last_malformed;
  const auto taken = sink.taken();
  EXPECT_EQ(taken[0].quality, sensing::Quality::kBadSensorFailure);
  EXPECT_EQ(std::get<double>(taken[1].value), 1.5);
  EXPECT_EQ(source->health().state, Health::State::kConnected);
}

TEST_F(MqttSource, ABrokerThatGoesAwayIsFoundAgain) {
  const auto source = make();
  ASSERT_TRUE(source->start({counted(1, "a")}, sink).ok());
  ASSERT_TRUE(connected(*source));
  broker->kill();
  ASSERT_TRUE(eventually([&] { return source->health().state == Health::State::kDisconnected; }));
  EXPECT_NE(source->health().reason.find("next try in"), std::string::npos);
  broker->start();
  ASSERT_TRUE(connected(*source)) << source->health().reason;
  broker = nullptr;
}

TEST_F(MqttSource, WhatIsNotDeclaredIsOfferedWithItsRateAndExample) {
  const auto source = make({"plant/#"});
  ASSERT_TRUE(source->start({bound_to(1, "plant/temperature")}, sink).ok());
  ASSERT_TRUE(connected(*source));
  broker->publish("plant/pump", R"({"vibration":{"x":1.25},"running":true})");
  broker->publish("plant/temperature", "21");
  broker->publish("elsewhere", "1");
  ASSERT_TRUE(sink.wait_for(1));
  EXPECT_EQ(sink.count(), 1u);
  const auto all = source->candidates();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].address, "plant/pump#/running");
  EXPECT_EQ(all[0].kind, sensing::Kind::kBoolean);
  EXPECT_EQ(all[1].address, "plant/pump#/vibration/x");
  EXPECT_EQ(all[1].example, "1.25");
  EXPECT_EQ(all[1].suggested_property, "vibration");
  EXPECT_FALSE(all[1].declared);
  EXPECT_TRUE(all[2].declared);
}

TEST_F(MqttSource, OverlappingAndForgottenSubscriptionsStoreNothingTwice) {
  {
    const auto source = make({"#", "a/+"});
    ASSERT_TRUE(source->start({counted(1, "a/b")}, sink).ok());
    ASSERT_TRUE(connected(*source));
    broker->publish_many("a/b", 1, 10);
    ASSERT_TRUE(sink.wait_for(10));
    broker->publish("z", "end");
    ASSERT_TRUE(eventually([&] { return source->health().received >= 11; }));
    EXPECT_EQ(sink.count(), 10u);
  }
  const auto source = make();  // "#" is no longer wished, but the broker's session still has it
  ASSERT_TRUE(source->start({counted(1, "a/b")}, sink).ok());
  ASSERT_TRUE(connected(*source));
  broker->publish("stray", "1");
  ASSERT_TRUE(eventually([&] { return source->health().received >= 1; }));
  // The broker takes our UNSUBSCRIBE before it takes a message that is published after we saw none.
  ASSERT_TRUE(eventually([&] {
    const auto before = source->health().received;
    broker->publish("stray", "2");
    broker->publish("a/b", "{\"v\":1,\"seq\":1}");
    eventually([&] { return source->health().received > before; });
    return source->health().received == before + 1;
  }));
}

TEST_F(MqttSource, ConfigurationsThatCannotWorkSaySo) {
  Config config;
  config.id = "s";
  config.driver = Driver::kMqtt;
  for (const char* address : {"", "host", "host:0", "host:x", ":1"}) {
    config.address = address;
    EXPECT_FALSE(make_source(config, os::system_clock()).ok()) << address;
  }
  config.address = "127.0.0.1:1";
  config.topics = {"a#"};
  EXPECT_FALSE(make_source(config, os::system_clock()).ok());
  config.topics = {};
  const auto source = make_source(config, os::system_clock());
  ASSERT_TRUE(source.ok());
  EXPECT_FALSE((*source)->start({bound_to(1, "a/+")}, sink).ok());
}

}  // namespace
}  // namespace lander::source
