// Local accounts, roles, tenant scope, sessions, audit. Pure; the owner persists what it returns.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "os/random.h"

namespace lander::access {

// Each may do what those before it may.
enum class Role : std::uint8_t { kViewer = 0, kTechnician = 1, kOperator = 2, kAdmin = 3 };
std::string_view to_string(Role role);
base::Result<Role> parse_role(std::string_view text);

// Every call of the API names the right it needs; role_for() is the one table that maps it.
enum class Right : std::uint8_t {
  kLook,              // viewer: read what is there
  kHandleAlerts,      // technician: acknowledge, shelve
  kPickup,            // technician
  kOperate,           // operator: apply a desired state, learn, promote, roll out
  kQuerySql,          // viewer
  kAdmit,             // admin: sites, tokens
  kManageAccounts,    // admin
  kManagePackages,    // operator
};
Role role_for(Right right);

// What a query may see. Built only by Accounts::scope(): no scope, no query.
struct Scope {
  std::string tenant;
  std::string user;
  Role role = Role::kViewer;
  base::Status allows(Right right) const;  // kDenied: "acknowledging alerts needs the role technician; you are viewer"
};

struct Account {
  std::string tenant, user, password_hash;
  Role role = Role::kViewer;
  bool disabled = false;
};
base::Bytes encode(const Account& account);
base::Result<Account> decode_account(base::ByteView bytes);

class Accounts {
 public:
  explicit Accounts(os::Random& random) : random_(random) {}
  // kInvalid: name not [a-z0-9._-]{1,32}, password under 10 characters.
  base::Result<Account> make(std::string_view tenant, std::string_view user, std::string_view password, Role role);
  void put(Account account);
  void remove(std::string_view user);
  std::vector<Account> all(std::string_view tenant) const;
  // kUnauthenticated, the same words and time for an unknown user and a wrong password; after 5
  // failures of a user kExhausted for a time that doubles, at most 15 minutes. scrypt: call it on a worker.
  base::Result<std::string> log_in(std::string_view user, std::string_view password, base::TimeUs now);
  // A session's bearer token -> scope; sessions last 12 h since their last use, at most 10,000.
  std::optional<Scope> scope(std::string_view session, base::TimeUs now);
  void log_out(std::string_view session);
  // A pass that is not an account: the file that `lander --at DIR` reads. Lasts until the process ends.
  std::string make_local_pass(std::string_view tenant);

 private:
  struct Session {
    Scope scope;
    base::TimeUs last_used;
    bool local;
  };
  struct Failures {
    int count = 0;
    base::TimeUs until = 0;
  };
  os::Random& random_;
  std::map<std::string, Account, std::less<>> accounts_;
  std::map<std::string, Session, std::less<>> sessions_;  // by SHA-256 of the token
  std::map<std::string, Failures, std::less<>> failures_;
};

}  // namespace lander::access
