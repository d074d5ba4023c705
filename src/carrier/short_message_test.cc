// The short-message carrier with the emulated satellite of examples/, on a real pseudo terminal.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <mutex>

#include "carrier/carrier.h"
#include "carrier/program_test.h"
#include "carrier/short_gateway.h"
#include "http/client.h"
#include "http/server.h"

namespace lander::carrier {
namespace {

constexpr char kImei[] = "300234010753370";

class ShortMessageCarrier : public testing::Test {
 protected:
  void TearDown() override { carrier.reset(); }

  void start(std::vector<std::string> faults = {}) {
    std::vector<std::string> arguments = {"python3", "examples/satellite.py", "--link",
                                          folder / "sat"};
    arguments.insert(arguments.end(), faults.begin(), faults.end());
    satellite = std::make_unique<Program>(arguments);
    const std::string line = satellite->wait_for("operator at ");
    ASSERT_NE(line, "");
    operator_url = line.substr(line.find("http"));
    Config config;
    config.terms.id = "sat";
    config.type = "short-message";
    config.settings = {{"device", folder / "sat"}, {"address", kImei}};
    auto made = find_kind("short-message")->make(config, {});
    ASSERT_TRUE(made.ok()) << made.error().message();
    carrier = std::move(*made);
    carrier->on_news([this] { ++news; });
  }

  std::string post(base::ByteView data) {
    http::ClientOptions options;
    options.url = operator_url.substr(0, operator_url.size() - 3);
    const std::string form = std::string("imei=") + kImei + "&data=" + base::to_hex(data);
    auto response =
        (*http::Client::make(options))
            ->send("POST", "/MT", base::as_bytes(form), "application/x-www-form-urlencoded");
    return response.ok() ? std::string(base::as_text(response->body)) : response.error().message();
  }

  // As the link does: again until it is through.
  bool deliver(const base::Bytes& message, std::vector<base::Bytes>& received) {
    for (int i = 0; i < 40; ++i) {
      auto contact = carrier->exchange(message);
      if (!contact.ok()) continue;
      for (auto& one : contact->received) received.push_back(one);
      return true;
    }
    return false;
  }

  TestFolder folder;
  std::unique_ptr<Program> satellite;
  std::string operator_url;
  std::atomic<int> news{0};
  std::unique_ptr<Carrier> carrier;
};

TEST_F(ShortMessageCarrier, CarriesTheLongestMessagesBothWays) {
  start();
  base::Bytes up(340), down(270);
  for (std::size_t i = 0; i < up.size(); ++i) up[i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < down.size(); ++i) down[i] = static_cast<std::uint8_t>(255 - i);
  EXPECT_EQ(post(down).substr(0, 3), "OK,");
  auto contact = carrier->exchange(up);
  ASSERT_TRUE(contact.ok()) << contact.error().message();
  EXPECT_EQ(contact->received, std::vector<base::Bytes>{down});
  EXPECT_NE(satellite->wait_for("sent 340 bytes"), "");
  EXPECT_EQ(carrier->exchange(base::Bytes(341)).error().code(), base::Code::kInvalid);
  contact = carrier->exchange({});
  ASSERT_TRUE(contact.ok()) << contact.error().message();
  EXPECT_TRUE(contact->received.empty());
}

TEST_F(ShortMessageCarrier, IsToldThatAMessageWaitsAndThatMoreDo) {
  start();
  ASSERT_TRUE(carrier->exchange(base::Bytes{1}).ok());
  EXPECT_EQ(news, 0);
  post(base::Bytes{1});
  ASSERT_TRUE(eventually([&] { return news == 1; }));
  post(base::Bytes{2});
  ASSERT_TRUE(eventually([&] { return news == 2; }));
  EXPECT_EQ(carrier->exchange({})->received, (std::vector<base::Bytes>{{1}}));
  ASSERT_TRUE(eventually([&] { return news == 3; }));  // there is another
  EXPECT_EQ(carrier->exchange({})->received, (std::vector<base::Bytes>{{2}}));
  EXPECT_EQ(news, 3);
}

TEST_F(ShortMessageCarrier, GetsThroughThoughSessionsFail) {
  start({"--fail", "0.3", "--seed", "7"});
  std::vector<base::Bytes> received;
  for (std::uint8_t i = 1; i <= 20; ++i) {
    post(base::Bytes{i});
    ASSERT_TRUE(deliver(base::Bytes{i, i}, received));
  }
  while (received.size() < 20) ASSERT_TRUE(deliver({}, received));
  for (std::uint8_t i = 1; i <= 20; ++i) EXPECT_EQ(received[i - 1], base::Bytes{i});
}

TEST_F(ShortMessageCarrier, WaitsForASatelliteToComeIntoSight) {
  start({"--no-signal"});
  const auto contact = carrier->exchange(base::Bytes{1});
  ASSERT_FALSE(contact.ok());
  EXPECT_EQ(contact.error().code(), base::Code::kUnavailable);
  EXPECT_NE(contact.error().message().find("no satellite in sight"), std::string::npos);
  satellite->signal(SIGUSR1);
  ASSERT_NE(satellite->wait_for("signal"), "");
  EXPECT_TRUE(carrier->exchange(base::Bytes{1}).ok());
}

TEST_F(ShortMessageCarrier, LivesThroughAModemThatIsPulledOutAndPluggedInAgain) {
  start();
  ASSERT_TRUE(carrier->exchange(base::Bytes{1}).ok());
  satellite->signal(SIGUSR2);
  ASSERT_NE(satellite->wait_for("pulled out"), "");
  const auto contact = carrier->exchange(base::Bytes{2});
  ASSERT_FALSE(contact.ok());
  EXPECT_EQ(contact.error().code(), base::Code::kUnavailable);
  satellite->signal(SIGUSR2);
  ASSERT_NE(satellite->wait_for("modem at"), "");
  // By itself it makes the modem ring again.
  ASSERT_NE(satellite->wait_for("ring alerts on"), "");
  post(base::Bytes{9});
  ASSERT_TRUE(eventually([&] { return news > 0; }));
  EXPECT_EQ(carrier->exchange(base::Bytes{3})->received, (std::vector<base::Bytes>{{9}}));
}

TEST_F(ShortMessageCarrier, StopsAtOnceWhenCancelled) {
  start({"--delay", "30"});
  std::thread other([&] {
    satellite->wait_for("session begins");
    carrier->cancel();
  });
  EXPECT_EQ(carrier->exchange(base::Bytes{1}).error().code(), base::Code::kUnavailable);
  other.join();
  EXPECT_FALSE(carrier->exchange(base::Bytes{1}).ok());
}

TEST_F(ShortMessageCarrier, ReachesAHubThatHearsAndTellsTheOperator) {
  std::mutex mutex;
  std::vector<ShortPost> arrived;
  http::ServerOptions options;
  options.plain = true;
  auto hub = std::move(*http::Server::start(options));
  hub->route("POST", "/short", kMaxShortPostBytes,
             [&](http::Request request, http::Responder responder) {
               auto post = parse_short_post(request.body, request.headers["content-type"]);
               if (!post.ok()) return responder.reply(http::Response::problem(post.error()));
               const std::lock_guard lock(mutex);
               arrived.push_back(std::move(*post));
               responder.reply(http::Response::text(200, ""));
             });
  start({"--hub", "http://127.0.0.1:" + std::to_string(hub->port()) + "/short", "--username",
         "anna", "--password", "s&cret"});
  std::ofstream(folder / "password") << "s&cret";
  ShortGatewayOptions gateway_options;
  gateway_options.url = operator_url;
  gateway_options.username = "anna";
  gateway_options.password_file = folder / "password";
  gateway_options.imei_of = [](const Address&) { return std::string(kImei); };
  const auto gateway = *ShortGateway::make(gateway_options);

  const base::Bytes up(340, 0xee), down(270, 0x11);
  ASSERT_TRUE(carrier->exchange(up).ok());
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return !arrived.empty();
  }));
  EXPECT_EQ(arrived[0].imei, kImei);
  EXPECT_EQ(arrived[0].bytes, up);
  ASSERT_TRUE(gateway->send({"acme", "pump-1"}, down).ok());
  ASSERT_TRUE(eventually([&] { return news == 1; })) << gateway->failing();
  EXPECT_EQ(carrier->exchange({})->received, std::vector<base::Bytes>{down});
}

TEST_F(ShortMessageCarrier, NeverTakesGarbageForAMessage) {
  start({"--garble", "--seed", "3"});
  std::vector<base::Bytes> received;
  int fine = 0;
  for (std::uint8_t i = 1; i <= 6; ++i) {
    post(base::Bytes(100, i));
    auto contact = carrier->exchange(base::Bytes{i});
    fine += contact.ok() ? 1 : 0;
    if (!contact.ok()) continue;
    for (const auto& one : contact->received) {
      ASSERT_EQ(one.size(), 100u);
      EXPECT_EQ(one, base::Bytes(100, one[0]));
    }
  }
  EXPECT_GT(fine, 0);
}

}  // namespace
}  // namespace lander::carrier
