// site add, list, show, remove.
#include <nlohmann/json.hpp>

#include "cli/command.h"

namespace lander::cli {
namespace {

Paint presence_paint(const std::string& presence) {
  if (presence == "on-time") return Paint::kGreen;
  if (presence == "late") return Paint::kYellow;
  return presence == "silent" ? Paint::kRed : Paint::kDim;
}

std::string load_text(const Json& vitals) {
  const auto load = number_of(vitals, "load1");
  return load ? number_text(*load) : "";
}

base::Status add(Session& session, const std::string& name, const std::string& valid_for) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Json answer,
                session.post("/api/v1/sites", {{"site", name}, {"valid_for", valid_for}}));
  if (session.json) {
    session.raw(answer);
    return {};
  }
  const auto expires = time_of(answer, "expires");
  session.say("A token for site " + name + ", good for one use, until " +
              text_of(answer, "expires") + " (" + relative(expires, session.now()) + "):\n\n  " +
              clean(text_of(answer, "token")) + "\n\nOn the site's machine:\n\n  " +
              clean(text_of(answer, "enrol")) + "\n");
  return {};
}

base::Status list(Session& session) {
  LANDER_ASSIGN(const Json sites, session.get("/api/v1/sites"));
  if (session.json) {
    session.raw(sites);
    return {};
  }
  Table table({"SITE", "PRESENCE", "CONTACT", ">ALERTS", "WORST", ">LOAD", "DESIRED", "VERSION"});
  for (const auto& site : sites) {
    const std::string presence = text_of(site, "presence"), worst = text_of(site, "worst");
    const bool in_sync = flag_of(site, "in_sync");
    table.add({text_of(site, "site"),
               {presence, presence_paint(presence)},
               relative(time_of(site, "last_contact"), session.now()),
               std::to_string(integer_of(site, "open_alerts")),
               {worst.empty() ? "-" : worst,
                worst == "high" || worst == "critical" ? Paint::kRed : Paint::kPlain},
               load_text(member(site, "vitals")),
               {"r" + std::to_string(integer_of(site, "desired_revision")) +
                    (in_sync ? "" : " not applied"),
                in_sync ? Paint::kPlain : Paint::kYellow},
               text_of(site, "version")});
  }
  if (table.empty()) {
    session.say("No site yet: `lander site add NAME` admits one.\n");
  } else {
    session.say(table);
  }
  return {};
}

base::Status show(Session& session, const std::string& name) {
  LANDER_ASSIGN(const std::string path, session.site_path(name));
  LANDER_ASSIGN(const Json site, session.get(path));
  if (session.json) {
    session.raw(site);
    return {};
  }
  const Json& vitals = member(site, "vitals");
  const std::string presence = text_of(site, "presence");
  Facts facts;
  facts.add("site", text_of(site, "site"), Paint::kBold);
  facts.add("presence", presence, presence_paint(presence));
  facts.add("contact", relative(time_of(site, "last_contact"), session.now()));
  facts.add("link", text_of(site, "link_error"), Paint::kYellow);
  if (const auto since = time_of(site, "cloned_since")) {
    facts.add("cloned",
              "two machines use this site's identity, known " + relative(since, session.now()) +
                  ": enrol one of them anew under a name of its own, then `lander site "
                  "clone-resolved " +
                  name + "`",
              Paint::kRed);
  }
  facts.add("version", text_of(site, "version"));
  facts.add("alerts",
            std::to_string(integer_of(site, "open_alerts")) + " open, " +
                std::to_string(integer_of(site, "unacknowledged")) + " not acknowledged" +
                (text_of(site, "worst").empty() ? "" : ", worst " + text_of(site, "worst")));
  facts.add("desired", "revision " + std::to_string(integer_of(site, "desired_revision")) +
                           ", reported " + std::to_string(integer_of(site, "reported_revision")) +
                           (flag_of(site, "in_sync") ? ", all applied" : ", not all applied"));
  facts.add("load", load_text(vitals));
  if (const auto used = number_of(vitals, "mem_used"), total = number_of(vitals, "mem_total");
      used && total)
    facts.add("memory", bytes_text(*used) + " of " + bytes_text(*total));
  if (const auto free = number_of(vitals, "disk_free"), total = number_of(vitals, "disk_total");
      free && total)
    facts.add("disk free", bytes_text(*free) + " of " + bytes_text(*total));
  if (const auto pss = number_of(vitals, "pss_bytes")) facts.add("lander-site", bytes_text(*pss));
  if (const auto up = number_of(vitals, "uptime_s"))
    facts.add("machine up", length_text(static_cast<base::DurationUs>(*up) * base::kSecond));
  if (const auto backlog = number_of(vitals, "backlog"))
    facts.add("waiting", plural(static_cast<std::int64_t>(*backlog), "item", "items"));
  session.say(facts);
  return {};
}

base::Status clone_resolved(Session& session, const std::string& name) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Json answer,
                session.send("POST", "/api/v1/sites/" + escaped(name) + "/clone-resolved", {}, ""));
  if (!session.json) session.say("Noted: one machine is " + name + ".\n");
  return {};
}

base::Status remove(Session& session, const std::string& name) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Json answer,
                session.send("DELETE", "/api/v1/sites/" + escaped(name), {}, ""));
  if (!session.json) {
    session.say("Site " + name +
                " is refused from now on; what it sent stays. A new `lander site add " + name +
                "` lets it back in.\n");
  }
  return {};
}

// On standard output, for a file.
base::Status card(Session& session, const std::string& name) {
  LANDER_ASSIGN(const std::string path, session.site_path(name));
  LANDER_ASSIGN(const Json card, session.get(path + "/card"));
  session.say(card.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  return {};
}

}  // namespace

void add_sites(Commands& commands) {
  auto* site = commands.group("site", "Sites of a hub: add, list, show, remove", kSetUp);
  auto name = std::make_shared<std::string>();
  auto valid = std::make_shared<std::string>("24h");
  auto* adding = commands.add(
      site, "add", "Make a one-time token by which a box becomes a site", "lander site add pump-7",
      [name, valid](Session& session) { return add(session, *name, *valid); });
  adding->add_option("NAME", *name, "The site's name: a-z 0-9 . _ -")->required();
  adding->add_option("--valid-for", *valid, "How long the token is good, at most 30d")
      ->check(is_duration())
      ->capture_default_str();
  commands.add(site, "list", "All sites with presence, alerts and revision", "lander site list",
               list);
  auto* showing = commands.add(site, "show", "One site with its machine's vital signs",
                               "lander site show pump-7",
                               [name](Session& session) { return show(session, *name); });
  showing->add_option("NAME", *name, "Default: --site");
  auto* resolving =
      commands.add(site, "clone-resolved", "Only one machine has this site's identity again",
                   "lander site clone-resolved pump-7",
                   [name](Session& session) { return clone_resolved(session, *name); });
  resolving->add_option("NAME", *name)->required();
  commands
      .add(site, "card", "A site's public keys, for a recipient's folder",
           "lander site card pump-7 > ~/lander-ana/sites/pump-7.card",
           [name](Session& session) { return card(session, *name); })
      ->add_option("NAME", *name, "Default: --site, or the site that is asked");
  auto* removing =
      commands.add(site, "remove", "Refuse a site's key from now on", "lander site remove pump-7",
                   [name](Session& session) { return remove(session, *name); });
  removing->add_option("NAME", *name)->required();
}

}  // namespace lander::cli
