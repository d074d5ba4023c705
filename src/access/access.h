// Local accounts, roles, tenant scope, sessions. Nothing here touches a disk: the owner persists
// the accounts. Sessions and counts of failures live in memory and end with the process.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
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
  kLook,            // viewer: read what is there
  kHandleAlerts,    // technician: acknowledge, shelve
  kPickup,          // technician
  kOperate,         // operator: apply a desired state, learn, promote, roll out
  kQuerySql,        // viewer
  kAdmit,           // admin: sites, tokens
  kManageAccounts,  // admin
  kManagePackages,  // operator
};
Role role_for(Right right);

// What a query may see. Built only by Accounts::scope(): no scope, no query.
struct Scope {
  std::string tenant;
  std::string user;
  Role role = Role::kViewer;
  base::Status allows(Right right)
      const;  // kDenied: "acknowledging alerts needs the role technician; you are viewer"
};

struct Account {
  std::string tenant, user, password_hash;
  Role role = Role::kViewer;
  bool disabled = false;
};
base::Bytes encode(const Account& account);
base::Result<Account> decode_account(base::ByteView bytes);

// Thread-safe: the lock is not held while a password is hashed, so scope() never waits for a
// log_in().
class Accounts {
 public:
  explicit Accounts(os::Random& random);
  // kInvalid: name not [a-z0-9._-]{1,32}, or "local"; password under 10 characters, over 256 bytes,
  // or holding the user's name. Takes as long as a log_in().
  base::Result<Account> make(std::string_view tenant, std::string_view user,
                             std::string_view password, Role role);
  // Adds or replaces. A user's sessions end when anything of the account changed. User names are
  // unique over all tenants.
  void put(Account account);
  void remove(std::string_view user);  // and its sessions
  // Another tenant has a user of this name: put() would take it over.
  bool taken(std::string_view user, std::string_view tenant) const;
  std::vector<Account> all(std::string_view tenant) const;  // by user
  // The session's bearer token. kUnauthenticated, the same words and time for an unknown user, a
  // disabled one and a wrong password; after 5 failures of a user kExhausted for a time that
  // doubles from 10 s, at most 15 minutes; success forgets them. scrypt, 32 MiB and some 80 ms:
  // call it on a worker, one at a time.
  base::Result<std::string> log_in(std::string_view user, std::string_view password,
                                   base::TimeUs now);
  // A session's bearer token -> scope; sessions last 12 h since their last use, at most 10,000
  // (then the one that was unused for longest ends).
  std::optional<Scope> scope(std::string_view session, base::TimeUs now);
  void log_out(std::string_view session);
  // A pass that is not an account: the file that `lander --at DIR` reads. An admin's scope for the
  // tenant, user "local". Lasts until the process ends.
  std::string make_local_pass(std::string_view tenant);

 private:
  struct Session {
    Scope scope;
    base::TimeUs last_used = 0;
    bool local = false;
  };
  struct Failures {
    int count = 0;
    base::TimeUs until = 0;
  };
  base::Status admit_attempt(std::string_view user, base::TimeUs now);
  std::string open_session(Session session);
  void end_sessions(std::string_view user);

  os::Random& random_;
  const std::string nobody_;  // a hash that no password has: unknown users cost the same time
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Account, std::less<>> accounts_;
  std::map<std::string, Session, std::less<>> sessions_;  // by SHA-256 of the token
  std::map<std::string, Failures, std::less<>> failures_;
};

}  // namespace lander::access
