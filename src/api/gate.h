// The one door of the API: who calls, may they, which tenant; and the pages of the console.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "access/access.h"
#include "http/server.h"
#include "os/clock.h"
#include "os/files.h"
#include "os/random.h"
#include "os/worker.h"

namespace lander::api {

class Gate {
 public:
  // `worker` runs password checks (scrypt is slow on purpose). All borrowed; they outlive the
  // server.
  Gate(http::Server& server, os::Clock& clock, os::Random& random, os::Worker& worker);

  using Handler = std::function<void(http::Request, access::Scope, http::Responder)>;
  // 401 without a valid session, 403 without the right, 403 for a change by cookie without
  // X-Lander; else the handler, on the I/O thread.
  void route(const std::string& method, std::string pattern, access::Right right,
             std::size_t max_body, Handler handler);

  // Login, logout, me, accounts. `server_role` "site" or "hub". `persist` stores an account (or
  // with an empty role-less body removes it); it runs on `worker`.
  struct Persist {
    std::function<base::Status(const access::Account&)> put;
    std::function<base::Status(const std::string& tenant, const std::string& user)> remove;
    std::function<void(const std::string& user)> ended;  // his sessions have: so do his streams
  };
  using Name = std::function<std::string()>;  // any thread; a site's changes when it is enrolled
  void serve_accounts(std::string server_role, const Name& server_name, const Persist& persist);
  // Console's files, compressed when built: "/", "/assets/*", with a strict content security
  // policy.
  void serve_console();
  // /healthz and /metrics. `metrics` gives Prometheus text, on `worker`; `failing` a reason or
  // empty, on the I/O thread: it must not block.
  void serve_health(std::string server_role, Name server_name, std::function<std::string()> failing,
                    std::function<std::string()> metrics);

  access::Accounts& accounts() { return accounts_; }

 private:
  struct Caller {
    access::Scope scope;
    bool by_cookie = false;
  };
  base::Result<Caller> caller(const http::Request& request);
  void log_in(const http::Request& request, http::Responder responder);
  void post_or_refuse(http::Responder responder, std::function<http::Response()> work);

  http::Server& server_;
  os::Clock& clock_;
  os::Worker& worker_;
  access::Accounts accounts_;
  std::atomic<int> logging_in_{0};  // password checks that wait: each takes long on purpose
  const base::TimeUs started_;
};

// The first account of a tenant: an admin with a random password, written to
// <folder>/initial-<user>-password (0600). The caller persists the account.
base::Result<access::Account> make_first_account(access::Accounts& accounts, os::Random& random,
                                                 os::Files& files, const std::string& folder,
                                                 const std::string& tenant,
                                                 const std::string& user);

}  // namespace lander::api
