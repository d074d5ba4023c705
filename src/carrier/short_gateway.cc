#include "carrier/short_gateway.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "carrier/sbd_modem.h"
#include "http/client.h"
#include "http/url.h"
#include "os/files.h"

namespace lander::carrier {
namespace {

using base::Code;
using base::Error;

constexpr std::uint64_t kMaxPasswordBytes = 1024;

std::string percent_encoded(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const auto byte = static_cast<unsigned char>(c);
    if (plain) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

struct Verdict {
  enum { kTaken, kRefused, kLater } outcome;
  std::string reason;
};

// The operator's own words: "OK,12345678" or "FAILED,10,Invalid login credentials", both with 200.
Verdict judge(const base::Result<http::ClientResponse>& response) {
  if (!response.ok()) return {Verdict::kLater, response.error().message()};
  const std::string text(base::as_text(response->body).substr(0, 200));
  if (response->status == 200 && text.starts_with("OK")) return {Verdict::kTaken, ""};
  const std::string reason =
      "the operator answered " + std::to_string(response->status) + " " + text;
  const bool busy = response->status >= 500 || response->status == 408 || response->status == 429 ||
                    text.starts_with("FAILED,99");
  return {busy ? Verdict::kLater : Verdict::kRefused, reason};
}

class PostingGateway : public ShortGateway {
 public:
  PostingGateway(std::unique_ptr<http::Client> client, std::string target, std::string login,
                 const ShortGatewayOptions& options)
      : client_(std::move(client)),
        target_(std::move(target)),
        login_(std::move(login)),
        options_(options) {
    thread_ = std::thread([this] { run(); });
  }

  ~PostingGateway() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    client_->cancel();
    thread_.join();
  }

  base::Status send(const Address& to, base::ByteView sealed) override {
    if (sealed.empty() || sealed.size() > kMaxMtBytes) {
      return Error(Code::kInvalid, "a message of " + std::to_string(sealed.size()) +
                                       " bytes: a satellite modem takes 1 to " +
                                       std::to_string(kMaxMtBytes));
    }
    const auto imei = options_.imei_of(to);
    if (!imei)
      return Error(Code::kNotFound, "site " + to.tenant + "/" + to.site + " has no modem declared");
    const std::lock_guard lock(mutex_);
    std::size_t& of_site = waiting_[*imei];
    if (of_site >= kMaxOfSite || letters_.size() >= kMaxWaiting) {
      return Error(Code::kExhausted, "too many messages wait for the satellite modem " + *imei);
    }
    ++of_site;
    letters_.push_back({*imei, {sealed.begin(), sealed.end()}});
    changed_.notify_all();
    return {};
  }

  std::string failing() const override {
    const std::lock_guard lock(mutex_);
    return failing_;
  }

 private:
  struct Letter {
    std::string imei;
    base::Bytes bytes;
  };

  void run() {
    std::unique_lock lock(mutex_);
    base::DurationUs delay = options_.first_retry;
    while (true) {
      changed_.wait(lock, [this] { return stopping_ || !letters_.empty(); });
      if (stopping_) return;
      const Letter letter = letters_.front();
      lock.unlock();
      const Verdict verdict = judge(post(letter));
      lock.lock();
      failing_ = verdict.reason;
      if (verdict.outcome == Verdict::kLater) {
        changed_.wait_for(lock, std::chrono::microseconds(delay), [this] { return stopping_; });
        delay = std::min(2 * delay, options_.longest_retry);
        continue;
      }
      delay = options_.first_retry;
      letters_.pop_front();
      if (const auto at = waiting_.find(letter.imei); --at->second == 0) waiting_.erase(at);
    }
  }

  base::Result<http::ClientResponse> post(const Letter& letter) {
    const std::string form = "imei=" + letter.imei + "&data=" + base::to_hex(letter.bytes) + login_;
    return client_->send("POST", target_, base::as_bytes(form),
                         "application/x-www-form-urlencoded");
  }

  std::unique_ptr<http::Client> client_;
  const std::string target_, login_;
  const ShortGatewayOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Letter> letters_;
  std::map<std::string, std::size_t> waiting_;  // letters of each modem
  std::string failing_;
  bool stopping_ = false;
  std::thread thread_;
};

base::Result<std::string> read_password(const std::string& path) {
  if (path.empty()) return std::string();
  LANDER_ASSIGN(const auto bytes, os::system_files().read(path, kMaxPasswordBytes));
  std::string password(base::as_text(bytes));
  while (!password.empty() && (password.back() == '\n' || password.back() == '\r'))
    password.pop_back();
  return password;
}

}  // namespace

base::Result<std::unique_ptr<ShortGateway>> ShortGateway::make(const ShortGatewayOptions& options) {
  const auto url = http::parse_url(options.url);
  if (!url.ok()) return url.error().context("satellite operator");
  http::ClientOptions client;
  client.url = (url->tls ? "https://" : "http://") + url->authority();
  client.max_response = 64 << 10;
  auto made = http::Client::make(client);
  if (!made.ok()) return made.error().context("satellite operator");
  auto password = read_password(options.password_file);
  if (!password.ok()) return password.error().context("satellite operator's password");
  std::string login;
  if (!options.username.empty()) {
    login = "&username=" + percent_encoded(options.username) +
            "&password=" + percent_encoded(*password);
  }
  return std::unique_ptr<ShortGateway>(
      std::make_unique<PostingGateway>(std::move(*made), url->target, std::move(login), options));
}

}  // namespace lander::carrier
