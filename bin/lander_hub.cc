// lander-hub: sees every site, rolls out apps, keeps the lake. Also, as a child of itself, the SQL
// worker.

#include <cstdio>
#include <string_view>

#include <CLI/CLI.hpp>

#include "base/time.h"
#include "hub/server.h"
#include "lake/lake.h"
#include "os/log.h"
#include "os/notify.h"

namespace {

int fail(const lander::base::Error& error) {
  std::fprintf(stderr, "lander-hub: %s\n", error.message().c_str());
  return 1;
}

int run(const lander::hub::ServerOptions& options) {
  lander::os::block_stop_signals();
  auto server = lander::hub::Server::start(options);
  if (!server.ok()) return fail(server.error());
  lander::os::log_info(
      "hub", "ready",
      {{"console", "https://" + options.public_name + ":" + std::to_string((*server)->port())},
       {"sites", (*server)->enrol_url()},
       {"data", options.data}});
  if (auto told = lander::os::notify_supervisor("READY=1"); !told.ok()) {
    lander::os::log_warn("hub", "supervisor not told", {{"error", told.error().message()}});
  }
  const auto watchdog = lander::os::watchdog_interval_us();
  int signal = 0;
  while ((signal = lander::os::wait_for_stop(watchdog > 0 ? watchdog : -1)) == 0) {
    if ((*server)->alive()) (void)lander::os::notify_supervisor("WATCHDOG=1").ok();
  }
  lander::os::log_info("hub", "stopping", {{"signal", signal}});
  (void)lander::os::notify_supervisor("STOPPING=1").ok();
  return 0;
}

// The hub's ends of carriers beside HTTPS: docs/guides/links.md.
void add_gateway_options(CLI::App& app, lander::hub::ServerOptions& options) {
  auto& mqtt = options.mqtt;
  auto* broker = app.add_option("--mqtt", mqtt.url,
                                "Broker that sites of carrier mqtt use: mqtts://host:8883 or "
                                "mqtt://host:1883");
  app.add_option("--mqtt-username", mqtt.username, "Name for the broker")->needs(broker);
  app.add_option("--mqtt-password-file", mqtt.password_file,
                 "File that holds the password for the broker")
      ->needs(broker);
  app.add_option("--mqtt-ca-file", mqtt.ca_file,
                 "PEM of the authority that vouches for the broker; without: the system's")
      ->needs(broker);
  auto& operator_ = options.short_messages;
  auto* url = app.add_option("--short-url", operator_.url,
                             "Where the satellite's operator takes messages for modems; what "
                             "modems sent he posts to /link/v1/short-messages here");
  app.add_option("--short-username", operator_.username, "Name at the operator")->needs(url);
  app.add_option("--short-password-file", operator_.password_file,
                 "File that holds the password at the operator")
      ->needs(url);
}

}  // namespace

int main(int argc, char** argv) {
  // Not a command for people: lake::run_sql starts it, with limits, for one query.
  if (argc == 2 && std::string_view(argv[1]) == "sql-worker") lander::lake::sql_worker_main();

  CLI::App app{
      "lander-hub: the other end of every site: fleet, rollouts, alerts, and the lake of open "
      "tables."};
  app.set_version_flag("--version", LANDER_VERSION);
  app.require_subcommand(0, 1);
  lander::hub::ServerOptions options;
  options.data = "/var/lib/lander-hub";
  std::string flush_every = "10s", late_after = "45s";
  bool json_log = false;
  app.add_option("--data", options.data, "Folder for everything this hub keeps")
      ->capture_default_str();
  app.add_option("--listen", options.host, "Address to listen on")->capture_default_str();
  app.add_option("--port", options.port, "Port for people: console and API (0: any)")
      ->capture_default_str();
  app.add_option("--sites-port", options.sites_port, "Port for sites: mutual TLS (0: any)")
      ->capture_default_str();
  app.add_option("--public-name", options.public_name,
                 "Host name under which sites and people reach this hub")
      ->capture_default_str();
  app.add_option("--flush-every", flush_every, "How often what arrived becomes rows of the lake")
      ->capture_default_str();
  app.add_option("--late-after", late_after,
                 "A site that said nothing for so long is shown as late")
      ->capture_default_str();
  add_gateway_options(app, options);
  app.add_flag("--log-json", json_log, "Log lines as JSON");
  auto* run_command =
      app.add_subcommand("run", "Serve in the foreground until SIGTERM (the default)");
  run_command->fallthrough();
  auto* tenant_command = app.add_subcommand(
      "add-tenant", "Add a tenant with an admin account; the hub must not be running");
  tenant_command->fallthrough();
  std::string tenant;
  tenant_command->add_option("name", tenant, "The tenant's name")->required();
  CLI11_PARSE(app, argc, argv);
  lander::os::set_log_json(json_log);

  if (tenant_command->parsed()) {
    auto path = lander::hub::add_tenant(options.data, tenant);
    if (!path.ok()) return fail(path.error());
    std::printf("Added tenant \"%s\" with the account \"admin-%s\"; its first password is in %s\n",
                tenant.c_str(), tenant.c_str(), path->c_str());
    return 0;
  }
  const auto every = lander::base::parse_duration(flush_every);
  if (!every.ok()) return fail(every.error().context("--flush-every"));
  if (*every < 100 * lander::base::kMillisecond || *every > lander::base::kHour)
    return fail({lander::base::Code::kInvalid, "--flush-every: expected 100ms to 1h"});
  options.flush_every = *every;
  const auto late = lander::base::parse_duration(late_after);
  if (!late.ok()) return fail(late.error().context("--late-after"));
  if (*late < lander::base::kSecond || *late > 30 * lander::base::kDay)
    return fail({lander::base::Code::kInvalid, "--late-after: expected 1s to 30d"});
  options.plan.expected_every = *late / 2;
  options.plan.grace = *late - *late / 2;
  return run(options);
}
