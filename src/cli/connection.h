// Which server to talk to, and with what pass.
//
// A folder: the data folder of a site or hub on this machine, whose cli.json holds its address, its
// key and a pass (who may read the folder is in). An address: a server elsewhere, with a session
// that `lander login` saved in $XDG_CONFIG_HOME/lander/sessions.json (0600) together with the key
// that the person confirmed; later the key must be the same.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "cli/world.h"

namespace lander::cli {

struct Door {
  std::string url, key_id, token;
  std::string from;    // where this was read: a path, for messages
  bool local = false;  // of a data folder
};

struct SavedSession {
  std::string key_id, token, user;  // an empty token: logged out, the key stays known
};
struct SavedSessions {
  std::string path;     // of the file
  std::string current;  // the address that is meant when none is given
  std::map<std::string, SavedSession> by_url;
};

// No file: no sessions.
base::Result<SavedSessions> load_sessions(World& world);
base::Status save_sessions(World& world, const SavedSessions& sessions);

bool is_address(std::string_view at);  // rather than a folder
// "https://Hub:8443/" -> "https://Hub:8443"; kInvalid when it is not an https address.
base::Result<std::string> tidy_address(std::string_view url);

// `at` as given, or empty: $LANDER_AT, else the machine's own site or hub, else the last login.
base::Result<Door> find_door(World& world, std::string at);

// "ab12 cd34 ...", 16 groups: what a person compares.
std::string fingerprint(std::string_view key_id);

}  // namespace lander::cli
