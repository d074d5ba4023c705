#include <gtest/gtest.h>
#include <modbus/modbus.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <set>

#include "os/clock.h"
#include "source/test_broker.h"
#include "source/test_support.h"

namespace lander::source {
namespace {

using sensing::Quality;

// A libmodbus server for one client at a time with 16 registers of each kind.
class Device {
 public:
  enum class Mood { kAnswer, kSilent, kReset, kFail };

  Device() : port(free_port()) { open(); }
  ~Device() { close(); }

  void open() {
    context_ = modbus_new_tcp("127.0.0.1", port);
    map_ = modbus_mapping_new(16, 16, 16, 16);
    map_->tab_input_registers[0] = 0x4020;  // 2.5f, the high word first
    map_->tab_input_registers[2] = 0xC0E8;  // -7.25f
    map_->tab_registers[3] = 1234;
    map_->tab_bits[1] = 1;
    listener_ = modbus_tcp_listen(context_, 4);
    ASSERT_GE(listener_, 0);
    stop_ = false;
    thread_ = std::thread([this] { serve(); });
  }
  void close() {
    if (!thread_.joinable()) return;
    stop_ = true;
    thread_.join();
    ::close(listener_);
    modbus_mapping_free(map_);
    modbus_free(context_);
  }

  const int port;
  std::atomic<Mood> mood{Mood::kAnswer};
  std::atomic<int> silent_unit{-1};
  std::atomic<int> requests{0};

 private:
  void serve() {
    int client = -1;
    while (!stop_) {
      pollfd waiting{client < 0 ? listener_ : client, POLLIN, 0};
      if (::poll(&waiting, 1, 10) <= 0) continue;
      if (client < 0) {
        client = modbus_tcp_accept(context_, &listener_);
        continue;
      }
      std::uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
      const int size = modbus_receive(context_, query);
      if (size < 0 || mood == Mood::kReset) {
        ::close(std::exchange(client, -1));
        continue;
      }
      if (size == 0) continue;
      ++requests;
      if (mood == Mood::kSilent || query[6] == silent_unit) continue;
      if (mood == Mood::kFail) {
        modbus_reply_exception(context_, query, MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE);
      } else {
        modbus_reply(context_, query, size, map_);
      }
    }
    if (client >= 0) ::close(client);
  }

  modbus_t* context_ = nullptr;
  modbus_mapping_t* map_ = nullptr;
  int listener_ = -1;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class ModbusSource : public testing::Test {
 protected:
  std::unique_ptr<Source> make(std::vector<std::string> ranges = {"1/coil/0"}) {
    Config config;
    config.id = "s";
    config.driver = Driver::kModbus;
    config.address = "127.0.0.1:" + std::to_string(device.port);
    config.poll_interval = 20 * base::kMillisecond;
    config.topics = std::move(ranges);
    auto made = make_source(config, os::system_clock());
    EXPECT_TRUE(made.ok());
    return std::move(*made);
  }
  std::vector<sensing::Observation> of(sensing::SeriesKey series) {
    auto all = sink.taken();
    std::erase_if(all, [&](const auto& one) { return one.series != series; });
    return all;
  }
  std::size_t lost(sensing::SeriesKey series) {
    const auto all = of(series);
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& one) {
      return one.quality == Quality::kBadNoCommunication;
    }));
  }
  std::size_t good(sensing::SeriesKey series) { return of(series).size() - lost(series); }

  Device device;
  TestSink sink;
};

TEST_F(ModbusSource, ReadsEveryTableWithOneRequestPerRunOfRegisters) {
  const auto source = make();
  ASSERT_TRUE(
      source
          ->start({bound_to(1, "1/input/0:f32"), bound_to(2, "1/input/2:f32"),
                   bound_to(3, "1/holding/3"), bound_to(4, "1/coil/1", sensing::Kind::kBoolean)},
                  sink)
          .ok());
  ASSERT_TRUE(eventually([&] { return good(1) > 2 && good(2) > 2 && good(3) > 2 && good(4) > 2; }));
  EXPECT_EQ(std::get<double>(of(1)[0].value), 2.5);
  EXPECT_EQ(std::get<double>(of(2)[0].value), -7.25);
  EXPECT_EQ(of(1)[0].time, of(2)[0].time);  // one answer
  EXPECT_EQ(std::get<double>(of(3)[0].value), 1234);
  EXPECT_TRUE(std::get<bool>(of(4)[0].value));
  EXPECT_EQ(source->health().state, Health::State::kConnected) << source->health().reason;
}

TEST_F(ModbusSource, AnAddressTheDeviceRefusesDoesNotTakeItsNeighboursAlong) {
  const auto source = make();
  ASSERT_TRUE(
      source->start({bound_to(1, "1/input/14:f32"), bound_to(2, "1/input/16:f32")}, sink).ok());
  ASSERT_TRUE(eventually([&] { return good(1) > 3 && lost(2) == 1; }));
  ASSERT_TRUE(
      eventually([&] { return source->health().reason.find("exception 2") != std::string::npos; }));
  EXPECT_NE(source->health().reason.find("unit 1 input 16..17"), std::string::npos)
      << source->health().reason;
  EXPECT_EQ(source->health().state, Health::State::kDegraded);
}

TEST_F(ModbusSource, ADeviceThatFailsIsToldOnceAndItsReturnIsSeen) {
  device.mood = Device::Mood::kFail;
  const auto source = make();
  ASSERT_TRUE(source->start({bound_to(1, "1/input/0:f32")}, sink).ok());
  ASSERT_TRUE(eventually([&] { return device.requests > 4; }));
  EXPECT_EQ(lost(1), 1u);
  EXPECT_EQ(good(1), 0u);
  device.mood = Device::Mood::kAnswer;
  ASSERT_TRUE(eventually([&] { return good(1) > 2; }));
  EXPECT_EQ(lost(1), 1u);
  device.mood = Device::Mood::kFail;
  ASSERT_TRUE(eventually([&] { return lost(1) == 2; }));
}

TEST_F(ModbusSource, ADeviceThatNeverAnswersIsToldOnceInWords) {
  device.mood = Device::Mood::kSilent;
  const auto source = make();
  ASSERT_TRUE(source->start({bound_to(1, "1/input/0:f32"), bound_to(2, "1/holding/3")}, sink).ok());
  ASSERT_TRUE(eventually(
      [&] { return source->health().reason.find("no answer; next try in") != std::string::npos; }));
  ASSERT_TRUE(eventually([&] { return lost(1) == 1 && lost(2) == 1; }));
  device.mood = Device::Mood::kAnswer;
  ASSERT_TRUE(eventually([&] { return good(1) > 0 && good(2) > 0; }));
}

TEST_F(ModbusSource, AUnitThatIsSilentDoesNotStopTheOthersBehindTheSameGateway) {
  device.silent_unit = 9;
  const auto source = make();
  ASSERT_TRUE(
      source->start({bound_to(1, "1/input/0:f32"), bound_to(2, "9/input/0:f32")}, sink).ok());
  ASSERT_TRUE(eventually([&] { return lost(2) == 1 && good(1) > 20; }));
  EXPECT_EQ(lost(1), 0u);
}

TEST_F(ModbusSource, AResetAndAnAbsenceAreSurvived) {
  const auto source = make();
  ASSERT_TRUE(source->start({bound_to(1, "1/input/0:f32")}, sink).ok());
  ASSERT_TRUE(eventually([&] { return good(1) > 0; }));
  device.mood = Device::Mood::kReset;
  ASSERT_TRUE(eventually([&] { return lost(1) == 1; }));
  device.close();
  ASSERT_TRUE(eventually([&] {
    return source->health().reason.find("connect to 127.0.0.1") != std::string::npos;
  })) << source->health().reason;
  EXPECT_EQ(source->health().state, Health::State::kDisconnected);
  device.mood = Device::Mood::kAnswer;
  device.open();
  const std::size_t before = good(1);
  ASSERT_TRUE(eventually([&] { return good(1) > before; }));
  EXPECT_EQ(lost(1), 1u);
}

TEST_F(ModbusSource, RegistersThatNobodyDeclaredAreOfferedWithTheTypeTheyLookLike) {
  const auto source = make({"1/input/0-15", "1/coil/0-3"});
  ASSERT_TRUE(source->start({}, sink).ok());
  ASSERT_TRUE(eventually([&] { return source->candidates().size() >= 18; }))
      << source->candidates().size();
  const auto all = source->candidates();
  const auto find = [&](const std::string& address) {
    return std::find_if(all.begin(), all.end(),
                        [&](const Candidate& one) { return one.address == address; });
  };
  ASSERT_NE(find("1/input/0:f32"), all.end());
  EXPECT_EQ(find("1/input/0:f32")->example, "2.5");
  EXPECT_NE(find("1/input/4:u16"), all.end());
  ASSERT_NE(find("1/coil/1"), all.end());
  EXPECT_EQ(find("1/coil/1")->kind, sensing::Kind::kBoolean);
}

TEST_F(ModbusSource, ConfigurationsThatCannotWorkSaySo) {
  const auto source = make();
  const auto text = source->start({bound_to(1, "1/input/0", sensing::Kind::kText)}, sink);
  ASSERT_FALSE(text.ok());
  EXPECT_NE(text.error().message().find("datastream d1"), std::string::npos);
  const auto address = make()->start({bound_to(1, "nonsense")}, sink);
  ASSERT_FALSE(address.ok());
  EXPECT_NE(address.error().message().find("nonsense"), std::string::npos);
  Config config;
  config.id = "s";
  config.driver = Driver::kModbus;
  config.address = "127.0.0.1:502";
  config.topics = {"1/input/5-2"};
  EXPECT_FALSE(make_source(config, os::system_clock()).ok());
}

}  // namespace
}  // namespace lander::source
