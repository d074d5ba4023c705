// account list, add, remove.
#include <nlohmann/json.hpp>

#include "cli/command.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

constexpr std::uint64_t kMaxPassword = 1024;

struct Add {
  std::string user, role, password_file;
};

base::Result<std::string> password(Session& session, const Add& add) {
  World& world = session.world;
  if (!add.password_file.empty()) {
    LANDER_ASSIGN(const auto bytes, world.files.read(add.password_file, kMaxPassword));
    std::string text(base::as_text(bytes));
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    return text;
  }
  auto first = world.ask("Password for " + add.user + " (10 characters or more): ", true);
  if (!first.ok()) return first.error().context("no password (say --password-file FILE)");
  LANDER_ASSIGN(const std::string again, world.ask("Once more: ", true));
  if (again != *first) return Error(Code::kInvalid, "the two passwords differ");
  return first;
}

base::Status list(Session& session) {
  LANDER_ASSIGN(const Json accounts, session.get("/api/v1/accounts"));
  if (session.json) {
    session.raw(accounts);
    return {};
  }
  Table table({"USER", "ROLE", ""});
  for (const auto& account : accounts) {
    table.add({text_of(account, "user"), text_of(account, "role"),
               flag_of(account, "disabled") ? "disabled" : ""});
  }
  session.say(table);
  return {};
}

base::Status add(Session& session, const Add& wanted) {
  LANDER_ASSIGN(const std::string secret, password(session, wanted));
  LANDER_ASSIGN(const Json answer,
                session.post("/api/v1/accounts",
                             {{"user", wanted.user}, {"password", secret}, {"role", wanted.role}}));
  if (session.json) {
    session.raw(answer);
  } else {
    session.say("Account " + clean(text_of(answer, "user")) + ", " +
                clean(text_of(answer, "role")) + ".\n");
  }
  return {};
}

base::Status remove(Session& session, const std::string& user) {
  LANDER_ASSIGN(const Json answer,
                session.send("DELETE", "/api/v1/accounts/" + escaped(user), {}, ""));
  if (!session.json) session.say("Account " + user + " is gone, and its sessions have ended.\n");
  return {};
}

}  // namespace

void add_accounts(Commands& commands) {
  auto* account = commands.group("account", "Who may log in: list, add, remove", kSetUp);
  commands.add(account, "list", "All accounts of the tenant", "lander account list", list);
  auto wanted = std::make_shared<Add>();
  auto* adding = commands.add(account, "add", "Add an account, or replace it",
                              "lander account add anna --role technician",
                              [wanted](Session& session) { return add(session, *wanted); });
  adding->add_option("USER", wanted->user, "a-z 0-9 . _ -")->required();
  adding->add_option("--role", wanted->role, "What it may do")
      ->required()
      ->check(CLI::IsMember({"viewer", "technician", "operator", "admin"}));
  adding->add_option("--password-file", wanted->password_file, "Read the password from here");
  commands
      .add(account, "remove", "Remove an account", "lander account remove anna",
           [wanted](Session& session) { return remove(session, wanted->user); })
      ->add_option("USER", wanted->user)
      ->required();
}

}  // namespace lander::cli
