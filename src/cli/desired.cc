// candidates, apply, twin: what a site shall do, and what became of it.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "twin/twin.h"

namespace lander::cli {
namespace {

constexpr std::uint64_t kMaxYaml = 1 << 20;

struct Apply {
  std::string file;
  bool dry_run = false;
};

base::Status candidates(Session& session) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_ASSIGN(const Json list, session.get(path + "/candidates"));
  if (session.json) {
    session.raw(list);
    return {};
  }
  Table table({"SOURCE", "ADDRESS", "EXAMPLE", ">PER SECOND", "SUGGESTED", "DECLARED AS"});
  for (const auto& c : list) {
    const std::string property = text_of(c, "suggested_property"),
                      unit = text_of(c, "suggested_unit");
    const std::string as = text_of(c, "datastream");
    table.add({text_of(c, "source"),
               text_of(c, "address"),
               value_text(member(c, "example")),
               value_text(member(c, "rate_hz")),
               property + (property.empty() || unit.empty() ? "" : ", ") + unit,
               {flag_of(c, "declared") ? (as.empty() ? "yes" : as) : "", Paint::kGreen}});
  }
  if (table.empty()) {
    session.say(
        "The sources see nothing yet. Is one declared? `lander twin` tells how they are.\n");
  } else {
    session.say(table);
  }
  return {};
}

base::Result<std::string> site_for(Session& session, const Apply& apply, const std::string& yaml) {
  LANDER_ASSIGN(const std::string named, twin::site_of_yaml(yaml, apply.file));
  if (!named.empty() && !session.site_flag.empty() && named != session.site_flag)
    return session.usage(apply.file + " is for site " + named + ", and --site says " +
                         session.site_flag);
  return session.site_name(named);
}

base::Status apply(Session& session, const Apply& wanted) {
  LANDER_ASSIGN(const auto bytes, session.world.files.read(wanted.file, kMaxYaml));
  const std::string yaml(base::as_text(bytes));
  LANDER_ASSIGN(const std::string site, site_for(session, wanted, yaml));
  Query query;
  query.add("file", wanted.file).add("dry_run", wanted.dry_run ? "1" : "");
  LANDER_ASSIGN(const Json answer,
                session.send("POST", "/api/v1/sites/" + escaped(site) + "/desired" + query.text(),
                             bytes, "application/yaml"));
  if (session.json) {
    session.raw(answer);
    return {};
  }
  const Json& changes = member(answer, "changes");
  const std::string revision = std::to_string(integer_of(answer, "revision"));
  if (changes.empty()) {
    session.say("Site " + site + ": nothing changes, revision " + revision + " says the same.\n");
    return {};
  }
  for (const auto& change : changes) session.say("  " + clean(value_text(change)) + "\n");
  session.say(wanted.dry_run ? "Site " + site + ": this would change; nothing did.\n"
                             : "Site " + site + ": revision " + revision + ". `lander twin " +
                                   site + "` tells what became of it.\n");
  return {};
}

Paint status_paint(const std::string& status) {
  if (status == "applied") return Paint::kGreen;
  return status == "pending" ? Paint::kYellow : Paint::kRed;
}

base::Status twin(Session& session, const std::string& site, bool yaml) {
  LANDER_ASSIGN(const std::string path, session.site_path(site));
  LANDER_ASSIGN(const Json answer, session.get(path + "/twin"));
  if (session.json) {
    session.raw(answer);
    return {};
  }
  const Json& desired = member(answer, "desired");
  const Json& reported = member(answer, "reported");
  if (yaml) {
    session.say(text_of(desired, "yaml"));
    return {};
  }
  const bool in_sync = flag_of(answer, "in_sync");
  Facts facts;
  facts.add("desired",
            "revision " + std::to_string(integer_of(desired, "revision")) + ", " +
                relative(time_of(desired, "created"), session.now()) + " by " +
                (text_of(desired, "author").empty() ? "nobody" : text_of(desired, "author")) +
                " at the " + text_of(desired, "origin"));
  facts.add("reported", "revision " + std::to_string(integer_of(reported, "desired_revision")) +
                            ", " + relative(time_of(reported, "time"), session.now()) +
                            (text_of(reported, "software").empty()
                                 ? ""
                                 : ", lander-site " + text_of(reported, "software")));
  facts.add("in sync", in_sync ? "yes" : "no", in_sync ? Paint::kGreen : Paint::kYellow);
  session.say(facts);
  Table table({"COMPONENT", "STATUS", "SINCE", "DESIRED", "RUNNING", "REASON"});
  for (const auto& c : member(reported, "components")) {
    const std::string status = text_of(c, "status");
    table.add({text_of(c, "id"),
               {status, status_paint(status)},
               relative(time_of(c, "since"), session.now()),
               text_of(c, "desired"),
               text_of(c, "running"),
               text_of(c, "reason")});
  }
  if (!table.empty()) {
    session.say("\n");
    session.say(table);
  }
  return {};
}

}  // namespace

void add_desired(Commands& commands) {
  commands.add("candidates", "Addresses that the sources of a site see", kSetUp,
               "lander candidates", candidates);
  auto wanted = std::make_shared<Apply>();
  auto* applying = commands.add("apply", "Make a new revision of a site's desired state", kSetUp,
                                "lander apply site.yaml --dry-run",
                                [wanted](Session& session) { return apply(session, *wanted); });
  applying->add_option("FILE", wanted->file, "YAML; its `site:` says for which site")->required();
  applying->add_flag("--dry-run", wanted->dry_run, "Check and tell what would change");
  auto site = std::make_shared<std::string>();
  auto yaml = std::make_shared<bool>(false);
  auto* looking = commands.add(
      "twin", "Desired against reported, with the reason of every difference", kDaily,
      "lander twin pump-7", [site, yaml](Session& session) { return twin(session, *site, *yaml); });
  looking->add_option("SITE", *site, "Default: --site");
  looking->add_flag("--yaml", *yaml, "The desired state as a file that can be applied");
}

}  // namespace lander::cli
