#include "api/gate.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "api/shapes.h"
#include "os/log.h"

namespace lander::api {
namespace {

constexpr std::string_view kCookie = "lander_session=";
constexpr std::size_t kMaxCredentials = 4096;
// Who may not log in must not fill the queue of those who work: 32 checks take some 3 s.
constexpr int kMaxLoggingIn = 32;

std::string cookie_session(const http::Request& request) {
  const auto header = request.headers.find("cookie");
  if (header == request.headers.end()) return {};
  // Cookies know no ports: another program on this host may have one whose name ends like ours.
  std::string_view rest = header->second;
  while (!rest.empty()) {
    const auto end = rest.find(';');
    const std::string_view cookie = rest.substr(0, end);
    if (cookie.starts_with(kCookie)) return std::string(cookie.substr(kCookie.size()));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    while (rest.starts_with(' ')) rest.remove_prefix(1);
  }
  return {};
}

std::string bearer_session(const http::Request& request) {
  const auto header = request.headers.find("authorization");
  constexpr std::string_view kBearer = "Bearer ";
  if (header == request.headers.end() || !header->second.starts_with(kBearer)) return {};
  return header->second.substr(kBearer.size());
}

bool changes(const std::string& method) { return method != "GET" && method != "HEAD"; }

}  // namespace

Gate::Gate(http::Server& server, os::Clock& clock, os::Random& random, os::Worker& worker)
    : server_(server),
      clock_(clock),
      worker_(worker),
      accounts_(random),
      started_(clock.monotonic_us()) {}

base::Result<Gate::Caller> Gate::caller(const http::Request& request) {
  Caller caller;
  std::string session = bearer_session(request);
  if (session.empty()) {
    session = cookie_session(request);
    caller.by_cookie = true;
  }
  if (session.empty()) {
    return base::Error(base::Code::kUnauthenticated,
                       "log in first: POST /api/v1/login, or `lander login`");
  }
  auto scope = accounts_.scope(session, clock_.wall_us());
  if (!scope)
    return base::Error(base::Code::kUnauthenticated,
                       "the session is unknown or has ended: log in again");
  caller.scope = std::move(*scope);
  return caller;
}

void Gate::route(const std::string& method, std::string pattern, access::Right right,
                 std::size_t max_body, Handler handler) {
  const bool change = changes(method);
  server_.route(method, std::move(pattern), max_body,
                [this, right, change, handler = std::move(handler)](http::Request request,
                                                                    http::Responder responder) {
                  auto who = caller(request);
                  if (!who.ok()) return responder.reply(http::Response::problem(who.error()));
                  if (change && who->by_cookie && !request.headers.contains("x-lander")) {
                    return responder.reply(http::Response::problem(
                        base::Error(base::Code::kDenied,
                                    "a change by cookie needs the header X-Lander: 1 (it keeps "
                                    "other sites' forms out)")));
                  }
                  if (auto allowed = who->scope.allows(right); !allowed.ok()) {
                    return responder.reply(http::Response::problem(allowed.error()));
                  }
                  handler(std::move(request), std::move(who->scope), std::move(responder));
                });
}

void Gate::post_or_refuse(http::Responder responder, std::function<http::Response()> work) {
  auto shared = std::make_shared<http::Responder>(std::move(responder));
  if (!worker_.post([shared, work = std::move(work)] { shared->reply(work()); }))
    shared->reply(busy("the server"));
}

void Gate::log_in(const http::Request& request, http::Responder responder) {
  auto body = parse_object(request.body);
  if (!body.ok()) return responder.reply(http::Response::problem(body.error()));
  auto user = text(*body, "user");
  auto password = text(*body, "password");
  if (!user.ok()) return responder.reply(http::Response::problem(user.error()));
  if (!password.ok()) return responder.reply(http::Response::problem(password.error()));
  if (logging_in_.fetch_add(1) >= kMaxLoggingIn) {
    --logging_in_;
    return responder.reply(busy("the server"));
  }
  auto one = std::shared_ptr<void>(nullptr, [this](void*) { --logging_in_; });
  post_or_refuse(
      std::move(responder),
      [this, one = std::move(one), user = *user, password = *password]() -> http::Response {
        const base::TimeUs now = clock_.wall_us();
        auto session = accounts_.log_in(user, password, now);
        if (!session.ok()) return http::Response::problem(session.error());
        const auto scope = accounts_.scope(*session, now);
        if (!scope)
          return http::Response::problem(
              base::Error(base::Code::kUnavailable, "the session ended at once: log in again"));
        auto response = reply(200, {{"token", *session},
                                    {"user", scope->user},
                                    {"role", access::to_string(scope->role)},
                                    {"tenant", scope->tenant}});
        response.headers.emplace_back(
            "Set-Cookie",
            std::string(kCookie) + *session + "; Path=/; HttpOnly; Secure; SameSite=Strict");
        return response;
      });
}

void Gate::serve_accounts(std::string server_role, const Name& server_name,
                          const Persist& persist) {
  server_.route("POST", "/api/v1/login", kMaxCredentials,
                [this](const http::Request& request, http::Responder responder) {
                  log_in(request, std::move(responder));
                });
  route("POST", "/api/v1/logout", access::Right::kLook, 0,
        [this](const http::Request& request, const access::Scope&, http::Responder responder) {
          std::string session = bearer_session(request);
          if (session.empty()) session = cookie_session(request);
          accounts_.log_out(session);
          http::Response response;
          response.status = 204;
          response.headers.emplace_back("Set-Cookie",
                                        std::string(kCookie) + "; Path=/; Max-Age=0; Secure");
          responder.reply(std::move(response));
        });
  route("GET", "/api/v1/me", access::Right::kLook, 0,
        [server_role, server_name](const http::Request&, const access::Scope& scope,
                                   http::Responder responder) {
          responder.reply(reply(200, {{"user", scope.user},
                                      {"role", access::to_string(scope.role)},
                                      {"tenant", scope.tenant},
                                      {"server", server_role},
                                      {"name", server_name()},
                                      {"version", LANDER_VERSION}}));
        });
  route("GET", "/api/v1/accounts", access::Right::kManageAccounts, 0,
        [this](const http::Request&, const access::Scope& scope, http::Responder responder) {
          Json list = Json::array();
          for (const auto& account : accounts_.all(scope.tenant)) {
            list.push_back({{"user", account.user},
                            {"role", access::to_string(account.role)},
                            {"disabled", account.disabled}});
          }
          responder.reply(reply(200, list));
        });
  route("POST", "/api/v1/accounts", access::Right::kManageAccounts, kMaxCredentials,
        [this, persist](http::Request request, access::Scope scope, http::Responder responder) {
          post_or_refuse(std::move(responder),
                         [this, persist, request = std::move(request), scope]() -> http::Response {
                           auto make = [&]() -> base::Result<access::Account> {
                             LANDER_ASSIGN(const Json body, parse_object(request.body));
                             LANDER_ASSIGN(const std::string user, text(body, "user"));
                             LANDER_ASSIGN(const std::string password, text(body, "password"));
                             LANDER_ASSIGN(const std::string role_name, text(body, "role"));
                             LANDER_ASSIGN(const access::Role role, access::parse_role(role_name));
                             if (user == scope.user && role != access::Role::kAdmin) {
                               return base::Error(base::Code::kConflict,
                                                  "nobody takes the role admin from themselves: "
                                                  "ask another admin");
                             }
                             if (accounts_.taken(user, scope.tenant)) {
                               return base::Error(base::Code::kExists, "the name \"" + user +
                                                                           "\" is taken: choose "
                                                                           "another");
                             }
                             LANDER_ASSIGN(access::Account account,
                                           accounts_.make(scope.tenant, user, password, role));
                             LANDER_TRY(persist.put(account));
                             accounts_.put(account);
                             persist.ended(user);
                             return account;
                           };
                           auto account = make();
                           if (!account.ok()) return http::Response::problem(account.error());
                           return reply(201, {{"user", account->user},
                                              {"role", access::to_string(account->role)}});
                         });
        });
  route("DELETE", "/api/v1/accounts/{user}", access::Right::kManageAccounts, 0,
        [this, persist](http::Request request, const access::Scope& scope,
                        http::Responder responder) {
          const std::string user = request.params["user"];
          if (user == scope.user) {
            return responder.reply(http::Response::problem(base::Error(
                base::Code::kConflict, "nobody removes their own account: ask another admin")));
          }
          const auto all = accounts_.all(scope.tenant);
          if (std::none_of(all.begin(), all.end(),
                           [&](const access::Account& a) { return a.user == user; })) {
            return responder.reply(http::Response::problem(
                base::Error(base::Code::kNotFound, "no account \"" + user + "\"")));
          }
          post_or_refuse(std::move(responder), [this, persist, user, scope]() -> http::Response {
            if (auto status = persist.remove(scope.tenant, user); !status.ok()) {
              return http::Response::problem(status.error());
            }
            accounts_.remove(user);
            persist.ended(user);
            http::Response response;
            response.status = 204;
            return response;
          });
        });
}

void Gate::serve_health(std::string server_role, Name server_name,
                        std::function<std::string()> failing,
                        std::function<std::string()> metrics) {
  server_.route(
      "GET", "/healthz", 0,
      [this, failing = std::move(failing), server_role = std::move(server_role),
       server_name = std::move(server_name)](const http::Request&, http::Responder responder) {
        const std::string reason = failing();
        Json body = {{"status", reason.empty() ? "ok" : "failing"},
                     {"role", server_role},
                     {"name", server_name()},
                     {"version", LANDER_VERSION},
                     {"uptime_s", (clock_.monotonic_us() - started_) / base::kSecond}};
        if (!reason.empty()) body["reason"] = reason;
        responder.reply(reply(reason.empty() ? 200 : 503, body));
      });
  server_.route("GET", "/metrics", 0,
                [this, metrics = std::move(metrics)](const http::Request& request,
                                                     http::Responder responder) {
                  const bool local =
                      request.peer.starts_with("127.") || request.peer.starts_with("[::1]");
                  if (!local) {
                    if (auto who = caller(request); !who.ok())
                      return responder.reply(http::Response::problem(who.error()));
                  }
                  // They ask the database and /proc: not on the thread that serves everybody.
                  post_or_refuse(std::move(responder), [metrics] {
                    auto response = http::Response::text(200, metrics());
                    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
                    return response;
                  });
                });
}

base::Result<access::Account> make_first_account(access::Accounts& accounts, os::Random& random,
                                                 os::Files& files, const std::string& folder,
                                                 const std::string& tenant,
                                                 const std::string& user) {
  const std::string password = base::to_base64url(random.bytes(12));
  LANDER_ASSIGN(auto account, accounts.make(tenant, user, password, access::Role::kAdmin));
  const std::string path = folder + "/initial-" + user + "-password";
  LANDER_TRY(files.write_durably(path, base::as_bytes(password + "\n"), 0600));
  accounts.put(account);
  os::log_info("access", "made an account; change its password",
               {{"tenant", tenant}, {"user", user}, {"password_file", path}});
  return account;
}

}  // namespace lander::api
