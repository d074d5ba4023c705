// A real server and a real door, spoken to over TCP.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <thread>

#include <nlohmann/json.hpp>

#include "api/gate.h"
#include "api/live.h"
#include "api/shapes.h"
#include "http/client.h"

namespace lander::api {
namespace {

using access::Right;
using access::Role;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kPassword = "correct horse";

class TestClock : public os::Clock {
 public:
  base::TimeUs wall_us() const override { return 1'795'000'000 * base::kSecond + elapsed; }
  base::DurationUs monotonic_us() const override { return elapsed; }
  std::string boot_id() const override { return "boot"; }
  std::atomic<base::DurationUs> elapsed{0};
};

class Api : public testing::Test {
 protected:
  void SetUp() override {
    http::ServerOptions options;
    options.plain = true;
    auto started = http::Server::start(options);
    ASSERT_TRUE(started.ok()) << started.error().message();
    server = std::move(*started);
    gate = std::make_unique<Gate>(*server, clock, os::system_random(), worker);
    gate->serve_accounts("site", [] { return std::string("pump-7"); },
                         {[this](const access::Account& account) {
                            if (disk_full)
                              return base::Status(base::Error(base::Code::kExhausted, "disk full"));
                            stored[account.user] = account;
                            return base::Status();
                          },
                          [this](const std::string&, const std::string& user) {
                            stored.erase(user);
                            return base::Status();
                          },
                          [this](const std::string& user) { live.end(user); }});
    gate->serve_health(
        "site", [] { return std::string("pump-7"); }, [] { return std::string(); },
        [] { return std::string("lander_up 1\n"); });
    auto answer = [](http::Request, access::Scope scope, http::Responder responder) {
      responder.reply(reply(200, {{"tenant", scope.tenant}}));
    };
    gate->route("GET", "/api/v1/things", Right::kLook, 0, answer);
    gate->route("POST", "/api/v1/things", Right::kOperate, 64, answer);
    gate->route("GET", "/api/v1/events", Right::kLook, 0,
                [this](http::Request, access::Scope scope, http::Responder responder) {
                  ASSERT_TRUE(live.add(scope.tenant, scope.user, responder.stream()));
                });
    add("acme", "admin", Role::kAdmin);
    add("acme", "viewer", Role::kViewer);
    client = *http::Client::make({.url = url()});
  }
  void TearDown() override {
    client.reset();
    server.reset();
    worker.stop();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server->port()); }
  // scrypt is slow on purpose: one hash for all.
  void add(const std::string& tenant, const std::string& user, Role role) {
    static const std::string hash =
        gate->accounts().make("acme", "someone", kPassword, role)->password_hash;
    gate->accounts().put({tenant, user, hash, role, false});
  }
  struct Answer {
    int status = 0;
    std::string type;
    Json body;
    Headers headers;
  };
  Answer ask(const char* method, const std::string& path, const std::string& body = "",
             const Headers& headers = {}) {
    auto response = client->send(method, path, base::as_bytes(body), "application/json", headers);
    EXPECT_TRUE(response.ok()) << response.error().message();
    if (!response.ok()) return {};
    return {response->status, response->content_type,
            Json::parse(base::as_text(response->body), nullptr, false), response->headers};
  }
  static Headers bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }
  std::string token(const std::string& user) {
    const auto session = gate->accounts().log_in(user, kPassword, clock.wall_us());
    EXPECT_TRUE(session.ok()) << session.error().message();
    return session.ok() ? *session : "";
  }
  static void expect_problem(const Answer& answer, int status, const char* code) {
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.type, "application/problem+json");
    ASSERT_TRUE(answer.body.is_object());
    EXPECT_EQ(answer.body["status"], status);
    EXPECT_EQ(answer.body["code"], code);
    EXPECT_TRUE(answer.body["detail"].is_string());
  }

  TestClock clock;
  os::Worker worker{"worker", 256};
  Live live;
  std::map<std::string, access::Account> stored;
  std::atomic<bool> disk_full{false};
  std::unique_ptr<http::Server> server;
  std::unique_ptr<Gate> gate;
  std::unique_ptr<http::Client> client;
};

TEST_F(Api, WithoutASessionNothingIsShown) {
  for (const char* path : {"/api/v1/things", "/api/v1/me", "/api/v1/accounts", "/api/v1/events"})
    expect_problem(ask("GET", path), 401, "unauthenticated");
  expect_problem(ask("GET", "/api/v1/things", "", bearer("stolen")), 401, "unauthenticated");
  expect_problem(ask("POST", "/api/v1/logout"), 401, "unauthenticated");
}

TEST_F(Api, ASessionEndsTwelveHoursAfterItsLastUse) {
  const auto session = bearer(token("viewer"));
  EXPECT_EQ(ask("GET", "/api/v1/things", "", session).status, 200);
  clock.elapsed = 13 * base::kHour;
  expect_problem(ask("GET", "/api/v1/things", "", session), 401, "unauthenticated");
}

TEST_F(Api, AChangeByCookieNeedsTheHeaderThatNoForeignFormCanSend) {
  const auto login = ask("POST", "/api/v1/login", R"({"user":"admin","password":"correct horse"})");
  ASSERT_EQ(login.status, 200);
  std::string cookie;
  for (const auto& [name, value] : login.headers) {
    if (name == "set-cookie") cookie = value;
  }
  for (const char* attribute : {"HttpOnly", "Secure", "SameSite=Strict"})
    EXPECT_NE(cookie.find(attribute), std::string::npos) << cookie;
  cookie = cookie.substr(0, cookie.find(';'));
  EXPECT_EQ(ask("GET", "/api/v1/things", "", {{"Cookie", cookie}}).status, 200);
  expect_problem(ask("POST", "/api/v1/things", "{}", {{"Cookie", cookie}}), 403, "denied");
  EXPECT_EQ(ask("POST", "/api/v1/things", "{}", {{"Cookie", cookie}, {"X-Lander", "1"}}).status,
            200);
  // Another program's cookie on this host, whose name ends like ours, changes nothing.
  EXPECT_EQ(ask("GET", "/api/v1/things", "", {{"Cookie", "their-lander_session=theirs; " + cookie}})
                .status,
            200);
}

TEST_F(Api, AViewerChangesNothing) {
  const auto session = bearer(token("viewer"));
  expect_problem(ask("POST", "/api/v1/things", "{}", session), 403, "denied");
  expect_problem(ask("GET", "/api/v1/accounts", "", session), 403, "denied");
  expect_problem(ask("DELETE", "/api/v1/accounts/admin", "", session), 403, "denied");
}

TEST_F(Api, AfterFiveWrongPasswordsEvenTheRightOneWaits) {
  for (int i = 0; i < 5; ++i) {
    expect_problem(ask("POST", "/api/v1/login", R"({"user":"viewer","password":"wrong"})"), 401,
                   "unauthenticated");
  }
  const std::string right = R"({"user":"viewer","password":"correct horse"})";
  expect_problem(ask("POST", "/api/v1/login", right), 429, "exhausted");
  clock.elapsed = base::kMinute;
  EXPECT_EQ(ask("POST", "/api/v1/login", right).status, 200);
}

TEST_F(Api, ABodyThatIsTooLargeOrNoJsonIsRefusedAndTheServerGoesOn) {
  const auto session = bearer(token("admin"));
  expect_problem(ask("POST", "/api/v1/things", std::string(65, 'x'), session), 413,
                 "body_too_large");
  client = *http::Client::make({.url = url()});
  const std::string deep(5000, '[');
  for (const std::string& bad : std::vector<std::string>{
           "", "{", "[]", "7", "{\"user\":", R"({"user":1e999})",
           R"({"user":-1e999,"password":""})", "{\"user\":\"\xff\",\"password\":\"x\"}",
           R"({"user":7,"password":"x"})", "{}", std::string("{\"user\":\0}", 10),
           deep.substr(0, 4000)}) {
    expect_problem(ask("POST", "/api/v1/login", bad), 400, "invalid");
  }
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
}

TEST_F(Api, UnknownPathsAndMethodsAreProblemsToo) {
  expect_problem(ask("GET", "/api/v1/nothing"), 404, "not_found");
  EXPECT_EQ(ask("DELETE", "/api/v1/things").status, 405);
  EXPECT_EQ(ask("DELETE", "/api/v1/things").type, "application/problem+json");
}

TEST_F(Api, AnAccountIsThereWhenItIsStoredAndNotBefore) {
  const auto session = bearer(token("admin"));
  const std::string account = R"({"user":"tim","password":"a long password","role":"technician"})";
  disk_full = true;
  EXPECT_EQ(ask("POST", "/api/v1/accounts", account, session).status, 429);
  EXPECT_EQ(ask("GET", "/api/v1/accounts", "", session).body.size(), 2u);
  disk_full = false;
  EXPECT_EQ(ask("POST", "/api/v1/accounts", account, session).status, 201);
  EXPECT_TRUE(stored.contains("tim"));
  EXPECT_EQ(ask("DELETE", "/api/v1/accounts/tim", "", session).status, 204);
  EXPECT_FALSE(stored.contains("tim"));
  expect_problem(ask("DELETE", "/api/v1/accounts/tim", "", session), 404, "not_found");
}

TEST_F(Api, AnAdminTakesOverNoUserOfAnotherTenantAndLocksNobodyOut) {
  add("other", "eve", Role::kAdmin);
  const auto session = bearer(token("admin"));
  expect_problem(ask("POST", "/api/v1/accounts",
                     R"({"user":"eve","password":"a long password","role":"viewer"})", session),
                 409, "exists");
  EXPECT_TRUE(gate->accounts().log_in("eve", kPassword, clock.wall_us()).ok());
  expect_problem(ask("DELETE", "/api/v1/accounts/eve", "", session), 404, "not_found");
  expect_problem(ask("DELETE", "/api/v1/accounts/admin", "", session), 409, "conflict");
  expect_problem(ask("POST", "/api/v1/accounts",
                     R"({"user":"admin","password":"a long password","role":"viewer"})", session),
                 409, "conflict");
}

TEST_F(Api, AnAccountThatGoesTakesItsOpenStreamWithIt) {
  const std::string session = token("viewer");
  std::thread reader([&] {
    auto events = *http::Client::make({.url = url()});
    const auto ended = events->events("/api/v1/events", bearer(session), [this](auto, auto) {
      gate->accounts().remove("viewer");
      live.end("viewer");
      return true;
    });
    EXPECT_TRUE(ended.ok()) << ended.error().message();
  });
  while (!live.watched()) std::this_thread::yield();
  live.send("other", "alert", "{}");
  live.send("acme", "alert", "{}");
  reader.join();
  EXPECT_FALSE(live.watched());
}

TEST_F(Api, MetricsAreForThisMachineOrWhoHasASession) {
  EXPECT_EQ(ask("GET", "/metrics").status, 200);
}

TEST(Shapes, BrokenUtf8FromOutsideIsReplacedNotThrownAt) {
  alert::Alert alert;
  alert.id = "a";
  alert.comment = "caf\xe9";
  EXPECT_NE(dump(api::alert(alert, "pump-7", 1)).find("caf\xef\xbf\xbd"), std::string::npos);
}

sensing::Observation at_noon(sensing::Value value) {
  return {1, sensing::Quality::kGood, 1'767'268'800 * base::kSecond, 0, std::move(value)};
}

TEST(Shapes, AWaveformIsWholeInAQueryAndBriefWhereManyAreTold) {
  std::vector<double> samples(960);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = i % 2 ? 3 : -4;
  samples[5] = NAN;
  const auto waveform = at_noon(
      std::make_shared<const sensing::Waveform>(sensing::Waveform{25'600, std::move(samples)}));
  const Json whole = value(waveform), few = brief(waveform);
  EXPECT_EQ(whole["rate_hz"], 25'600);
  EXPECT_EQ(whole["samples"].size(), 960u);
  EXPECT_TRUE(whole["samples"][5].is_null());
  EXPECT_EQ(few["count"], 960u);
  EXPECT_EQ(few["least"], -4);
  EXPECT_EQ(few["most"], 3);
  EXPECT_NEAR(few["rms"].get<double>(), std::sqrt(12.5), 0.01);
  EXPECT_EQ(few["preview"].size(), 96u);
  EXPECT_EQ(few["preview"][0], Json({-4, 3}));
  EXPECT_FALSE(few.contains("samples"));
  const Json nothing = brief(
      at_noon(std::make_shared<const sensing::Waveform>(sensing::Waveform{1, {NAN, INFINITY}})));
  EXPECT_TRUE(nothing["least"].is_null() && nothing["rms"].is_null());
  EXPECT_EQ(nothing["preview"].dump(), "[[null,null],[null,null]]");
}

TEST(Shapes, AnObjectIsNamedByItsDigestAndAnIntervalByItsEnd) {
  sensing::Object object{{}, 1234, "image/jpeg"};
  object.sha256.fill(0xAB);
  const Json thing = value(at_noon(std::make_shared<const sensing::Object>(object)));
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += "ab";
  EXPECT_EQ(thing, Json({{"sha256", hex}, {"bytes", 1234}, {"media_type", "image/jpeg"}}));
  const Json lasted = value(at_noon(
      std::make_shared<const sensing::Interval>(sensing::Interval{90 * base::kSecond, "batch 7"})));
  EXPECT_EQ(lasted,
            Json({{"end", "2026-01-01T12:01:30Z"}, {"duration_s", 90.0}, {"label", "batch 7"}}));
  const Json endless =
      brief(at_noon(std::make_shared<const sensing::Interval>(sensing::Interval{INT64_MAX, ""})));
  EXPECT_TRUE(endless["end"].is_null());
}

TEST(Shapes, ARangeThatNobodyCanMeanIsRefused) {
  http::Request request;
  const base::TimeUs now = 1'795'000'000 * base::kSecond;
  for (const char* last : {"", "0s", "-5m", "1e300d", "nans", "10"}) {
    request.query = {{"last", last}};
    EXPECT_FALSE(range(request, now, base::kHour).ok()) << last;
  }
  request.query = {{"from", "2027-01-01T00:00:00Z"}, {"to", "2026-01-01T00:00:00Z"}};
  EXPECT_FALSE(range(request, now, base::kHour).ok());
  for (const char* limit : {"0", "-1", "1001", "99999999999999999999", "7x", ""}) {
    request.query = {{"limit", limit}};
    EXPECT_FALSE(count(request, "limit", 200, 1000).ok()) << limit;
  }
}

}  // namespace
}  // namespace lander::api
