// The webhook against a receiver of our own server.
#include "notify/webhook.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>

#include <nlohmann/json.hpp>

#include "http/server.h"

namespace lander::notify {
namespace {

Notice notice_of(const std::string& id) {
  Notice notice;
  notice.tenant = "acme";
  notice.site = "pump-1";
  notice.event = {.id = id,
                  .alert = "a1",
                  .kind = alert::EventKind::kRaise,
                  .time = 1'000'000'000'000'000,
                  .actor = "site"};
  alert::Info info;
  info.asset = "acme/north/pump";
  info.title = "Bearing wear";
  info.detail = "vibration 4.1 mm/s";
  info.severity = alert::Severity::kHigh;
  info.rule = "watch";
  info.causes = {{"vibration", 0.75, 4.1, 1.5, "mm/s"}};
  info.evidence = {1'000'000'000'000'000 - base::kMinute,
                   1'000'000'000'000'000,
                   {{"vibration", {{1'000'000'000'000'000, 4.1}}}}};
  notice.event.info = info;
  notice.alert = alert::fold({notice.event});
  return notice;
}

WebhookOptions hasty() {
  return {.first_retry = base::kMillisecond, .longest_retry = 4 * base::kMillisecond};
}

// Answers with the statuses in `script`, then 200; holds answers back while `holding`.
class Receiver {
 public:
  Receiver() { start(0); }

  void start(std::uint16_t port) {
    http::ServerOptions options;
    options.plain = true;
    options.port = port;
    server_ = std::move(*http::Server::start(options));
    server_->route("POST", "/hook", 1 << 20, [this](http::Request request, http::Responder answer) {
      std::lock_guard lock(mutex_);
      heard_.push_back(std::move(request));
      changed_.notify_all();
      if (holding_) {
        held_.push_back(std::move(answer));
        return;
      }
      answer.reply(http::Response::text(next_status(), ""));
    });
  }
  void stop() { server_.reset(); }

  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + "/hook";
  }
  std::uint16_t port() const { return server_->port(); }

  void script(std::deque<int> statuses) {
    std::lock_guard lock(mutex_);
    script_ = std::move(statuses);
  }
  void hold() {
    std::lock_guard lock(mutex_);
    holding_ = true;
  }
  void release() {
    std::lock_guard lock(mutex_);
    holding_ = false;
    for (auto& answer : held_) answer.reply(http::Response::text(200, ""));
    held_.clear();
  }
  void await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return heard_.size() >= count; });
  }
  std::vector<std::string> events() {
    std::lock_guard lock(mutex_);
    std::vector<std::string> ids;
    for (const auto& request : heard_) ids.push_back(request.headers.at("lander-event"));
    return ids;
  }
  std::string body(std::size_t at) {
    std::lock_guard lock(mutex_);
    return std::string(base::as_text(heard_.at(at).body));
  }

 private:
  int next_status() {
    if (script_.empty()) return 200;
    const int status = script_.front();
    script_.pop_front();
    return status;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<http::Request> heard_;
  std::deque<int> script_;
  std::vector<http::Responder> held_;
  bool holding_ = false;
  std::unique_ptr<http::Server> server_;
};

// The webhook counts a delivery after the receiver has seen it: going asks it to finish.
Webhook::Health settled(const Webhook& webhook) {
  auto health = webhook.health();
  while (health.waiting > 0) {
    std::this_thread::yield();
    health = webhook.health();
  }
  return health;
}

TEST(Webhook, ANoticeSaysWhatHappenedWhereAndWhyInTheDocumentedForm) {
  Receiver receiver;
  auto webhook = Webhook::make(receiver.url(), hasty());
  ASSERT_TRUE(webhook.ok()) << webhook.error().message();
  (*webhook)->tell(notice_of("e1"));
  receiver.await(1);
  EXPECT_EQ(receiver.body(0),
            R"({"format":"lander.alert/1","tenant":"acme","site":"pump-1",)"
            R"("event":{"id":"e1","kind":"raise","time":"2001-09-09T01:46:40Z","actor":"site"},)"
            R"("alert":{"id":"a1","state":"active-unacknowledged","severity":"high",)"
            R"("asset":"acme/north/pump","title":"Bearing wear","detail":"vibration 4.1 mm/s",)"
            R"("rule":"watch","score":0.0,"raised":"2001-09-09T01:46:40Z",)"
            R"("causes":[{"datastream":"vibration","share":0.75,"value":4.1,"expected":1.5,)"
            R"("unit":"mm/s"}],"evidence":{"from":"2001-09-09T01:45:40Z",)"
            R"("to":"2001-09-09T01:46:40Z","datastreams":["vibration"]}}})");
}

TEST(Webhook, AnyTextAndNumberMakesAValidNotice) {
  Notice notice = notice_of("e1");
  notice.alert.info.title = "\xff\"\n";
  notice.alert.info.score = std::numeric_limits<double>::quiet_NaN();
  const auto parsed = nlohmann::json::parse(to_json(notice), nullptr, false);
  ASSERT_TRUE(parsed.is_object());
  EXPECT_TRUE(parsed["alert"]["score"].is_null());
}

TEST(Webhook, ANoticeIsTriedAgainUntilTheReceiverTakesItAndOrderIsKept) {
  Receiver receiver;
  receiver.script({500, 503, 429, 408, 200, 500});
  auto webhook = Webhook::make(receiver.url(), hasty());
  (*webhook)->tell(notice_of("e1"));
  (*webhook)->tell(notice_of("e2"));
  (*webhook)->tell(notice_of("e3"));
  receiver.await(8);
  EXPECT_EQ(receiver.events(),
            (std::vector<std::string>{"e1", "e1", "e1", "e1", "e1", "e2", "e2", "e3"}));
  const auto health = settled(**webhook);
  EXPECT_EQ(health.delivered, 3u);
  EXPECT_EQ(health.failed + health.dropped, 0u);
  EXPECT_EQ(health.reason, "");
}

TEST(Webhook, ANoticeThatIsRefusedForGoodDoesNotHoldUpTheNext) {
  Receiver receiver;
  receiver.script({404, 302});
  auto webhook = Webhook::make(receiver.url(), hasty());
  for (const char* id : {"e1", "e2", "e3"}) (*webhook)->tell(notice_of(id));
  receiver.await(3);
  EXPECT_EQ(receiver.events(), (std::vector<std::string>{"e1", "e2", "e3"}));
  const auto health = settled(**webhook);
  EXPECT_EQ(health.failed, 2u);
  EXPECT_EQ(health.delivered, 1u);
}

TEST(Webhook, DeliversWhatWaitedWhenTheReceiverComesBack) {
  Receiver receiver;
  const auto port = receiver.port();
  auto webhook = Webhook::make(receiver.url(), hasty());
  receiver.stop();
  (*webhook)->tell(notice_of("e1"));
  while ((*webhook)->health().reason.empty()) std::this_thread::yield();
  receiver.start(port);
  receiver.await(1);
  EXPECT_EQ(settled(**webhook).delivered, 1u);
}

TEST(Webhook, AFullQueueLosesItsOldestAndCountsThem) {
  Receiver receiver;
  receiver.hold();
  auto webhook = Webhook::make(receiver.url(), hasty());
  (*webhook)->tell(notice_of("first"));
  receiver.await(1);
  const int told = 1200;
  for (int i = 0; i < told; ++i) (*webhook)->tell(notice_of(std::to_string(i)));
  auto health = (*webhook)->health();
  EXPECT_EQ(health.waiting, Webhook::kMaxWaiting);
  EXPECT_EQ(health.dropped, 201u);
  receiver.release();
  receiver.await(Webhook::kMaxWaiting);
  health = settled(**webhook);
  EXPECT_EQ(health.delivered, Webhook::kMaxWaiting);
  const auto events = receiver.events();
  EXPECT_EQ(events[1], "201");
  EXPECT_EQ(events.back(), "1199");
}

TEST(Webhook, WhatWaitsIsSentBeforeItEndsAndASilentReceiverDoesNotHoldItUp) {
  Receiver receiver;
  auto webhook = Webhook::make(receiver.url(), hasty());
  for (int i = 0; i < 20; ++i) (*webhook)->tell(notice_of(std::to_string(i)));
  webhook->reset();
  EXPECT_EQ(receiver.events().size(), 20u);
  receiver.hold();
  auto stuck = Webhook::make(receiver.url());
  (*stuck)->tell(notice_of("e1"));
  receiver.await(21);
  stuck->reset();  // would hang until the test's time-out
  receiver.release();
}

TEST(Webhook, AnAddressThatIsNoneIsRefusedAtOnce) {
  EXPECT_FALSE(Webhook::make("hub/hook").ok());
  EXPECT_FALSE(Webhook::make("ftp://x/").ok());
}

}  // namespace
}  // namespace lander::notify
