// status: is it well, who am I there.
#include <nlohmann/json.hpp>

#include "cli/command.h"

namespace lander::cli {
namespace {

std::string alerts_text(std::int64_t open, std::int64_t unacknowledged, const std::string& worst) {
  if (open == 0) return "none open";
  return std::to_string(open) + " open, " + std::to_string(unacknowledged) + " not acknowledged" +
         (worst.empty() ? "" : ", worst " + worst);
}

void add_hub(Facts& facts, const Json& sites) {
  std::int64_t open = 0, unacknowledged = 0;
  std::map<std::string, int> presence;
  for (const auto& site : sites) {
    open += integer_of(site, "open_alerts");
    unacknowledged += integer_of(site, "unacknowledged");
    ++presence[text_of(site, "presence")];
  }
  std::string text = std::to_string(sites.size());
  for (const auto& [name, count] : presence) text += ", " + std::to_string(count) + " " + name;
  facts.add("sites", text);
  facts.add("alerts", alerts_text(open, unacknowledged, ""));
}

void add_site(Facts& facts, const Json& site, const Json& link, base::TimeUs now) {
  facts.add("alerts", alerts_text(integer_of(site, "open_alerts"),
                                  integer_of(site, "unacknowledged"), text_of(site, "worst")));
  const bool in_sync = flag_of(site, "in_sync");
  facts.add("desired",
            "revision " + std::to_string(integer_of(site, "desired_revision")) +
                (in_sync ? ", all applied" : ", not all applied: `lander twin` says why"),
            in_sync ? Paint::kPlain : Paint::kYellow);
  if (!flag_of(link, "enrolled")) {
    facts.add("hub", "none: " + text_of(link, "reason"));
    return;
  }
  const bool connected = flag_of(link, "connected");
  facts.add("hub",
            text_of(link, "hub") + ", " + (connected ? "last contact " : "no contact, the last ") +
                relative(time_of(link, "last_contact"), now) +
                (text_of(link, "reason").empty() ? "" : ": " + text_of(link, "reason")),
            connected ? Paint::kPlain : Paint::kYellow);
}

base::Status show(Session& session) {
  LANDER_ASSIGN(const http::ClientResponse response, session.exchange("GET", "/healthz", {}, ""));
  const Json health = Json::parse(response.body.begin(), response.body.end(), nullptr, false);
  LANDER_ASSIGN(const Me* me, session.me());
  LANDER_ASSIGN(const Door* door, session.door());
  LANDER_ASSIGN(const Json sites, session.get("/api/v1/sites"));
  Json link;
  if (!me->hub()) {
    LANDER_ASSIGN(link, session.get("/api/v1/sites/" + escaped(me->name) + "/link"));
  }
  const bool well = text_of(health, "status") == "ok";
  const base::Error sick(
      base::Code::kUnavailable,
      me->server + " \"" + me->name + "\" is failing: " + text_of(health, "reason"));
  if (session.json) {
    session.raw({{"health", health},
                 {"me",
                  {{"user", me->user},
                   {"role", me->role},
                   {"tenant", me->tenant},
                   {"server", me->server},
                   {"name", me->name}}},
                 {"url", door->url},
                 {"key_id", door->key_id},
                 {"sites", sites}});
    return well ? base::Status() : base::Status(sick);
  }
  Facts facts;
  facts.add(me->server, me->name, Paint::kBold);
  facts.add("health", well ? "ok" : "failing", well ? Paint::kGreen : Paint::kRed);
  facts.add("version", text_of(health, "version") + ", up " +
                           length_text(integer_of(health, "uptime_s") * base::kSecond));
  facts.add("address", door->url + " (from " + door->from + ")");
  facts.add("key", fingerprint(door->key_id));
  facts.add("you", me->user + ", " + me->role + " of tenant " + me->tenant);
  if (me->hub()) {
    add_hub(facts, sites);
  } else if (!sites.empty() && sites.is_array()) {
    add_site(facts, sites[0], link, session.now());
  }
  session.say(facts);
  return well ? base::Status() : base::Status(sick);
}

}  // namespace

void add_status(Commands& commands) {
  commands.add("status", "Is the server well, and who am I there", kDaily, "lander status", show);
}

}  // namespace lander::cli
