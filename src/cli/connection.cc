#include "cli/connection.h"

#include <nlohmann/json.hpp>

#include "cli/shape.h"
#include "http/url.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

constexpr std::uint64_t kMaxFile = 1 << 20;
constexpr const char* kOwnFolders[] = {"/var/lib/lander-site", "/var/lib/lander-hub"};

base::Result<Json> read_json(World& world, const std::string& path) {
  LANDER_ASSIGN(const auto bytes, world.files.read(path, kMaxFile));
  Json out = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (!out.is_object()) return Error(Code::kCorrupt, path + ": expected a JSON object");
  return out;
}

base::Result<Door> door_of_folder(World& world, const std::string& folder) {
  const std::string path = folder.ends_with("/cli.json")
                               ? folder
                               : folder + (folder.ends_with('/') ? "" : "/") + "cli.json";
  auto file = read_json(world, path);
  if (!file.ok()) {
    if (file.error().code() == Code::kNotFound)
      return Error(Code::kNotFound,
                   path + " is not there: is " + folder +
                       " the --data folder of a lander-site or lander-hub that was started?");
    if (file.error().code() == Code::kDenied)
      return Error(Code::kDenied, "you may not read " + path +
                                      ": use sudo, or `lander login https://...` with an account");
    return file.error();
  }
  Door door{text_of(*file, "url"), text_of(*file, "key_id"), text_of(*file, "token"), path, true};
  if (door.url.empty() || door.key_id.empty() || door.token.empty())
    return Error(Code::kCorrupt, path + ": expected \"url\", \"key_id\" and \"token\"");
  return door;
}

base::Result<Door> door_of_address(World& world, const std::string& address) {
  LANDER_ASSIGN(const std::string url, tidy_address(address));
  LANDER_ASSIGN(const SavedSessions sessions, load_sessions(world));
  const auto at = sessions.by_url.find(url);
  if (at == sessions.by_url.end() || at->second.token.empty())
    return Error(Code::kUnauthenticated,
                 "no session for " + url + ": `lander login " + url + " --user NAME` first");
  return Door{url, at->second.key_id, at->second.token, sessions.path, false};
}

}  // namespace

bool is_address(std::string_view at) { return at.find("://") != std::string_view::npos; }

base::Result<std::string> tidy_address(std::string_view url) {
  LANDER_ASSIGN(const http::Url parsed, http::parse_url(url));
  if (!parsed.tls)
    return Error(Code::kInvalid,
                 std::string(url) + ": expected https://, nothing is said in clear");
  if (parsed.target != "/")
    return Error(Code::kInvalid,
                 std::string(url) + ": expected https://HOST:PORT and nothing behind it");
  return "https://" + parsed.authority();
}

base::Result<SavedSessions> load_sessions(World& world) {
  std::string folder = world.environment("XDG_CONFIG_HOME");
  if (folder.empty()) {
    const std::string home = world.environment("HOME");
    if (home.empty())
      return Error(Code::kNotFound,
                   "neither XDG_CONFIG_HOME nor HOME is set: there is no place for sessions");
    folder = home + "/.config";
  }
  SavedSessions out;
  out.path = folder + "/lander/sessions.json";
  if (!world.files.exists(out.path)) return out;
  LANDER_ASSIGN(const Json file, read_json(world, out.path));
  out.current = text_of(file, "current");
  for (const auto& [url, session] : member(file, "sessions").items()) {
    out.by_url[url] = {text_of(session, "key_id"), text_of(session, "token"),
                       text_of(session, "user")};
  }
  return out;
}

base::Status save_sessions(World& world, const SavedSessions& sessions) {
  Json list = Json::object();
  for (const auto& [url, session] : sessions.by_url) {
    list[url] = {{"key_id", session.key_id}, {"token", session.token}, {"user", session.user}};
  }
  const std::string text = Json{{"current", sessions.current}, {"sessions", list}}.dump(2) + "\n";
  LANDER_TRY(world.files.make_folders(sessions.path.substr(0, sessions.path.rfind('/')), 0700));
  return world.files.write_durably(sessions.path, base::as_bytes(text), 0600);
}

base::Result<Door> find_door(World& world, std::string at) {
  if (at.empty()) at = world.environment("LANDER_AT");
  if (!at.empty()) return is_address(at) ? door_of_address(world, at) : door_of_folder(world, at);
  std::string unreadable;
  for (const char* folder : kOwnFolders) {
    auto door = door_of_folder(world, folder);
    if (door.ok()) return door;
    if (door.error().code() == Code::kDenied) unreadable = door.error().message();
  }
  if (const auto sessions = load_sessions(world); sessions.ok() && !sessions->current.empty()) {
    if (auto door = door_of_address(world, sessions->current); door.ok()) return door;
  }
  if (!unreadable.empty()) return Error(Code::kDenied, unreadable);
  return Error(Code::kNotFound,
               "which server? Say --at FOLDER (the --data folder of a site or hub here) or "
               "--at https://HOST:PORT, set LANDER_AT, or `lander login https://HOST:PORT` once");
}

std::string fingerprint(std::string_view key_id) {
  std::string out;
  for (std::size_t i = 0; i < key_id.size(); ++i) {
    if (i > 0 && i % 4 == 0) out += ' ';
    out += key_id[i];
  }
  return out;
}

}  // namespace lander::cli
