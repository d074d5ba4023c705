// lander-site: the box beside the equipment. `run` serves, `enrol` makes it a site of a hub.

#include <cstdio>

#include <CLI/CLI.hpp>

#include "base/time.h"
#include "os/files.h"
#include "os/log.h"
#include "os/notify.h"
#include "site/identity.h"
#include "site/server.h"

namespace {

int fail(const lander::base::Error& error) {
  std::fprintf(stderr, "lander-site: %s\n", error.message().c_str());
  return 1;
}

int run(const lander::site::ServerOptions& options) {
  lander::os::block_stop_signals();
  auto server = lander::site::Server::start(options);
  if (!server.ok()) return fail(server.error());
  lander::os::log_info("site", "ready",
                       {{"site", (*server)->name()},
                        {"console", "https://localhost:" + std::to_string((*server)->port())},
                        {"data", options.data}});
  if (auto told = lander::os::notify_supervisor("READY=1"); !told.ok()) {
    lander::os::log_warn("site", "supervisor not told", {{"error", told.error().message()}});
  }
  const auto watchdog = lander::os::watchdog_interval_us();
  int signal = 0;
  while ((signal = lander::os::wait_for_stop(watchdog > 0 ? watchdog : -1)) == 0) {
    // A watchdog that is fed by a thread that does nothing else would say nothing. But a full disk
    // is not mended by a restart, which would forget the alarms that wait for it.
    if ((*server)->alive()) (void)lander::os::notify_supervisor("WATCHDOG=1").ok();
  }
  lander::os::log_info("site", "stopping", {{"signal", signal}});
  (void)lander::os::notify_supervisor("STOPPING=1").ok();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "lander-site: captures, stores, learns, watches and warns beside the equipment; needs no "
      "network."};
  app.set_version_flag("--version", LANDER_VERSION);
  app.require_subcommand(0, 1);
  lander::site::ServerOptions options;
  options.data = "/var/lib/lander-site";
  std::string contact_every = "20s";
  bool json_log = false;
  app.add_option("--data", options.data, "Folder for everything this site keeps")
      ->capture_default_str();
  app.add_option("--listen", options.host, "Address of the console and API")->capture_default_str();
  app.add_option("--port", options.port, "Port of the console and API (0: any)")
      ->capture_default_str();
  app.add_option("--name", options.name, "Name until it is enrolled (default: the host's)");
  app.add_option("--contact-every", contact_every,
                 "How often to contact the hub when nothing is urgent")
      ->capture_default_str();
  app.add_option("--sticks", options.sticks,
                 "Where sticks are mounted; only folders below are written to")
      ->capture_default_str();
  app.add_flag("--log-json", json_log, "Log lines as JSON");
  auto* run_command =
      app.add_subcommand("run", "Serve in the foreground until SIGTERM (the default)");
  run_command->fallthrough();
  auto* enrol_command =
      app.add_subcommand("enrol", "Make this box a site of a hub, by a one-time token");
  enrol_command->fallthrough();
  std::string hub, token;
  enrol_command->add_option("--hub", hub, "The hub's address for sites, https://host:8441")
      ->required();
  enrol_command->add_option("--token", token, "The token that `lander site add` printed")
      ->required();
  CLI11_PARSE(app, argc, argv);
  lander::os::set_log_json(json_log);

  if (enrol_command->parsed()) {
    auto identity =
        lander::site::enrol(lander::os::system_files(), options.data + "/identity", hub, token);
    if (!identity.ok()) return fail(identity.error());
    std::printf(
        "Enrolled as site \"%s\" of tenant \"%s\" at %s.\nStart it: lander-site run --data %s\n",
        identity->site.c_str(), identity->tenant.c_str(), hub.c_str(), options.data.c_str());
    return 0;
  }
  const auto every = lander::base::parse_duration(contact_every);
  if (!every.ok()) return fail(every.error().context("--contact-every"));
  if (*every < lander::base::kSecond || *every > lander::base::kDay)
    return fail({lander::base::Code::kInvalid, "--contact-every: expected 1s to 1d"});
  options.contact_every = *every;
  return run(options);
}
