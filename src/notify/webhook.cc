#include "notify/webhook.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "http/client.h"
#include "http/url.h"

namespace lander::notify {
namespace {

constexpr std::chrono::seconds kLastChance{1};

struct Letter {
  std::string event_id, json;
};

enum class Outcome { kDelivered, kRefused, kLater };

struct Attempt {
  Outcome outcome;
  std::string reason;
};

Attempt judge(const base::Result<http::ClientResponse>& response) {
  if (!response.ok()) return {Outcome::kLater, response.error().message()};
  const int status = response->status;
  if (status >= 200 && status < 300) return {Outcome::kDelivered, ""};
  const bool for_good = status >= 300 && status < 500 && status != 408 && status != 429;
  return {for_good ? Outcome::kRefused : Outcome::kLater,
          "the receiver answered " + std::to_string(status)};
}

class PostingWebhook : public Webhook {
 public:
  PostingWebhook(std::unique_ptr<http::Client> client, std::string target,
                 const WebhookOptions& options)
      : client_(std::move(client)), target_(std::move(target)), options_(options) {
    thread_ = std::thread([this] { run(); });
  }

  ~PostingWebhook() override {
    {
      std::unique_lock lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
      changed_.wait_for(lock, kLastChance, [this] { return ended_; });
    }
    client_->cancel();
    thread_.join();
  }

  void tell(const Notice& notice) override {
    Letter letter{notice.event.id, to_json(notice)};
    std::lock_guard lock(mutex_);
    if (queue_.size() + (current_ ? 1 : 0) >= kMaxWaiting) {
      queue_.pop_front();
      ++health_.dropped;
    }
    queue_.push_back(std::move(letter));
    changed_.notify_all();
  }

  Health health() const override {
    std::lock_guard lock(mutex_);
    Health health = health_;
    health.waiting = queue_.size() + (current_ ? 1 : 0);
    return health;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    base::DurationUs delay = options_.first_retry;
    while (take_next(lock)) {
      lock.unlock();
      const Attempt attempt = judge(post(*current_));
      lock.lock();
      health_.reason = attempt.reason;
      if (attempt.outcome != Outcome::kLater) {
        ++(attempt.outcome == Outcome::kDelivered ? health_.delivered : health_.failed);
        current_.reset();
        delay = options_.first_retry;
        continue;
      }
      if (stopping_) break;
      changed_.wait_for(lock, std::chrono::microseconds(delay), [this] { return stopping_; });
      delay = std::min(2 * delay, options_.longest_retry);
    }
    ended_ = true;
    changed_.notify_all();
  }

  // Waits for something to send. False: stopping, and nothing is left.
  bool take_next(std::unique_lock<std::mutex>& lock) {
    if (current_) return true;
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return false;
    current_ = std::move(queue_.front());
    queue_.pop_front();
    return true;
  }

  // Only this thread changes current_, so it may be read here without the lock.
  base::Result<http::ClientResponse> post(const Letter& letter) {
    return client_->send("POST", target_, base::as_bytes(letter.json), "application/json",
                         {{"Lander-Event", letter.event_id}});
  }

  std::unique_ptr<http::Client> client_;
  std::string target_;
  WebhookOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Letter> queue_;
  std::optional<Letter> current_;
  Health health_;
  bool stopping_ = false, ended_ = false;
  std::thread thread_;
};

}  // namespace

base::Result<std::unique_ptr<Webhook>> Webhook::make(const std::string& url,
                                                     const WebhookOptions& options) {
  auto parsed = http::parse_url(url);
  if (!parsed.ok()) return parsed.error().context("webhook");
  http::ClientOptions client;
  client.url = (parsed->tls ? "https://" : "http://") + parsed->authority();
  client.connect_timeout = options.request_timeout;
  client.total_timeout = options.request_timeout;
  client.max_response = 64 << 10;
  auto made = http::Client::make(client);
  if (!made.ok()) return made.error().context("webhook " + url);
  return std::unique_ptr<Webhook>(
      std::make_unique<PostingWebhook>(std::move(*made), parsed->target, options));
}

}  // namespace lander::notify
