#include <algorithm>

#include "access/access.h"
#include "base/cbor.h"
#include "crypto/crypto.h"

namespace lander::access {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kMaxName = 32, kLeastPassword = 10, kMaxPassword = 256, kMaxTenant = 63;
constexpr std::size_t kMaxHash = 256, kMaxSessions = 10'000, kMaxFailing = 10'000;
constexpr std::size_t kTokenBytes = 32, kSaltBytes = 16;
constexpr base::DurationUs kSessionLasts = 12 * base::kHour;
constexpr int kFreeFailures = 5;
constexpr base::DurationUs kFirstLock = 10 * base::kSecond, kLongestLock = 15 * base::kMinute;
constexpr std::string_view kLocalUser = "local";
constexpr std::uint64_t kAccountVersion = 1;

bool valid_name(std::string_view user) {
  return !user.empty() && user.size() <= kMaxName &&
         user.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") ==
             std::string_view::npos;
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

base::DurationUs lock_after(int failures) {
  base::DurationUs lock = kFirstLock;
  for (int i = kFreeFailures; i < failures && lock < kLongestLock; ++i) lock *= 2;
  return std::min(lock, kLongestLock);
}

std::string token_name(std::string_view token) { return crypto::sha256_hex(base::as_bytes(token)); }

Error wrong_login() { return Error(Code::kUnauthenticated, "user or password is wrong"); }

bool same(const Account& a, const Account& b) {
  return a.tenant == b.tenant && a.password_hash == b.password_hash && a.role == b.role &&
         a.disabled == b.disabled;
}

}  // namespace

base::Bytes encode(const Account& account) {
  base::CborWriter writer;
  writer.array(6).unsigned_integer(kAccountVersion).text(account.tenant).text(account.user);
  writer.text(account.password_hash).text(to_string(account.role)).boolean(account.disabled);
  return writer.take();
}

base::Result<Account> decode_account(base::ByteView bytes) {
  Account out;
  base::CborReader reader(bytes);
  LANDER_TRY(reader.record(6, kAccountVersion, "an account"));
  LANDER_ASSIGN(const std::string_view tenant, reader.text());
  LANDER_ASSIGN(const std::string_view user, reader.text());
  LANDER_ASSIGN(const std::string_view hash, reader.text());
  LANDER_ASSIGN(const std::string_view role, reader.text());
  LANDER_ASSIGN(out.disabled, reader.boolean());
  LANDER_TRY(reader.end());
  LANDER_ASSIGN(out.role, parse_role(role));
  if (!valid_name(user) || tenant.size() > kMaxTenant || hash.size() > kMaxHash) {
    return Error(Code::kCorrupt, "an account's fields are out of their bounds");
  }
  out.tenant = tenant;
  out.user = user;
  out.password_hash = hash;
  return out;
}

Accounts::Accounts(os::Random& random)
    : random_(random),
      nobody_("scrypt$15$8$1$" + base::to_base64url(random.bytes(kSaltBytes)) + "$" +
              base::to_base64url(random.bytes(32))) {}

base::Result<Account> Accounts::make(std::string_view tenant, std::string_view user,
                                     std::string_view password, Role role) {
  if (!valid_name(user)) {
    return Error(Code::kInvalid, "a user's name has 1 to 32 characters of a-z 0-9 . _ -");
  }
  if (user == kLocalUser) {
    return Error(Code::kInvalid, "the user's name \"local\" is the machine's own");
  }
  if (tenant.empty() || tenant.size() > kMaxTenant) {
    return Error(Code::kInvalid, "a tenant's name has 1 to 63 characters");
  }
  if (characters(password) < kLeastPassword || password.size() > kMaxPassword) {
    return Error(Code::kInvalid, "a password has at least 10 characters and at most 256 bytes");
  }
  if (user.size() >= 4 && password.find(user) != std::string_view::npos) {
    return Error(Code::kInvalid, "a password must not hold the user's name");
  }
  const base::Bytes salt = random_.bytes(kSaltBytes);
  Account out;
  out.tenant = tenant;
  out.user = user;
  out.password_hash = crypto::hash_password(password, salt);
  out.role = role;
  return out;
}

void Accounts::put(Account account) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(account.user);
  if (found != accounts_.end() && !same(found->second, account)) end_sessions(account.user);
  std::string user = account.user;
  accounts_.insert_or_assign(std::move(user), std::move(account));
}

void Accounts::remove(std::string_view user) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(user);
  if (found == accounts_.end()) return;
  end_sessions(user);
  accounts_.erase(found);
}

bool Accounts::taken(std::string_view user, std::string_view tenant) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(user);
  return found != accounts_.end() && found->second.tenant != tenant;
}

std::vector<Account> Accounts::all(std::string_view tenant) const {
  const std::lock_guard lock(mutex_);
  std::vector<Account> out;
  for (const auto& [user, account] : accounts_) {
    if (account.tenant == tenant) out.push_back(account);
  }
  return out;
}

// Counts the attempt as failed before it is tried: many at once get no more tries than one by one.
base::Status Accounts::admit_attempt(std::string_view user, base::TimeUs now) {
  auto found = failures_.find(user);
  if (found == failures_.end()) {
    if (failures_.size() >= kMaxFailing) {
      failures_.erase(std::min_element(
          failures_.begin(), failures_.end(),
          [](const auto& a, const auto& b) { return a.second.until < b.second.until; }));
    }
    found = failures_.emplace(user, Failures{}).first;
  }
  Failures& failures = found->second;
  // A clock that was set back must not lock a user out for longer than the longest lock.
  const base::DurationUs rest = failures.until - now;
  if (failures.count >= kFreeFailures && rest > 0 && rest <= kLongestLock) {
    return Error(Code::kExhausted, "too many wrong passwords: try again in " +
                                       std::to_string((rest + base::kSecond - 1) / base::kSecond) +
                                       " s");
  }
  ++failures.count;
  failures.until = failures.count >= kFreeFailures ? now + lock_after(failures.count) : now;
  return {};
}

base::Result<std::string> Accounts::log_in(std::string_view user, std::string_view password,
                                           base::TimeUs now) {
  if (!valid_name(user) || password.size() > kMaxPassword) return wrong_login();
  Account account;
  {
    const std::lock_guard lock(mutex_);
    LANDER_TRY(admit_attempt(user, now));
    const auto found = accounts_.find(user);
    if (found != accounts_.end() && !found->second.disabled) account = found->second;
  }
  const bool known = !account.user.empty();
  const bool right = crypto::verify_password(password, known ? account.password_hash : nobody_);
  if (!known || !right) return wrong_login();

  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(user);  // it may have changed while we hashed
  if (found == accounts_.end() || !same(found->second, account)) return wrong_login();
  if (const auto failed = failures_.find(user); failed != failures_.end()) failures_.erase(failed);
  return open_session(
      {.scope = {.tenant = account.tenant, .user = account.user, .role = account.role},
       .last_used = now});
}

std::string Accounts::open_session(Session session) {
  if (sessions_.size() >= kMaxSessions) {
    sessions_.erase(
        std::min_element(sessions_.begin(), sessions_.end(), [](const auto& a, const auto& b) {
          return std::pair(a.second.local, a.second.last_used) <
                 std::pair(b.second.local, b.second.last_used);
        }));
  }
  std::string token = base::to_base64url(random_.bytes(kTokenBytes));
  sessions_.insert_or_assign(token_name(token), std::move(session));
  return token;
}

void Accounts::end_sessions(std::string_view user) {
  std::erase_if(sessions_, [&](const auto& entry) {
    return !entry.second.local && entry.second.scope.user == user;
  });
}

std::optional<Scope> Accounts::scope(std::string_view session, base::TimeUs now) {
  // Looked up by its hash: the time that the search takes tells nothing about a token.
  const std::string name = token_name(session);
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) return std::nullopt;
  if (!found->second.local && now - found->second.last_used >= kSessionLasts) {
    sessions_.erase(found);
    return std::nullopt;
  }
  found->second.last_used = now;
  return found->second.scope;
}

void Accounts::log_out(std::string_view session) {
  const std::string name = token_name(session);
  const std::lock_guard lock(mutex_);
  sessions_.erase(name);
}

std::string Accounts::make_local_pass(std::string_view tenant) {
  const std::lock_guard lock(mutex_);
  return open_session({.scope = {.tenant = std::string(tenant),
                                 .user = std::string(kLocalUser),
                                 .role = Role::kAdmin},
                       .local = true});
}

}  // namespace lander::access
