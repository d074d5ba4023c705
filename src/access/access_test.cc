#include "access/access.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace lander::access {
namespace {

using base::Code;

constexpr base::TimeUs kNow = 1'750'000'000 * base::kSecond;
constexpr std::string_view kPassword = "correct horse";

class CountingRandom : public os::Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out)
      byte = static_cast<std::uint8_t>(
          (state_ = state_ * 6364136223846793005u + 1442695040888963407u) >> 56);
  }

 private:
  std::uint64_t state_ = 1;
};

class Access : public testing::Test {
 protected:
  void SetUp() override { accounts.put(annas_account()); }
  // Hashed once for the whole suite: scrypt is slow on purpose.
  Account annas_account(Role role = Role::kTechnician) {
    static const std::string hash = accounts.make("acme", "anna", kPassword, role)->password_hash;
    return {.tenant = "acme", .user = "anna", .password_hash = hash, .role = role};
  }
  CountingRandom random;
  Accounts accounts{random};
};

TEST_F(Access, ARightPasswordOpensTheScopeOfItsTenantAndRole) {
  const auto session = accounts.log_in("anna", kPassword, kNow);
  ASSERT_TRUE(session.ok()) << session.error().message();
  const auto scope = accounts.scope(*session, kNow + base::kHour);
  ASSERT_TRUE(scope.has_value());
  EXPECT_EQ(scope->tenant, "acme");
  EXPECT_EQ(scope->user, "anna");
  EXPECT_EQ(scope->role, Role::kTechnician);
  EXPECT_FALSE(accounts.scope("", kNow));
  EXPECT_FALSE(accounts.scope(*session + "x", kNow));
}

TEST_F(Access, AnotherTenantsUserSeesNothingOfThisOne) {
  Account eve = annas_account(Role::kAdmin);
  eve.user = "eve";
  eve.tenant = "other";
  accounts.put(eve);
  const auto session = accounts.log_in("eve", kPassword, kNow);
  EXPECT_EQ(accounts.scope(*session, kNow)->tenant, "other");
  ASSERT_EQ(accounts.all("acme").size(), 1u);
  EXPECT_EQ(accounts.all("acme")[0].user, "anna");
  ASSERT_EQ(accounts.all("other").size(), 1u);
  EXPECT_TRUE(accounts.all("").empty());
}

TEST_F(Access, UnknownDisabledAndWrongReadTheSame) {
  Account ben = annas_account();
  ben.user = "ben";
  ben.disabled = true;
  accounts.put(ben);
  const auto wrong = accounts.log_in("anna", "correct house", kNow);
  const auto unknown = accounts.log_in("nobody", kPassword, kNow);
  const auto disabled = accounts.log_in("ben", kPassword, kNow);
  const auto impossible = accounts.log_in("Robert'); DROP", kPassword, kNow);
  for (const auto* result : {&wrong, &unknown, &disabled, &impossible}) {
    ASSERT_FALSE(result->ok());
    EXPECT_EQ(result->error().code(), Code::kUnauthenticated);
    EXPECT_EQ(result->error().message(), wrong.error().message());
  }
}

TEST_F(Access, FiveFailuresLockForATimeThatDoublesUpTo15Minutes) {
  base::TimeUs now = kNow;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(accounts.log_in("anna", "wrong password", now).error().code(),
              Code::kUnauthenticated);
  }
  for (const int seconds : {10, 20, 40, 80, 160, 320, 640, 900, 900}) {
    const auto locked = accounts.log_in("anna", kPassword, now);
    ASSERT_FALSE(locked.ok()) << "also the right password waits";
    EXPECT_EQ(locked.error().code(), Code::kExhausted);
    EXPECT_NE(locked.error().message().find(" " + std::to_string(seconds) + " s"),
              std::string::npos)
        << locked.error().message();
    EXPECT_FALSE(accounts.log_in("anna", kPassword, now + seconds * base::kSecond - 1).ok());
    now += seconds * base::kSecond;
    EXPECT_EQ(accounts.log_in("anna", "wrong password", now).error().code(),
              Code::kUnauthenticated);
  }
  now += 15 * base::kMinute;
  EXPECT_TRUE(accounts.log_in("anna", kPassword, now).ok());
  EXPECT_EQ(accounts.log_in("anna", "wrong password", now).error().code(), Code::kUnauthenticated)
      << "success forgets the failures";
}

TEST_F(Access, AnUnknownUserIsLockedLikeAKnownOne) {
  for (int i = 0; i < 5; ++i) (void)accounts.log_in("nobody", "wrong password", kNow);
  EXPECT_EQ(accounts.log_in("nobody", "x", kNow).error().code(), Code::kExhausted);
  EXPECT_TRUE(accounts.log_in("anna", kPassword, kNow).ok()) << "nobody else is disturbed";
}

TEST_F(Access, ManyAttemptsAtOnceGetNoMoreTriesThanOneByOne) {
  std::vector<std::thread> threads;
  std::atomic<int> tried = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto result = accounts.log_in("anna", "wrong password", kNow);
      if (result.error().code() == Code::kUnauthenticated) ++tried;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tried, 5);
}

TEST_F(Access, AClockSetBackDoesNotLockAUserOut) {
  for (int i = 0; i < 5; ++i) (void)accounts.log_in("anna", "wrong password", kNow);
  EXPECT_TRUE(accounts.log_in("anna", kPassword, 0).ok());
}

TEST_F(Access, ASessionEndsTwelveHoursAfterItsLastUse) {
  const std::string session = accounts.log_in("anna", kPassword, kNow).value();
  base::TimeUs now = kNow;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(accounts.scope(session, now += 11 * base::kHour));
  EXPECT_FALSE(accounts.scope(session, now + 12 * base::kHour));
  EXPECT_FALSE(accounts.scope(session, now)) << "it does not come back";
}

TEST_F(Access, LoggingOutEndsThatSessionOnly) {
  const std::string one = accounts.log_in("anna", kPassword, kNow).value();
  const std::string two = accounts.log_in("anna", kPassword, kNow).value();
  EXPECT_NE(one, two);
  accounts.log_out(one);
  EXPECT_FALSE(accounts.scope(one, kNow));
  EXPECT_TRUE(accounts.scope(two, kNow));
}

TEST_F(Access, AChangeOfTheAccountEndsItsSessionsAtOnce) {
  const std::string session = accounts.log_in("anna", kPassword, kNow).value();
  accounts.put(annas_account());
  EXPECT_TRUE(accounts.scope(session, kNow)) << "nothing changed";
  accounts.put(annas_account(Role::kViewer));
  EXPECT_FALSE(accounts.scope(session, kNow));
  const std::string again = accounts.log_in("anna", kPassword, kNow).value();
  accounts.remove("anna");
  EXPECT_FALSE(accounts.scope(again, kNow));
  EXPECT_FALSE(accounts.log_in("anna", kPassword, kNow).ok());
}

TEST_F(Access, TheLocalPassLastsAndMayDoEverythingInItsTenant) {
  const std::string pass = accounts.make_local_pass("acme");
  const auto scope = accounts.scope(pass, kNow + 365 * base::kDay);
  ASSERT_TRUE(scope.has_value());
  EXPECT_EQ(scope->tenant, "acme");
  EXPECT_TRUE(scope->allows(Right::kManageAccounts).ok());
  EXPECT_FALSE(Accounts(random).scope(pass, kNow)) << "another process knows nothing of it";
}

TEST_F(Access, SessionsAreBoundedAndTheIdlestGoesFirst) {
  const std::string local = accounts.make_local_pass("acme");
  const std::string session = accounts.log_in("anna", kPassword, kNow).value();
  for (int i = 0; i < 10'100; ++i) (void)accounts.make_local_pass("acme");
  EXPECT_FALSE(accounts.scope(session, kNow));
}

TEST_F(Access, PoorNamesAndPasswordsAreRefused) {
  for (const char* user :
       {"", "Anna", "a b", "../x", "local", "abcdefghijklmnopqrstuvwxyz0123456789"}) {
    EXPECT_EQ(accounts.make("acme", user, kPassword, Role::kViewer).error().code(), Code::kInvalid)
        << user;
  }
  for (const std::string& password : {std::string("ninechars"), std::string(300, 'x'),
                                      std::string("xx-benjamin-xx"), std::string("üüüüüüüüü")}) {
    EXPECT_FALSE(accounts.make("acme", "benjamin", password, Role::kViewer).ok()) << password;
  }
  EXPECT_FALSE(accounts.make("", "ben", kPassword, Role::kViewer).ok());
}

TEST_F(Access, AnAccountComesBackFromItsBytesAndDamagedOnesAreRefused) {
  Account account = annas_account(Role::kOperator);
  account.disabled = true;
  const base::Bytes bytes = encode(account);
  const auto read = decode_account(bytes);
  ASSERT_TRUE(read.ok()) << read.error().message();
  EXPECT_EQ(read->tenant, account.tenant);
  EXPECT_EQ(read->user, account.user);
  EXPECT_EQ(read->password_hash, account.password_hash);
  EXPECT_EQ(read->role, account.role);
  EXPECT_TRUE(read->disabled);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_account(base::ByteView(bytes).first(size)).ok());
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    base::Bytes damaged = bytes;
    damaged[at] ^= 0x80;
    EXPECT_FALSE(decode_account(damaged).ok()) << at;
  }
}

TEST(Roles, EachMayDoWhatThoseBeforeItMay) {
  struct Expected {
    Right right;
    Role least;
  };
  for (const auto& [right, least] :
       {Expected{Right::kLook, Role::kViewer}, Expected{Right::kQuerySql, Role::kViewer},
        Expected{Right::kHandleAlerts, Role::kTechnician},
        Expected{Right::kPickup, Role::kTechnician}, Expected{Right::kOperate, Role::kOperator},
        Expected{Right::kManagePackages, Role::kOperator}, Expected{Right::kAdmit, Role::kAdmin},
        Expected{Right::kManageAccounts, Role::kAdmin}}) {
    EXPECT_EQ(role_for(right), least);
    for (const Role role : {Role::kViewer, Role::kTechnician, Role::kOperator, Role::kAdmin}) {
      const Scope scope{.tenant = "acme", .user = "x", .role = role};
      EXPECT_EQ(scope.allows(right).ok(), role >= least);
    }
  }
}

TEST(Roles, ARefusalSaysWhatIsNeededAndWhatOneIs) {
  const auto refused = Scope{.tenant = "acme", .user = "x"}.allows(Right::kHandleAlerts);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kDenied);
  EXPECT_EQ(refused.error().message(),
            "acknowledging and shelving alerts needs the role technician; you are viewer");
}

TEST(Roles, HaveNames) {
  for (const Role role : {Role::kViewer, Role::kTechnician, Role::kOperator, Role::kAdmin}) {
    EXPECT_EQ(parse_role(to_string(role)).value(), role);
  }
  EXPECT_FALSE(parse_role("root").ok());
  EXPECT_FALSE(parse_role("").ok());
}

}  // namespace
}  // namespace lander::access
