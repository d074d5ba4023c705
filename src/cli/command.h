// The tree of subcommands. Each area adds its own; one of them is chosen by the arguments.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "base/result.h"
#include "cli/session.h"

namespace lander::cli {

using Action = std::function<base::Status(Session&)>;

class Commands {
 public:
  explicit Commands(CLI::App& root) : root_(root) {}
  // A word that holds further commands; alone it is wrong usage, unless it has an action too.
  CLI::App* group(const std::string& name, const std::string& help, const std::string& section);
  // `example` is shown by --help.
  CLI::App* add(CLI::App* parent, const std::string& name, const std::string& help,
                const std::string& example, Action action);
  CLI::App* add(const std::string& name, const std::string& help, const std::string& section,
                const std::string& example, Action action);
  void act(CLI::App* command, Action action) { actions_[command] = std::move(action); }
  // Of the innermost command that was parsed.
  const Action* chosen() const;

 private:
  CLI::App& root_;
  std::map<const CLI::App*, Action> actions_;
};

// Validators, whose mistakes are wrong usage.
CLI::Validator is_duration();  // 10m
CLI::Validator is_time();      // RFC 3339

// The areas, in the order of the help.
void add_login(Commands& commands);
void add_status(Commands& commands);
void add_sites(Commands& commands);
void add_desired(Commands& commands);  // candidates, apply, twin
void add_observe(Commands& commands);  // datastreams, query, plot
void add_object(Commands& commands);
void add_alerts(Commands& commands);
void add_files(Commands& commands);   // detect, predict
void add_models(Commands& commands);  // readiness, learn, model
void add_link(Commands& commands);
void add_sql(Commands& commands);
void add_apps(Commands& commands);
void add_rollouts(Commands& commands);
void add_store(Commands& commands);
void add_trust(Commands& commands);
void add_pickup(Commands& commands);  // pickup, wipe
void add_import(Commands& commands);
void add_sticks(Commands& commands);
void add_recipients(Commands& commands);
void add_accounts(Commands& commands);

inline constexpr const char* kDaily = "Look and act";
inline constexpr const char* kFiles = "Files of your own, without site or hub";
inline constexpr const char* kSetUp = "Set up";
inline constexpr const char* kApps = "Apps";
inline constexpr const char* kServer = "The server";

}  // namespace lander::cli
