// login, logout.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "http/first_use.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

constexpr std::uint64_t kMaxPassword = 1024;

struct Login {
  std::string url, user, password_file, key_id;
};

base::Result<std::string> password(World& world, const Login& login, const std::string& url) {
  if (login.password_file.empty()) {
    auto typed = world.ask("Password of " + login.user + " at " + url + ": ", true);
    if (typed.ok()) return typed;
    return typed.error().context("no password (say --password-file FILE)");
  }
  LANDER_ASSIGN(const auto bytes, world.files.read(login.password_file, kMaxPassword));
  std::string text(base::as_text(bytes));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

// The key that this server must hold: given, confirmed before, or confirmed now by a person.
base::Result<std::string> key_to_pin(World& world, const Login& login, const std::string& url,
                                     const SavedSessions& sessions) {
  if (!login.key_id.empty()) {
    std::string plain;
    for (const char c : login.key_id)
      if (c != ' ' && c != ':')
        plain += static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    return plain;
  }
  if (const auto known = sessions.by_url.find(url); known != sessions.by_url.end())
    return known->second.key_id;
  LANDER_ASSIGN(const std::string shown, http::key_id_on_first_use(url, 10 * base::kSecond));
  auto answer = world.ask("The server at " + url + " shows this key:\n  " + fingerprint(shown) +
                              "\nOn the server, `lander --at ITS-DATA-FOLDER status` tells the key "
                              "that it must be.\nIs it the same? [y/N] ",
                          false);
  if (!answer.ok()) {
    return Error(Code::kUnauthenticated,
                 "nobody is here to confirm the key of " + url +
                     ": compare it with the one that `lander --at ITS-DATA-FOLDER status` tells on "
                     "the server, then say --key-id " +
                     shown);
  }
  if (*answer != "y" && *answer != "Y" && *answer != "yes")
    return Error(Code::kDenied, "not logged in: the key was not confirmed");
  return shown;
}

base::Status log_in(Session& session, const Login& login) {
  World& world = session.world;
  auto url = tidy_address(login.url);
  if (!url.ok()) return session.usage(url.error().message());
  LANDER_ASSIGN(SavedSessions sessions, load_sessions(world));
  LANDER_ASSIGN(const std::string key, key_to_pin(world, login, *url, sessions));
  LANDER_ASSIGN(const std::string secret, password(world, login, *url));
  http::ClientOptions options;
  options.url = *url;
  options.pinned_key_id = key;
  LANDER_ASSIGN(const auto client, http::Client::make(options));
  const std::string body = Json{{"user", login.user}, {"password", secret}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
  auto response = client->send("POST", "/api/v1/login", base::as_bytes(body), "application/json");
  if (!response.ok()) {
    if (response.error().code() != Code::kDenied) return response.error();
    return Error(Code::kDenied, response.error().message() +
                                    (login.key_id.empty()
                                         ? "\nIt was another one at the last login. If the server "
                                           "was installed anew: `lander logout " +
                                               *url + " --forget`, then log in again."
                                         : ", " + key + ", which you gave."));
  }
  const Json answer = Json::parse(response->body.begin(), response->body.end(), nullptr, false);
  const std::string token = text_of(answer, "token");
  if (response->status != 200 || token.empty()) {
    const std::string detail = text_of(answer, "detail");
    return Error(
        Code::kUnauthenticated,
        detail.empty() ? "the server answered " + std::to_string(response->status) : detail);
  }
  sessions.by_url[*url] = {key, token, login.user};
  sessions.current = *url;
  LANDER_TRY(save_sessions(world, sessions));
  if (session.json) {
    session.raw({{"url", *url},
                 {"key_id", key},
                 {"user", text_of(answer, "user")},
                 {"role", text_of(answer, "role")},
                 {"tenant", text_of(answer, "tenant")}});
    return {};
  }
  session.say("Logged in to " + *url + " as " + text_of(answer, "user") + ", " +
              text_of(answer, "role") + " of tenant " + text_of(answer, "tenant") +
              ".\nCommands without --at go there from now on.\n");
  return {};
}

base::Status log_out(Session& session, const std::string& address, bool forget) {
  LANDER_ASSIGN(SavedSessions sessions, load_sessions(session.world));
  std::string url = address.empty() ? sessions.current : address;
  if (url.empty()) return session.usage("log out from where? Say the address");
  auto tidy = tidy_address(url);
  if (!tidy.ok()) return session.usage(tidy.error().message());
  const auto at = sessions.by_url.find(*tidy);
  if (at == sessions.by_url.end()) return Error(Code::kNotFound, "no session for " + *tidy);
  if (!at->second.token.empty() && !forget) {
    session.at = *tidy;
    // An ended session or an absent server: the pass is dropped here all the same.
    if (auto told = session.send("POST", "/api/v1/logout", {}, ""); !told.ok())
      session.note("The server was not told: " + told.error().message());
  }
  at->second.token.clear();
  if (forget) sessions.by_url.erase(at);
  if (sessions.current == *tidy) sessions.current.clear();
  LANDER_TRY(save_sessions(session.world, sessions));
  if (!session.json)
    session.say("Logged out of " + *tidy + (forget ? "; its key is forgotten.\n" : ".\n"));
  return {};
}

}  // namespace

void add_login(Commands& commands) {
  auto login = std::make_shared<Login>();
  auto* in = commands.add("login", "Log in to a site or hub elsewhere and remember it", kServer,
                          "lander login https://hub.example.org:8443 --user anna",
                          [login](Session& session) { return log_in(session, *login); });
  in->add_option("URL", login->url, "https://HOST:PORT")->required();
  in->add_option("--user", login->user, "Name of the account")->required();
  in->add_option("--password-file", login->password_file, "Read the password from here");
  in->add_option("--key-id", login->key_id,
                 "The key that the server must hold, as `lander status` tells it there");
  auto url = std::make_shared<std::string>();
  auto forget = std::make_shared<bool>(false);
  auto* out =
      commands.add("logout", "End a session", kServer, "lander logout https://hub.example.org:8443",
                   [url, forget](Session& session) { return log_out(session, *url, *forget); });
  out->add_option("URL", *url, "Default: the last login");
  out->add_flag("--forget", *forget, "Forget the server's key too");
}

}  // namespace lander::cli
