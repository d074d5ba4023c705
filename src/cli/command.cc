#include "cli/command.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/suggest.h"
#include "base/time.h"

namespace lander::cli {
namespace {

constexpr const char* kEverywhere =
    "\nEverywhere: --at FOLDER|URL (or LANDER_AT) which server; --site NAME which site of a hub;\n"
    "            --json for programs.";

void add_areas(Commands& commands) {
  add_status(commands);
  add_observe(commands);
  add_object(commands);
  add_alerts(commands);
  add_desired(commands);
  add_models(commands);
  add_files(commands);
  add_link(commands);
  add_sql(commands);
  add_pickup(commands);
  add_import(commands);
  add_sites(commands);
  add_sticks(commands);
  add_recipients(commands);
  add_store(commands);
  add_trust(commands);
  add_accounts(commands);
  add_apps(commands);
  add_rollouts(commands);
  add_login(commands);
}

// "file:12:3: ...": a mistake in a file leads with its place, so that an editor finds it.
bool leads_with_place(std::string_view text) {
  for (int i = 0; i < 2; ++i) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return false;
    text.remove_prefix(colon + 1);
    const auto end = text.find_first_not_of("0123456789");
    if (end == 0 || end == std::string_view::npos || text[end] != ':') return false;
  }
  return true;
}

void tell(Session& session, const base::Error& error) {
  if (session.json) {
    Json body = session.problem();
    if (!body.is_object()) {
      body = {{"code", std::string(base::to_string(error.code()))}, {"detail", error.message()}};
    }
    session.world.err(body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
    return;
  }
  std::string text;
  std::string_view rest = error.message();
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    text += clean(rest.substr(0, end)) + "\n";
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  session.world.err(leads_with_place(text) ? text : "lander: " + text);
}

// What CLI11 says, but for a command that does not exist: that deserves a suggestion.
std::string usage_text(const CLI::App& root, const CLI::App& at, const CLI::Error& error) {
  const auto rest = root.remaining(true);
  const auto known = at.get_subcommands([](const CLI::App*) { return true; });
  const bool missing = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
  if (!missing || known.empty()) return error.what();
  std::vector<std::string> names;
  for (const CLI::App* command : known) names.push_back(command->get_name());
  const std::vector<std::string_view> views(names.begin(), names.end());
  if (!rest.empty())
    return "no command " + base::quoted(rest[0]) + base::suggestion(rest[0], views);
  return "which of: " + joined(names, ", ") + "?";
}

}  // namespace

CLI::App* Commands::group(const std::string& name, const std::string& help,
                          const std::string& section) {
  CLI::App* made = root_.add_subcommand(name, help);
  made->group(section);
  made->require_subcommand(1);
  made->footer(kEverywhere);
  return made;
}

CLI::App* Commands::add(CLI::App* parent, const std::string& name, const std::string& help,
                        const std::string& example, Action action) {
  CLI::App* made = parent->add_subcommand(name, help);
  made->footer("\nExample:\n  " + example + "\n" + kEverywhere);
  act(made, std::move(action));
  return made;
}

CLI::App* Commands::add(const std::string& name, const std::string& help,
                        const std::string& section, const std::string& example, Action action) {
  CLI::App* made = add(&root_, name, help, example, std::move(action));
  made->group(section);
  return made;
}

const Action* Commands::chosen() const {
  const CLI::App* at = &root_;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  const auto found = actions_.find(at);
  return found == actions_.end() ? nullptr : &found->second;
}

CLI::Validator is_duration() {
  return CLI::Validator(
      [](std::string& text) {
        const auto parsed = base::parse_duration(text);
        return parsed.ok() ? std::string() : parsed.error().message();
      },
      "10m|2h|..", "duration");
}

CLI::Validator is_time() {
  return CLI::Validator(
      [](std::string& text) {
        const auto parsed = base::parse_rfc3339(text);
        return parsed.ok() ? std::string() : parsed.error().message();
      },
      "2026-01-31T12:00:00Z", "time");
}

int run(World& world, std::vector<std::string> arguments) {
  Session session(world);
  CLI::App app{"lander: sees and steers sites and hubs.", "lander"};
  app.set_version_flag("--version", LANDER_VERSION);
  app.fallthrough();
  app.require_subcommand(1);
  app.add_option("--at", session.at,
                 "A site's or hub's data folder, or its https address (also: LANDER_AT)");
  app.add_option("--site", session.site_flag, "Which site of a hub");
  app.add_flag("--json", session.json, "What the server said, as one line of JSON");
  app.footer("\n`lander COMMAND --help` explains each, with an example.");
  Commands commands(app);
  add_areas(commands);
  const bool arguments_empty = arguments.empty();
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants a vector
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    const CLI::App* at = &app;
    while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
    world.out(at->help());
    return 0;
  } catch (const CLI::CallForAllHelp&) {
    world.out(app.help("", CLI::AppFormatMode::All));
    return 0;
  } catch (const CLI::CallForVersion& version) {
    world.out("lander " + std::string(version.what()) + "\n");
    return 0;
  } catch (const CLI::Error& error) {
    if (arguments_empty) {
      world.err(app.help());
      return 2;
    }
    const CLI::App* at = &app;
    std::string name = "lander";
    while (!at->get_subcommands().empty()) {
      at = at->get_subcommands().front();
      name += " " + at->get_name();
    }
    world.err("lander: " + usage_text(app, *at, error) + "\n`" + name +
              " --help` says how it is used.\n");
    return 2;
  }
  const Action* action = commands.chosen();
  LANDER_CHECK(action != nullptr);  // require_subcommand() saw to it
  const base::Status done = (*action)(session);
  if (done.ok()) return 0;
  tell(session, done.error());
  return session.wrong_usage() ? 2 : 1;
}

}  // namespace lander::cli
