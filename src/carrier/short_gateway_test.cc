#include "carrier/short_gateway.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <fstream>
#include <mutex>

#include "carrier/program_test.h"
#include "http/server.h"

namespace lander::carrier {
namespace {

constexpr char kImei[] = "300234010753370";
constexpr char kForm[] = "application/x-www-form-urlencoded";

base::Result<ShortPost> parse(std::string_view body, std::string_view type = kForm) {
  return parse_short_post(base::as_bytes(body), type);
}

TEST(ShortPostOfAnOperator, IsReadAsAFormAndAsJson) {
  const ShortPost expected{kImei, 12345, {'H', 'i', 0xff}};
  EXPECT_EQ(
      *parse("imei=300234010753370&serial=14513&momsn=12345&transmit_time=21-10-31+10%3A41%3A50"
             "&iridium_latitude=52.3867&data=4869Ff"),
      expected);
  EXPECT_EQ(*parse(R"({"imei":"300234010753370","momsn":12345,"data":"4869ff","at":{"deep":[1]}})",
                   "application/json; charset=utf-8"),
            expected);
  EXPECT_EQ(
      *parse(R"({"imei":300234010753370,"momsn":"12345","data":"4869ff"})", "application/json"),
      expected);
}

TEST(ShortPostOfAnOperator, IsRefusedWithTheFieldThatIsWrong) {
  const struct {
    const char* body;
    const char* field;
  } table[] = {
      {"momsn=1&data=00", "imei"},
      {"imei=30023401075337x&momsn=1&data=00", "imei"},
      {"imei=300234010753370&imei=300234010753370&momsn=1&data=00", "imei"},
      {"imei=300234010753370&data=00", "momsn"},
      {"imei=300234010753370&momsn=-1&data=00", "momsn"},
      {"imei=300234010753370&momsn=99999999999&data=00", "momsn"},
      {"imei=300234010753370&momsn=1", "data"},
      {"imei=300234010753370&momsn=1&data=0", "data"},
      {"imei=300234010753370&momsn=1&data=zz", "data"},
  };
  for (const auto& row : table) {
    const auto post = parse(row.body);
    ASSERT_FALSE(post.ok()) << row.body;
    EXPECT_EQ(post.error().code(), base::Code::kInvalid);
    EXPECT_NE(post.error().message().find(row.field), std::string::npos) << post.error().message();
  }
  const std::string head = "imei=300234010753370&momsn=1&data=";
  EXPECT_TRUE(parse(head + std::string(680, '0')).ok());
  EXPECT_FALSE(parse(head + std::string(682, '0')).ok());
  EXPECT_FALSE(parse(head + "00&" + std::string(kMaxShortPostBytes, 'x')).ok());
  EXPECT_EQ(parse("x", "text/plain").error().code(), base::Code::kUnsupported);
  EXPECT_FALSE(parse("[1]", "application/json").ok());
  EXPECT_FALSE(parse(R"({"imei":[]})", "application/json").ok());
}

// An operator that answers as it is told.
class ShortGatewayToAnOperator : public testing::Test {
 protected:
  ShortGatewayToAnOperator() {
    http::ServerOptions options;
    options.plain = true;
    server = std::move(*http::Server::start(options));
    server->route("POST", "/MT", 4096, [this](http::Request request, http::Responder responder) {
      const std::lock_guard lock(mutex);
      heard.emplace_back(base::as_text(request.body));
      responder.reply(answer);
    });
    options_.url = "http://127.0.0.1:" + std::to_string(server->port()) + "/MT";
    options_.first_retry = base::kMillisecond;
    options_.imei_of = [](const Address& to) -> std::optional<std::string> {
      if (to.tenant != "acme") return std::nullopt;
      return "30023401075337" + to.site;
    };
    say(200, "OK,1");
  }
  void say(int status, const std::string& text) {
    const std::lock_guard lock(mutex);
    answer = http::Response::text(status, text);
  }
  std::vector<std::string> all_heard() {
    const std::lock_guard lock(mutex);
    return heard;
  }
  std::unique_ptr<ShortGateway> make() {
    auto made = ShortGateway::make(options_);
    EXPECT_TRUE(made.ok()) << made.error().message();
    return std::move(*made);
  }

  TestFolder folder;
  std::mutex mutex;
  std::vector<std::string> heard;
  http::Response answer;
  ShortGatewayOptions options_;
  std::unique_ptr<http::Server> server;
};

TEST_F(ShortGatewayToAnOperator, PostsInOrderWithItsLogin) {
  options_.username = "a b";
  options_.password_file = folder / "password";
  std::ofstream(options_.password_file) << "s&cret\n";
  const auto gateway = make();
  ASSERT_TRUE(gateway->send({"acme", "1"}, base::Bytes{0xab, 1}).ok());
  ASSERT_TRUE(gateway->send({"acme", "2"}, base::Bytes{2}).ok());
  ASSERT_TRUE(eventually([&] { return all_heard().size() == 2; }));
  EXPECT_EQ(all_heard()[0], "imei=300234010753371&data=ab01&username=a%20b&password=s%26cret");
  EXPECT_EQ(all_heard()[1], "imei=300234010753372&data=02&username=a%20b&password=s%26cret");
  EXPECT_EQ(gateway->send({"other", "1"}, base::Bytes{1}).error().code(), base::Code::kNotFound);
  EXPECT_EQ(gateway->send({"acme", "1"}, base::Bytes(271)).error().code(), base::Code::kInvalid);
}

TEST_F(ShortGatewayToAnOperator, TriesAgainWhatIsNotTakenNowAndLetsGoWhatIsRefused) {
  say(503, "down");
  const auto gateway = make();
  ASSERT_TRUE(gateway->send({"acme", "1"}, base::Bytes{1}).ok());
  ASSERT_TRUE(eventually([&] { return all_heard().size() >= 3; }));
  EXPECT_NE(gateway->failing().find("503"), std::string::npos);
  say(200, "FAILED,11,No such modem");
  ASSERT_TRUE(
      eventually([&] { return gateway->failing().find("No such modem") != std::string::npos; }));
  say(200, "OK,2");
  ASSERT_TRUE(gateway->send({"acme", "1"}, base::Bytes{7}).ok());
  ASSERT_TRUE(eventually([&] { return gateway->failing().empty(); }));
  EXPECT_EQ(all_heard().back(), "imei=300234010753371&data=07");
}

TEST_F(ShortGatewayToAnOperator, KeepsAFewForEachSiteWhileTheOperatorIsAway) {
  options_.first_retry = base::kMinute;
  say(503, "down");
  const auto gateway = make();
  for (std::size_t i = 0; i < ShortGateway::kMaxOfSite; ++i)
    ASSERT_TRUE(gateway->send({"acme", "1"}, base::Bytes{1}).ok());
  EXPECT_EQ(gateway->send({"acme", "1"}, base::Bytes{1}).error().code(), base::Code::kExhausted);
  EXPECT_TRUE(gateway->send({"acme", "2"}, base::Bytes{1}).ok());
}

}  // namespace
}  // namespace lander::carrier
