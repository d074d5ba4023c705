// Site and hub through a real Mosquitto.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>

#include "carrier/carrier.h"
#include "carrier/mqtt_gateway.h"
#include "carrier/mqtt_line.h"
#include "carrier/program_test.h"
#include "carrier/relay_test.h"
#include "crypto/crypto.h"
#include "http/socket.h"
#include "os/clock.h"

namespace lander::carrier {
namespace {

constexpr char kMosquitto[] = "/usr/sbin/mosquitto";

class MqttCarrier : public testing::Test {
 protected:
  void SetUp() override {
    if (::access(kMosquitto, X_OK) != 0) GTEST_SKIP() << "mosquitto is not installed";
    port = http::local_port(http::listen_on("127.0.0.1", 0)->get());
    start_broker();
  }
  void TearDown() override {
    gateway.reset();
    carrier.reset();
  }

  void start_broker(const std::string& more = "allow_anonymous true\n") {
    std::ofstream(folder / "conf") << "listener " << port << " 127.0.0.1\n" << more;
    broker.reset();
    broker = std::make_unique<Program>(std::vector<std::string>{kMosquitto, "-c", folder / "conf"});
    ASSERT_TRUE(eventually([&] {
      return http::connect_to("127.0.0.1", port, os::system_clock().monotonic_us() + base::kSecond,
                              -1)
          .ok();
    }));
  }
  std::string url(const char* scheme = "mqtt") const {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(port);
  }

  void start_gateway() {
    auto made = make_mqtt_gateway({url(), "", "", "", "hub"},
                                  [this](const Address& from, base::Bytes sealed) {
                                    const std::lock_guard lock(mutex);
                                    arrived.emplace_back(from.tenant + "/" + from.site, sealed);
                                    if (answer) (void)gateway->send(from, sealed).ok();
                                  });
    ASSERT_TRUE(made.ok()) << made.error().message();
    gateway = std::move(*made);
    ASSERT_TRUE(eventually([&] { return gateway->failing().empty(); })) << gateway->failing();
  }
  std::unique_ptr<Carrier> site(const std::string& name = "pump-1",
                                std::map<std::string, std::string> settings = {}) {
    Config config;
    config.terms.id = "broker";
    config.type = "mqtt";
    settings.emplace("url", url());
    config.settings = settings;
    Peer peer;
    peer.tenant = "acme";
    peer.site = name;
    auto made = find_kind("mqtt")->make(config, peer);
    EXPECT_TRUE(made.ok()) << made.error().message();
    return std::move(*made);
  }
  std::size_t count_arrived() {
    const std::lock_guard lock(mutex);
    return arrived.size();
  }
  std::vector<std::string> topics_ids() {
    const std::lock_guard lock(mutex);
    std::vector<std::string> out;
    for (const auto& one : arrived) out.push_back(one.first);
    return out;
  }

  TestFolder folder;
  std::uint16_t port = 0;
  std::unique_ptr<Program> broker;
  std::mutex mutex;
  std::vector<std::pair<std::string, base::Bytes>> arrived;
  std::atomic<bool> answer{true};
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<Carrier> carrier;
};

TEST_F(MqttCarrier, TakesMessagesThereAndBringsTheAnswersBack) {
  start_gateway();
  carrier = site();
  for (const std::size_t size : {std::size_t{1}, std::size_t{50}, kMaxMqttBytes}) {
    const base::Bytes sealed(size, static_cast<std::uint8_t>(size % 251));
    auto contact = carrier->exchange(sealed);
    ASSERT_TRUE(contact.ok()) << contact.error().message();
    EXPECT_EQ(contact->received, std::vector<base::Bytes>{sealed});
    const std::lock_guard lock(mutex);
    EXPECT_EQ(arrived.back(), (std::pair<std::string, base::Bytes>("acme/pump-1", sealed)));
  }
  EXPECT_EQ(carrier->exchange(base::Bytes(kMaxMqttBytes + 1)).error().code(), base::Code::kInvalid);
}

TEST_F(MqttCarrier, AWarmExchangeOfAShortAlertTakesAtMost700BytesOnTheLine) {
  start_gateway();
  Relay relay(port);
  carrier = site("pump-1", {{"url", "mqtt://127.0.0.1:" + std::to_string(relay.port())}});
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(carrier->exchange(base::Bytes(50, 1)).ok());
  const std::uint64_t before = relay.wire_bytes(), packets = relay.packets();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(carrier->exchange(base::Bytes(50, 1)).ok());
  const std::uint64_t warm = (relay.wire_bytes() - before) / 20;
  std::printf("bytes on the line: warm %lu in %.1f packets\n", warm,
              static_cast<double>(relay.packets() - packets) / 20);
  EXPECT_LE(warm, 700u);
}

TEST_F(MqttCarrier, IsToldWhenAMessageComesByItself) {
  start_gateway();
  carrier = site();
  std::atomic<int> news{0};
  carrier->on_news([&] { ++news; });
  ASSERT_TRUE(carrier->exchange(base::Bytes{1}).ok());
  EXPECT_EQ(news, 0);
  ASSERT_TRUE(gateway->send({"acme", "pump-1"}, base::Bytes{2}).ok());
  ASSERT_TRUE(gateway->send({"acme", "other"}, base::Bytes{3}).ok());
  ASSERT_TRUE(eventually([&] { return news == 1; }));
  EXPECT_EQ(carrier->exchange({})->received, (std::vector<base::Bytes>{{2}}));
}

TEST_F(MqttCarrier, WhatIsSentToASiteThatIsAwayWaitsAtTheBroker) {
  start_gateway();
  answer = false;
  carrier = site();
  ASSERT_TRUE(carrier->exchange({}).ok());
  carrier.reset();
  ASSERT_TRUE(gateway->send({"acme", "pump-1"}, base::Bytes{7}).ok());
  ASSERT_TRUE(gateway->send({"acme", "pump-1"}, base::Bytes{8}).ok());
  // The broker has both when it has a third that is told to another.
  auto other = site("other");
  ASSERT_TRUE(other->exchange({}).ok());
  ASSERT_TRUE(gateway->send({"acme", "other"}, base::Bytes{9}).ok());
  EXPECT_EQ(other->exchange({})->received, (std::vector<base::Bytes>{{9}}));
  carrier = site();
  std::vector<base::Bytes> received;
  while (received.size() < 2) {
    const auto contact = carrier->exchange({});
    ASSERT_TRUE(contact.ok() && !contact->received.empty());
    received.insert(received.end(), contact->received.begin(), contact->received.end());
  }
  EXPECT_EQ(received, (std::vector<base::Bytes>{{7}, {8}}));
}

TEST_F(MqttCarrier, WhatIsSentWhileTheHubIsAwayWaitsAtTheBroker) {
  start_gateway();
  gateway.reset();
  answer = false;
  carrier = site();
  ASSERT_TRUE(carrier->exchange(base::Bytes{1}).ok());
  EXPECT_EQ(count_arrived(), 0u);
  start_gateway();
  ASSERT_TRUE(eventually([&] { return count_arrived() == 1; }));
}

TEST_F(MqttCarrier, SaysThatNobodyListensWhereNoHubEverDid) {
  carrier = site();
  const auto contact = carrier->exchange(base::Bytes{1});
  ASSERT_FALSE(contact.ok());
  EXPECT_EQ(contact.error().code(), base::Code::kUnavailable);
  EXPECT_NE(contact.error().message().find("nobody listens"), std::string::npos);
}

TEST_F(MqttCarrier, BothEndsComeBackAfterTheBrokerDid) {
  start_gateway();
  carrier = site();
  ASSERT_TRUE(carrier->exchange(base::Bytes{1}).ok());
  broker.reset();
  ASSERT_TRUE(eventually([&] {
    return gateway->failing().find("Connection refused") != std::string::npos;
  })) << gateway->failing();
  // While it is away a few messages for each site are kept.
  std::size_t kept = 0;
  while (gateway->send({"acme", "later"}, base::Bytes{1}).ok()) ++kept;
  EXPECT_EQ(kept, kMaxMqttWaitingOfSite);
  EXPECT_EQ(gateway->send({"acme", "later"}, base::Bytes{1}).error().code(),
            base::Code::kExhausted);
  start_broker();
  ASSERT_TRUE(eventually([&] { return carrier->exchange(base::Bytes{2}).ok(); }));
  ASSERT_TRUE(eventually([&] { return gateway->send({"acme", "later"}, base::Bytes{1}).ok(); }));
}

TEST_F(MqttCarrier, NothingThatOthersPublishGetsPastTheTopicsAndTheBounds) {
  start_gateway();
  carrier = site();
  ASSERT_TRUE(carrier->exchange(base::Bytes{1}).ok());
  answer = false;
  Program retained({"mosquitto_pub", "-p", std::to_string(port), "-r", "-q", "1", "-t",
                    "lander/acme/kept/up", "-m", "x"});
  ASSERT_TRUE(eventually([&] { return count_arrived() == 2; }));  // live, it is no retained one
  std::atomic<int> acknowledged{0};
  auto stranger = MqttLine::open({url(), "", "", "", "stranger", "none"},
                                 {[](std::string_view, base::ByteView) {},
                                  [&](int, const std::string&) { ++acknowledged; }, [] {}});
  ASSERT_TRUE(eventually([&] { return stranger->failing().empty(); }));
  int sent = 0;
  for (const char* topic :
       {"lander/acme/pump-1/down", "lander/a b/pump-1/up", "lander//x/up", "lander/x//up",
        "lander/acme/pump-1/up/up", "lander/acme/pump-1/upper", "lander/up", "/lander/a/b/up"}) {
    ASSERT_TRUE(stranger->publish(topic, base::Bytes(200, 'g')).ok());
    ++sent;
  }
  // Twice the same, and the last: when it is there, all are.
  for (const char* site : {"twice", "twice", "last"}) {
    ASSERT_TRUE(stranger->publish("lander/acme/" + std::string(site) + "/up", base::Bytes{1}).ok());
    ++sent;
  }
  ASSERT_TRUE(eventually([&] { return acknowledged == sent; }));
  ASSERT_TRUE(eventually([&] {
    const auto ids = topics_ids();
    return !ids.empty() && ids.back() == "acme/last";
  }));
  EXPECT_EQ(topics_ids(), (std::vector<std::string>{"acme/pump-1", "acme/kept", "acme/twice",
                                                    "acme/twice", "acme/last"}));
  // What is for a site is handed on: the envelope shows that it is garbage.
  EXPECT_EQ(carrier->exchange({})->received, (std::vector<base::Bytes>{base::Bytes(200, 'g')}));
  // To a hub that comes anew, the retained one is no message.
  auto second = make_mqtt_gateway({url(), "", "", "", "hub-2"},
                                  [this](const Address& from, const base::Bytes&) {
                                    const std::lock_guard lock(mutex);
                                    arrived.emplace_back("second " + from.site, base::Bytes());
                                  });
  ASSERT_TRUE(eventually([&] { return (*second)->failing().empty(); }));
  ASSERT_TRUE(stranger->publish("lander/acme/end/up", base::Bytes{1}).ok());
  ASSERT_TRUE(eventually([&] {
    const auto all = topics_ids();
    return std::find(all.begin(), all.end(), "second end") != all.end();
  }));
  const auto all = topics_ids();
  EXPECT_EQ(std::find(all.begin(), all.end(), "second kept"), all.end());
}

TEST_F(MqttCarrier, ProvesItselfAndWantsTheBrokerProven) {
  auto key = crypto::PrivateKey::generate(crypto::KeyType::kP256);
  const auto now = os::system_clock().wall_us();
  const auto pem = crypto::self_signed(*key, {"broker", {"localhost"}, {"127.0.0.1"}, true, true},
                                       now - base::kDay, now + base::kDay);
  std::ofstream(folder / "broker.pem") << *pem;
  std::ofstream(folder / "broker.key") << key->to_pem();
  auto other = crypto::PrivateKey::generate(crypto::KeyType::kP256);
  std::ofstream(folder / "other.pem")
      << *crypto::self_signed(*other, {"broker", {"localhost"}, {"127.0.0.1"}, true, true},
                              now - base::kDay, now + base::kDay);
  std::ofstream(folder / "password") << "secret\n";
  std::filesystem::permissions(folder / "broker.key", std::filesystem::perms(0644));
  std::filesystem::permissions(folder / "", std::filesystem::perms(0755));
  Program hash({"mosquitto_passwd", "-b", "-c", folder / "users", "site", "secret"});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(folder / "users"); }));
  hash.wait_for("end of its output");
  std::filesystem::permissions(folder / "users", std::filesystem::perms(0644));
  start_broker("certfile " + folder / "broker.pem" + "\nkeyfile " + folder / "broker.key" +
               "\npassword_file " + folder / "users" + "\n");
  std::map<std::string, std::string> settings = {{"url", url("mqtts")},
                                                 {"username", "site"},
                                                 {"password_file", folder / "password"},
                                                 {"ca_file", folder / "broker.pem"}};
  carrier = site("pump-1", settings);
  const auto contact = carrier->exchange({});
  EXPECT_TRUE(contact.ok()) << contact.error().message();
  settings["ca_file"] = folder / "other.pem";
  EXPECT_EQ(site("pump-2", settings)->exchange({}).error().code(), base::Code::kUnavailable);
  settings["ca_file"] = folder / "broker.pem";
  settings["username"] = "nobody";
  const auto refused = site("pump-3", settings)->exchange({});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("uthor"), std::string::npos)
      << refused.error().message();
}

TEST_F(MqttCarrier, StopsWhenCancelled) {
  broker.reset();
  carrier = site();
  std::thread other([&] { carrier->cancel(); });
  EXPECT_EQ(carrier->exchange(base::Bytes{1}).error().code(), base::Code::kUnavailable);
  other.join();
}

TEST(UpTopic, NamesASiteOrIsRefused) {
  const auto address = parse_up_topic("lander/acme/pump-1/up");
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(address->tenant, "acme");
  EXPECT_EQ(address->site, "pump-1");
  for (const char* topic : {"", "lander/up", "lander//up", "lander/acme/up", "lander/a/b/c/up",
                            "lander/a/b/down", "lander/a/+/up", "lander/a/b c/up"})
    EXPECT_FALSE(parse_up_topic(topic).ok()) << topic;
}

TEST(MqttSettings, SayWhatIsWrong) {
  for (const char* good : {"mqtt://h", "mqtt://h:1", "mqtts://broker.example:8883", "mqtt://[::1]"})
    EXPECT_TRUE(valid_mqtt_url(good).ok()) << good;
  for (const char* bad : {"", "h:1883", "http://h", "mqtt://", "mqtt://h:0", "mqtt://h:x",
                          "mqtt://h/path", "mqtt://u:p@h:1"})
    EXPECT_FALSE(valid_mqtt_url(bad).ok()) << bad;
  EXPECT_FALSE(valid(MqttOptions{"mqtt://h", "", "", "/ca.pem", "id", "f"}).ok());
  EXPECT_FALSE(valid(MqttOptions{"mqtt://h", "", "/password", "", "id", "f"}).ok());
}

}  // namespace
}  // namespace lander::carrier
