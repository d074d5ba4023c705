// alerts: list, show, ack, shelve, unshelve, verdict.
#include <cmath>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/match.h"

namespace lander::cli {
namespace {

constexpr std::size_t kSparkColumns = 48;

struct Change {
  std::string id, comment, length = "1h", verdict;
};

Paint severity_paint(const std::string& severity) {
  if (severity == "critical" || severity == "high") return Paint::kRed;
  return severity == "medium" ? Paint::kYellow : Paint::kPlain;
}

// Of one site when one is named, else everybody's.
base::Result<Json> fetch(Session& session, bool all, std::size_t limit) {
  const std::string path = session.site_flag.empty()
                               ? "/api/v1/alerts"
                               : "/api/v1/sites/" + escaped(session.site_flag) + "/alerts";
  Query query;
  query.add("state", all ? "all" : "open").add("limit", std::to_string(limit));
  return session.get(path + query.text());
}

base::Status list(Session& session, bool all) {
  LANDER_ASSIGN(const Json alerts, fetch(session, all, 200));
  if (session.json) {
    session.raw(alerts);
    return {};
  }
  LANDER_ASSIGN(const Me* me, session.me());
  std::vector<std::string> heads = {"ALERT", "SEVERITY", "STATE", "RAISED"};
  if (me->hub()) heads.emplace_back("SITE");
  heads.insert(heads.end(), {"ASSET", "WHAT"});
  Table table(heads);
  for (const auto& a : alerts) {
    const std::string severity = text_of(a, "severity");
    std::vector<Cell> row = {short_id(text_of(a, "id")),
                             {severity, severity_paint(severity)},
                             text_of(a, "state"),
                             relative(time_of(a, "raised"), session.now())};
    if (me->hub()) row.emplace_back(text_of(a, "site"));
    row.emplace_back(text_of(a, "asset"));
    row.emplace_back(text_of(a, "title"));
    table.add(std::move(row));
  }
  if (table.empty()) {
    session.say(all ? "No alert yet.\n"
                    : "No open alert. `lander alerts --all` shows past ones.\n");
  } else {
    session.say(table);
  }
  return {};
}

// ".../alerts/ID" of the one alert that is meant by an abbreviation.
base::Result<std::string> path_of(Session& session, const std::string& given) {
  LANDER_ASSIGN(const Json alerts, fetch(session, true, 1000));
  std::vector<std::string> ids;
  for (const auto& a : alerts) ids.push_back(text_of(a, "id"));
  LANDER_ASSIGN(const std::string id, match_id(ids, given, "alert"));
  for (const auto& a : alerts) {
    if (text_of(a, "id") == id)
      return "/api/v1/sites/" + escaped(text_of(a, "site")) + "/alerts/" + escaped(id);
  }
  return base::Error(base::Code::kNotFound, "no alert " + id);
}

void say_facts(Session& session, const Json& a) {
  auto when = [&](const char* key) {
    const auto time = time_of(a, key);
    return time ? text_of(a, key) + " (" + relative(time, session.now()) + ")" : std::string();
  };
  const std::string severity = text_of(a, "severity");
  Facts facts;
  facts.add("alert", text_of(a, "title"), Paint::kBold);
  facts.add("id", text_of(a, "id"));
  facts.add("severity", severity, severity_paint(severity));
  facts.add("state", text_of(a, "state"));
  facts.add("site", text_of(a, "site"));
  facts.add("asset", text_of(a, "asset"));
  facts.add("detail", text_of(a, "detail"));
  facts.add("raised", when("raised"));
  facts.add("cleared", when("cleared"));
  const std::string by = text_of(a, "acknowledged_by");
  facts.add("acknowledged", when("acknowledged") + (by.empty() ? "" : " by " + by));
  facts.add("shelved until", when("shelved_until"));
  facts.add("since", when("since"));
  const std::string verdict = text_of(a, "verdict"), note = text_of(a, "note");
  facts.add("verdict", verdict.empty() ? ""
                                       : verdict + (note.empty() ? "" : ": " + note) + " (" +
                                             text_of(a, "judged_by") + ")");
  facts.add("comment", text_of(a, "comment"));
  facts.add("rule", text_of(a, "rule"));
  facts.add("model", short_digest(text_of(a, "model")));
  if (const auto score = number_of(a, "score"))
    facts.add("score", number_text(*score) + " (1 is the limit)");
  session.say(facts);
}

std::string sigmas(const std::optional<double>& deviation) {
  if (!deviation) return "-";
  return (*deviation > 0 ? "+" : "") + number_text(std::round(*deviation * 10) / 10);
}

void say_similar(Session& session, const Json& a) {
  const Json& similar = member(a, "similar");
  if (!similar.is_object()) return;
  const auto likeness = number_of(similar, "likeness");
  const auto raised = time_of(similar, "raised");
  Facts facts;
  facts.add("similar alert", text_of(similar, "title"), Paint::kBold);
  facts.add("id", text_of(similar, "alert"));
  facts.add("likeness", likeness ? std::to_string(std::lround(*likeness * 100)) + " %" : "");
  facts.add("raised", text_of(similar, "raised") +
                          (raised ? " (" + relative(raised, session.now()) + ")" : ""));
  const std::string verdict = text_of(similar, "verdict");
  facts.add("verdict", verdict.empty() ? "none yet" : verdict);
  facts.add("note", text_of(similar, "note"));
  session.say("\n");
  session.say(facts);
}

void say_causes(Session& session, const Json& a) {
  Table table({">SHARE", "CAUSE", ">VALUE", ">EXPECTED", "UNIT", ">SIGMAS"});
  for (const auto& cause : member(a, "causes")) {
    const auto share = number_of(cause, "share");
    table.add({share ? std::to_string(std::lround(std::clamp(*share, 0.0, 1.0) * 100)) + " %" : "",
               text_of(cause, "datastream"), value_text(member(cause, "value")),
               value_text(member(cause, "expected")), text_of(cause, "unit"),
               sigmas(number_of(cause, "deviation"))});
  }
  if (table.empty()) return;
  session.say("\n");
  session.say(table);
}

void say_evidence(Session& session, const Json& a) {
  const Json& evidence = member(a, "evidence");
  Table table({"EVIDENCE", "", ">LEAST", ">MOST"});
  for (const auto& series : member(evidence, "series")) {
    std::vector<double> values;
    double least = INFINITY, most = -INFINITY;
    for (const auto& point : member(series, "points")) {
      const bool known = point.is_array() && point.size() >= 2 && point[1].is_number();
      values.push_back(known ? point[1].get<double>() : std::nan(""));
      if (!known) continue;
      least = std::min(least, values.back());
      most = std::max(most, values.back());
    }
    table.add({text_of(series, "datastream"), sparkline(values, kSparkColumns), number_text(least),
               number_text(most)});
  }
  if (table.empty()) return;
  session.say("\n");
  session.say(table);
  session.say(painted(text_of(evidence, "from") + " .. " + text_of(evidence, "to"), Paint::kDim,
                      session.colour()) +
              "\n");
}

void say_events(Session& session, const Json& a) {
  Table table({"EVENT", "WHEN", "BY", "COMMENT"});
  for (const auto& event : member(a, "events")) {
    table.add({text_of(event, "kind"), text_of(event, "time"), text_of(event, "actor"),
               text_of(event, "comment")});
  }
  if (table.empty()) return;
  session.say("\n");
  session.say(table);
}

base::Status show(Session& session, const std::string& given) {
  LANDER_ASSIGN(const std::string path, path_of(session, given));
  LANDER_ASSIGN(const Json alert, session.get(path));
  if (session.json) {
    session.raw(alert);
    return {};
  }
  say_facts(session, alert);
  say_causes(session, alert);
  say_similar(session, alert);
  say_evidence(session, alert);
  say_events(session, alert);
  return {};
}

base::Status change(Session& session, const Change& wanted, const char* kind) {
  LANDER_ASSIGN(const std::string path, path_of(session, wanted.id));
  Json body = {{"kind", kind}};
  if (!wanted.comment.empty()) body["comment"] = wanted.comment;
  if (std::string_view(kind) == "shelve") body["for"] = wanted.length;
  if (std::string_view(kind) == "verdict") body["verdict"] = wanted.verdict;
  LANDER_ASSIGN(const Json alert, session.post(path + "/events", body));
  if (session.json) {
    session.raw(alert);
    return {};
  }
  const auto until = time_of(alert, "shelved_until");
  session.say(
      clean(text_of(alert, "title") + " (" + short_id(text_of(alert, "id")) +
            "): " + text_of(alert, "state") +
            (body.contains("verdict") ? ", judged " + wanted.verdict : "") +
            (until && *until > session.now() ? " until " + text_of(alert, "shelved_until") : "")) +
      "\n");
  return {};
}

}  // namespace

void add_alerts(Commands& commands) {
  auto* alerts = commands.group("alerts", "Alerts: list, show, acknowledge, shelve, judge", kDaily);
  alerts->alias("alert");
  alerts->require_subcommand(0, 1);
  alerts->footer(
      "\nExample:\n  lander alerts --all\n\nID: the end or the beginning of an alert's id.");
  auto all = std::make_shared<bool>(false);
  auto listing = [all](Session& session) { return list(session, *all); };
  commands.act(alerts, listing);
  alerts->add_flag("--all", *all, "Past ones too");
  commands.add(alerts, "list", "Open alerts, newest first (the default)",
               "lander alerts list --all", listing);
  auto wanted = std::make_shared<Change>();
  auto* showing = commands.add(alerts, "show", "One alert with causes, evidence and events",
                               "lander alerts show 3f2a91bc",
                               [wanted](Session& session) { return show(session, wanted->id); });
  showing->add_option("ID", wanted->id)->required();
  auto add = [&](const char* name, const char* kind, const char* help, const char* example) {
    auto* made = commands.add(alerts, name, help, example, [wanted, kind](Session& session) {
      return change(session, *wanted, kind);
    });
    made->add_option("ID", wanted->id)->required();
    made->add_option("--comment", wanted->comment, "For whoever looks next");
    return made;
  };
  add("ack", "acknowledge", "Tell that it was seen",
      "lander alerts ack 3f2a91bc --comment \"pump stopped\"");
  add("shelve", "shelve", "Set it aside for a time", "lander alerts shelve 3f2a91bc --for 2h")
      ->add_option("--for", wanted->length, "How long, at most 30d")
      ->check(is_duration())
      ->capture_default_str();
  add("unshelve", "unshelve", "Take it back before its time", "lander alerts unshelve 3f2a91bc");
  auto* judging =
      commands.add(alerts, "verdict", "Tell what was behind it: the next training learns from that",
                   "lander alerts verdict 3f2a91bc false --note \"valve test, every Monday\"",
                   [wanted](Session& session) { return change(session, *wanted, "verdict"); });
  judging->add_option("ID", wanted->id)->required();
  judging->add_option("VERDICT", wanted->verdict, "true, false, maintenance or sensor-fault")
      ->required()
      ->check(CLI::IsMember({"true", "false", "maintenance", "sensor-fault"}));
  judging->add_option("--note,--comment", wanted->comment, "What was found or done");
}

}  // namespace lander::cli
