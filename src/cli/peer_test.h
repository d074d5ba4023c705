// A server that says what a test wants said and remembers what it was asked, and a world in which
// the command runs. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/world.h"
#include "crypto/crypto.h"
#include "http/server.h"

namespace lander::cli {

using Json = nlohmann::json;

class Peer {
 public:
  Peer() {
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::kP256);
    crypto::Subject subject{"peer", {"localhost"}, {"127.0.0.1"}, true, false};
    http::ServerOptions options;
    options.certificate_pem = *crypto::self_signed(*key, subject, 0, base::kDay);
    options.key_pem = key->to_pem();
    key_id = key->public_key().id();
    server_ = *http::Server::start(options);
    for (const char* method : {"GET", "POST", "PUT", "DELETE"}) {
      server_->route(method, "/*", 1 << 20,
                     [this](http::Request request, http::Responder responder) {
                       responder.reply(answer(std::move(request)));
                     });
    }
    url = "https://127.0.0.1:" + std::to_string(server_->port());
    says("GET /healthz", 200, {{"status", "ok"}, {"version", "0.1.0"}, {"uptime_s", 7500}});
  }

  void is(const std::string& role, const std::string& name) {
    says("GET /api/v1/me", 200,
         {{"user", "anna"},
          {"role", "admin"},
          {"tenant", "acme"},
          {"server", role},
          {"name", name}});
  }
  // `request`: "METHOD /path", the query left out.
  void says(const std::string& request, int status, const Json& body) {
    const std::lock_guard lock(mutex_);
    answers_[request] = {status, body.is_null() ? "" : body.dump()};
  }
  void says_bytes(const std::string& request, std::string body) {
    const std::lock_guard lock(mutex_);
    answers_[request] = {200, std::move(body)};
  }
  // "METHOD /path?query body", the query decoded and in order of its names; of /me nothing.
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return std::exchange(asked_, {});
  }
  std::string token() {
    const std::lock_guard lock(mutex_);
    return token_;
  }

  std::string url, key_id;

 private:
  http::Response answer(http::Request request) {
    const std::lock_guard lock(mutex_);
    const std::string name = request.method + " " + request.path;
    token_ = request.headers["authorization"];
    if (request.path != "/api/v1/me") {
      std::string text = name;
      char between = '?';
      for (const auto& [key, value] : request.query) {
        text += between + key + "=" + value;
        between = '&';
      }
      if (!request.body.empty()) text += " " + std::string(base::as_text(request.body));
      asked_.push_back(text);
    }
    const auto at = answers_.find(name);
    if (at == answers_.end())
      return http::Response::problem(base::Error(base::Code::kNotFound, "nothing at " + name));
    return http::Response::json(at->second.first, at->second.second);
  }

  std::mutex mutex_;
  std::map<std::string, std::pair<int, std::string>> answers_;
  std::vector<std::string> asked_;
  std::string token_;
  std::unique_ptr<http::Server> server_;  // last: it stops first
};

class StoppedClock final : public os::Clock {
 public:
  base::TimeUs wall_us() const override { return wall; }
  base::DurationUs monotonic_us() const override { return monotonic; }
  std::string boot_id() const override { return "boot"; }
  base::TimeUs wall = *base::parse_rfc3339("2026-11-22T12:00:00Z");
  base::DurationUs monotonic = 0;
};

// The command in a folder of its own, as a person without a terminal runs it.
class CliTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = testing::TempDir() + "lander_cli_" + info->test_suite_name() + "_" + info->name();
    std::filesystem::remove_all(folder_);  // what a run that died left
    ASSERT_TRUE(os::system_files().make_folders(folder_).ok());
    write("data/cli.json",
          Json{{"url", peer_.url}, {"key_id", peer_.key_id}, {"token", "pass"}, {"role", "site"}}
              .dump());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) {
    const std::string path = folder_ + "/" + name;
    ASSERT_TRUE(os::system_files().make_folders(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(os::system_files().write_durably(path, base::as_bytes(text)).ok());
  }
  std::string read(const std::string& name) {
    const auto bytes = os::system_files().read(folder_ + "/" + name, 1 << 20);
    return bytes.ok() ? std::string(base::as_text(*bytes)) : "";
  }

  // Exit status; what was said stands in out_ and err_.
  int lander(std::vector<std::string> arguments) {
    out_.clear();
    err_.clear();
    World world{os::system_files(),
                clock_,
                [this](std::string_view text) { out_ += text; },
                [this](std::string_view text) { err_ += text; },
                [this](const char* name) { return environment_[name]; },
                [this](std::string_view question, bool) -> base::Result<std::string> {
                  questions_ += question;
                  if (typed_.empty())
                    return base::Error(base::Code::kUnavailable, "there is no terminal to ask on");
                  std::string answer = typed_.front();
                  typed_.erase(typed_.begin());
                  return answer;
                },
                [this](base::DurationUs duration) {
                  clock_.monotonic += duration;
                  if (on_pause_) on_pause_();
                }};
    return run(world, std::move(arguments));
  }
  int at_peer(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--at", folder_ + "/data"});
    return lander(std::move(arguments));
  }

  Peer peer_;
  StoppedClock clock_;
  std::string folder_, out_, err_, questions_;
  std::map<std::string, std::string> environment_;
  std::vector<std::string> typed_;
  std::function<void()> on_pause_;
};

}  // namespace lander::cli
