// rollout start, list, show, cancel.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/match.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

constexpr base::DurationUs kAskEvery = base::kSecond;

struct Start {
  std::string app, version, sites, phases, timeout = "15m";
  unsigned max_failed = 0;
  bool wait = false;
};

Paint state_paint(const std::string& state) {
  if (state == "done" || state == "applied") return Paint::kGreen;
  if (state == "running" || state == "pending") return Paint::kYellow;
  return state == "cancelled" ? Paint::kDim : Paint::kRed;
}

void say_rollout(Session& session, const Json& r) {
  const std::string state = text_of(r, "state");
  const Json& phases = member(r, "phases");
  Facts facts;
  facts.add("rollout", text_of(r, "id"), Paint::kBold);
  facts.add("app", text_of(r, "app") + " " + text_of(r, "version"));
  facts.add("state", state, state_paint(state));
  facts.add("reason", text_of(r, "reason"));
  facts.add("phase",
            std::to_string(integer_of(r, "phase") + 1) + " of " + std::to_string(phases.size()));
  facts.add("halts at", plural(integer_of(r, "max_failed") + 1, "failed site", "failed sites"));
  facts.add("started",
            relative(time_of(r, "created"), session.now()) + " by " + text_of(r, "author"));
  session.say(facts);
  Table table({"PHASE", "SITE", "STATUS", "REASON"});
  int number = 0;
  for (const auto& phase : phases) {
    ++number;
    for (const auto& site : phase) {
      const std::string name = value_text(site);
      const Json& found = member(member(r, "sites"), name.c_str());
      const std::string status = text_of(found, "status");
      table.add(
          {std::to_string(number), name, {status, state_paint(status)}, text_of(found, "reason")});
    }
  }
  session.say("\n");
  session.say(table);
}

// Tells each site's change of status once, on stderr.
class Progress {
 public:
  void tell(Session& session, const Json& rollout) {
    for (const auto& [name, site] : member(rollout, "sites").items()) {
      const std::string status = text_of(site, "status"), reason = text_of(site, "reason");
      std::string& known = told_[name];
      if (known == status + reason) continue;
      known = status + reason;
      session.note(clean(name + ": " + status + (reason.empty() ? "" : ", " + reason)));
    }
  }

 private:
  std::map<std::string, std::string> told_;
};

base::Result<Json> wait_for_end(Session& session, const std::string& id, base::DurationUs timeout) {
  const base::DurationUs deadline = session.world.clock.monotonic_us() + timeout;
  Progress progress;
  for (;;) {
    LANDER_ASSIGN(Json rollout, session.get("/api/v1/rollouts/" + escaped(id)));
    progress.tell(session, rollout);
    if (text_of(rollout, "state") != "running") return rollout;
    if (session.world.clock.monotonic_us() >= deadline)
      return Error(Code::kTimeout,
                   "rollout " + short_id(id) +
                       " still runs; it goes on without you: `lander rollout show " + short_id(id) +
                       "`");
    session.world.pause(kAskEvery);
  }
}

base::Result<Json> request(Session& session, const Start& start) {
  if (start.sites.empty() == start.phases.empty())
    return session.usage("where to? Say either --sites a,b or --phases \"a;b,c\"");
  Json body = {{"app", start.app}, {"version", start.version}, {"max_failed", start.max_failed}};
  if (!start.sites.empty()) {
    body["sites"] = split(start.sites, ',');
  } else {
    Json phases = Json::array();
    for (const auto& phase : split(start.phases, ';')) phases.push_back(split(phase, ','));
    body["phases"] = phases;
  }
  return body;
}

base::Status start(Session& session, const Start& wanted) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Json body, request(session, wanted));
  LANDER_ASSIGN(Json rollout, session.post("/api/v1/rollouts", body));
  const std::string id = text_of(rollout, "id");
  if (wanted.wait) {
    LANDER_ASSIGN(const auto timeout, base::parse_duration(wanted.timeout));
    LANDER_ASSIGN(rollout, wait_for_end(session, id, timeout));
  }
  if (session.json) {
    session.raw(rollout);
  } else if (wanted.wait) {
    say_rollout(session, rollout);
  } else {
    session.say("Rollout " + short_id(id) + " of " + wanted.app + " " + wanted.version +
                " has begun: `lander rollout show " + short_id(id) + "`.\n");
  }
  const std::string state = text_of(rollout, "state");
  if (!wanted.wait || state == "done") return {};
  return Error(Code::kConflict,
               "the rollout ended as " + state +
                   (text_of(rollout, "reason").empty() ? "" : ": " + text_of(rollout, "reason")));
}

base::Status list(Session& session) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Json rollouts, session.get("/api/v1/rollouts"));
  if (session.json) {
    session.raw(rollouts);
    return {};
  }
  Table table(
      {"ROLLOUT", "APP", "VERSION", "STATE", "PHASE", ">APPLIED", "STARTED", "BY", "REASON"});
  for (const auto& r : rollouts) {
    std::size_t applied = 0;
    for (const auto& site : member(r, "sites")) applied += text_of(site, "status") == "applied";
    const std::string state = text_of(r, "state");
    table.add({short_id(text_of(r, "id")),
               text_of(r, "app"),
               text_of(r, "version"),
               {state, state_paint(state)},
               std::to_string(integer_of(r, "phase") + 1) + "/" +
                   std::to_string(member(r, "phases").size()),
               std::to_string(applied) + "/" + std::to_string(member(r, "sites").size()),
               relative(time_of(r, "created"), session.now()),
               text_of(r, "author"),
               text_of(r, "reason")});
  }
  if (table.empty()) {
    session.say("No rollout yet: `lander rollout start APP VERSION --sites ...` begins one.\n");
  } else {
    session.say(table);
  }
  return {};
}

base::Result<std::string> whole_id(Session& session, const std::string& given) {
  LANDER_ASSIGN(const Json rollouts, session.get("/api/v1/rollouts"));
  std::vector<std::string> ids;
  for (const auto& r : rollouts) ids.push_back(text_of(r, "id"));
  return match_id(ids, given, "rollout");
}

base::Status show(Session& session, const std::string& given, bool cancel) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const std::string id, whole_id(session, given));
  const std::string path = "/api/v1/rollouts/" + escaped(id);
  auto rollout = cancel ? session.post(path + "/cancel", Json::object()) : session.get(path);
  if (!rollout.ok()) return rollout.error();
  if (session.json) {
    session.raw(*rollout);
  } else {
    say_rollout(session, *rollout);
  }
  return {};
}

}  // namespace

void add_rollouts(Commands& commands) {
  auto* rollout = commands.group("rollout", "Bring an app's version to sites, in phases", kApps);
  auto wanted = std::make_shared<Start>();
  auto* starting =
      commands.add(rollout, "start", "Begin one; a phase waits for the one before it",
                   "lander rollout start pump-watch 1.0.0 --phases \"pump-1;pump-2,pump-3\" --wait",
                   [wanted](Session& session) { return start(session, *wanted); });
  starting->add_option("APP", wanted->app)->required();
  starting->add_option("VERSION", wanted->version)->required();
  starting->add_option("--sites", wanted->sites, "a,b,c: all at once");
  starting->add_option("--phases", wanted->phases, "\"a;b,c\": a, and when it is well b and c");
  starting->add_option("--max-failed", wanted->max_failed, "More sites that fail halt it")
      ->capture_default_str();
  starting->add_flag("--wait", wanted->wait, "Until it ends; exit status 1 unless it is done");
  starting->add_option("--timeout", wanted->timeout, "How long --wait waits")
      ->check(is_duration())
      ->capture_default_str();
  commands.add(rollout, "list", "All rollouts, newest first", "lander rollout list", list);
  auto id = std::make_shared<std::string>();
  commands
      .add(rollout, "show", "One rollout, site by site", "lander rollout show 9c4e11d0",
           [id](Session& session) { return show(session, *id, false); })
      ->add_option("ID", *id, "Or the end of it")
      ->required();
  commands
      .add(rollout, "cancel", "Begin no further phase", "lander rollout cancel 9c4e11d0",
           [id](Session& session) { return show(session, *id, true); })
      ->add_option("ID", *id, "Or the end of it")
      ->required();
}

}  // namespace lander::cli
