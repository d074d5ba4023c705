// readiness, learn, model list|show|export|history|promote|rollback.
#include <cmath>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/files_commands.h"
#include "cli/files_model.h"
#include "cli/match.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;

constexpr base::DurationUs kAskEvery = 300 * base::kMillisecond;
constexpr int kBarColumns = 30;
constexpr double kWorthTelling = 0.2;  // of the drift at which a model is trained anew
constexpr const char* kRoles[] = {"active", "shadow", "previous"};

struct Learn {
  std::string asset, last, interval, method, cancel;
  bool wait = false;
  LearnOrder files;
};
struct Pick {
  std::string asset, digest, out;
  bool card = false;
};

void say_readiness(Session& session, const std::string& asset, const Json& readiness) {
  const bool ready = flag_of(readiness, "ready");
  Facts facts;
  facts.add("asset", asset, Paint::kBold);
  facts.add("ready", ready ? "yes" : "no", ready ? Paint::kGreen : Paint::kYellow);
  facts.add("reason", text_of(readiness, "reason"));
  facts.add("rows", std::to_string(integer_of(readiness, "rows_usable")) + " usable of " +
                        std::to_string(integer_of(readiness, "rows_needed")) + " needed");
  session.say(facts);
  Table table({"INPUT", ">MISSING", ">FROZEN", ">BAD", "COMPLAINT"});
  auto percent = [](const Json& input, const char* key) {
    const auto share = number_of(input, key);
    return share ? number_text(std::round(*share * 1000) / 10) + " %" : std::string("-");
  };
  for (const auto& input : member(readiness, "inputs")) {
    table.add({text_of(input, "datastream"),
               percent(input, "missing"),
               percent(input, "frozen"),
               percent(input, "bad"),
               {text_of(input, "complaint"), Paint::kYellow}});
  }
  if (table.empty()) return;
  session.say("\n");
  session.say(table);
}

base::Result<Json> fetch_readiness(Session& session, const std::string& path, const Learn& learn) {
  Query query;
  query.add("asset", learn.asset).add("last", learn.last).add("interval", learn.interval);
  return session.get(path + "/readiness" + query.text());
}

base::Status readiness(Session& session, const Learn& learn) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_ASSIGN(const Json found, fetch_readiness(session, path, learn));
  if (session.json) {
    session.raw(found);
  } else {
    say_readiness(session, learn.asset, found);
  }
  return {};
}

void draw_progress(Session& session, double progress) {
  if (session.json || !session.world.err_is_terminal) return;
  const int done = static_cast<int>(std::clamp(progress, 0.0, 1.0) * kBarColumns);
  std::string bar;
  for (int i = 0; i < kBarColumns; ++i) bar += i < done ? "█" : "░";
  session.world.err("\rlearning " + bar + " " + std::to_string(std::lround(progress * 100)) +
                    " %  ");
}

// Follows a job to its end: the digest of the model.
base::Result<Json> wait_for_job(Session& session, const std::string& path, const std::string& job) {
  for (;;) {
    LANDER_ASSIGN(Json found, session.get(path + "/jobs/" + escaped(job)));
    const std::string state = text_of(found, "state");
    draw_progress(session, number_of(found, "progress").value_or(0));
    if (state == "running") {
      session.world.pause(kAskEvery);
      continue;
    }
    if (!session.json && session.world.err_is_terminal) session.world.err("\r\x1b[K");
    if (state == "done") return found;
    return Error(Code::kUnavailable, "learning failed: " + text_of(found, "reason"));
  }
}

base::Status learn_at_site(Session& session, const Learn& wanted) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const std::string path, session.site_path());
  if (!wanted.cancel.empty()) {
    LANDER_ASSIGN(
        const Json gone,
        session.post(path + "/jobs/" + escaped(wanted.cancel) + "/cancel", Json::object()));
    if (session.json) {
      session.raw(gone);
    } else {
      session.say("Job " + wanted.cancel + " ends, and nothing comes of it.\n");
    }
    return {};
  }
  if (wanted.asset.empty()) return Error(Code::kInvalid, "which asset? --asset A");
  LANDER_ASSIGN(const Json ready, fetch_readiness(session, path, wanted));
  if (!session.json) say_readiness(session, wanted.asset, ready);
  if (!flag_of(ready, "ready"))
    return Error(Code::kInvalid, "not ready to learn: " + text_of(ready, "reason"));
  Json body = {{"asset", wanted.asset}};
  if (!wanted.last.empty()) body["last"] = wanted.last;
  if (!wanted.interval.empty()) body["interval"] = wanted.interval;
  if (!wanted.method.empty()) body["method"] = wanted.method;
  LANDER_ASSIGN(const Json answer, session.post(path + "/train", body));
  const std::string job = text_of(answer, "job");
  if (!wanted.wait) {
    if (session.json) {
      session.raw(answer);
    } else {
      session.say("\nLearning has begun, job " + job +
                  ". `lander model list` shows the model when it is there; --wait waits for it.\n");
    }
    return {};
  }
  LANDER_ASSIGN(const Json done, wait_for_job(session, path, job));
  if (session.json) {
    session.raw(done);
    return {};
  }
  session.say("\nModel " + short_digest(text_of(done, "model")) + " of " + wanted.asset +
              " is there and runs as shadow: it scores, and raises nothing.\n"
              "`lander model show --asset " +
              wanted.asset +
              "` tells what it was made of; "
              "`lander model promote --asset " +
              wanted.asset + "` lets it watch.\n");
  return {};
}

// One word for both: from an asset's past at its site, or from files here.
base::Status learn(Session& session, Learn& wanted) {
  const bool at_site = !wanted.asset.empty() || !wanted.cancel.empty(),
             here = !wanted.files.files.empty();
  if (at_site == here)
    return session.usage(at_site ? "--asset learns at a site, CSV files here: which of them?"
                                 : "from what? CSV files, or --asset A at a site");
  if (at_site) return learn_at_site(session, wanted);
  if (wanted.wait || !wanted.last.empty())
    return session.usage("--wait and --last belong to --asset");
  wanted.files.options.interval = wanted.interval;
  wanted.files.method = wanted.method;
  return learn_files(session, wanted.files);
}

// Its whole name, or the end of it; all assets are called "".
bool is_called(const std::string& asset, const std::string& given) {
  return given.empty() || asset == given || asset.ends_with("/" + given);
}

base::Result<Json> fetch_models(Session& session) {
  LANDER_ASSIGN(const std::string path, session.site_path());
  return session.get(path + "/models");
}

base::Status history(Session& session, const Pick& pick) {
  LANDER_ASSIGN(const Json models, fetch_models(session));
  Json found = Json::array();
  for (const auto& m : models) {
    const std::string asset = text_of(m, "asset");
    if (!is_called(asset, pick.asset)) continue;
    found.push_back(
        {{"asset", asset}, {"loop", member(m, "loop")}, {"history", member(m, "history")}});
  }
  if (session.json) {
    session.raw(found);
    return {};
  }
  for (const auto& of : found) {
    Facts facts;
    facts.add("asset", text_of(of, "asset"), Paint::kBold);
    const Json& loop = member(of, "loop");  // the site's own; the hub knows the history alone
    if (loop.is_object()) {
      const auto since = time_of(loop, "since");
      facts.add("phase", text_of(loop, "phase") +
                             (since ? ", since " + relative(since, session.now()) : ""));
      facts.add("autonomy", text_of(loop, "autonomy"));
      if (const auto drift = number_of(loop, "drift"))
        facts.add("drift", number_text(std::round(*drift * 100)) + " %" +
                               (*drift < kWorthTelling || text_of(loop, "drift_reason").empty()
                                    ? ""
                                    : ": " + text_of(loop, "drift_reason")));
      facts.add("verdicts", std::to_string(integer_of(loop, "verdicts")) + ", " +
                                std::to_string(integer_of(loop, "new_verdicts")) +
                                " since the last training");
    }
    session.say(facts);
    Table table({"WHEN", "WHAT", "MODEL", "BY", "WHY"});
    for (const auto& event : member(of, "history")) {
      table.add({relative(time_of(event, "time"), session.now()), text_of(event, "what"),
                 short_digest(text_of(event, "model")), text_of(event, "actor"),
                 text_of(event, "reason")});
    }
    session.say("\n");
    if (table.empty()) {
      session.say("Nothing happened yet.\n");
    } else {
      session.say(table);
    }
  }
  if (found.empty()) session.say("No model yet: `lander learn --asset A` makes one.\n");
  return {};
}

std::string model_text(const Json& model) {
  return model.is_object() ? short_digest(text_of(model, "digest")) : "-";
}

base::Status list(Session& session) {
  LANDER_ASSIGN(const Json models, fetch_models(session));
  if (session.json) {
    session.raw(models);
    return {};
  }
  Table table({"ASSET", "ACTIVE", ">SCORE", "SHADOW", ">SCORE", "PREVIOUS"});
  bool at_site = true;
  // A score may outlive its model by a moment.
  auto score = [](const Json& m, const char* role, const char* key) {
    return member(m, role).is_object() ? value_text(member(member(m, key), "score")) : "-";
  };
  for (const auto& m : models) {
    at_site = at_site && member(m, "loop").is_object();
    table.add({text_of(m, "asset"), model_text(member(m, "active")),
               score(m, "active", "watch_score"), model_text(member(m, "shadow")),
               score(m, "shadow", "shadow_score"), model_text(member(m, "previous"))});
  }
  if (table.empty()) {
    session.say("No model yet: `lander learn --asset A` makes one.\n");
  } else {
    session.say(table);
    if (!at_site)
      session.say(
          "\nThe models are at the site; `lander model history` tells what happened to them.\n");
  }
  return {};
}

void say_model(Session& session, const std::string& role, const Json& m) {
  Facts facts;
  facts.add("model", text_of(m, "digest").substr(0, 64), Paint::kBold);
  facts.add("role", role);
  facts.add("asset", text_of(m, "asset"));
  facts.add("method", text_of(m, "method"));
  facts.add("trained on", text_of(m, "trained_from") + " .. " + text_of(m, "trained_to") + ", " +
                              std::to_string(integer_of(m, "rows")) + " rows, " +
                              std::to_string(integer_of(m, "rows_left_out")) + " left out");
  facts.add("made", text_of(m, "created") + " by " + text_of(m, "trained_by"));
  facts.add("parent", short_digest(text_of(m, "parent")));
  facts.add("interval", length_text(integer_of(m, "interval_ms") * base::kMillisecond));
  if (const auto rate = number_of(m, "false_alarms_per_day"))
    facts.add("false alarms", rate_text(*rate) + " expected");
  for (const auto& metric : member(m, "metrics"))
    facts.add(text_of(metric, "name"), value_text(member(metric, "value")));
  session.say(facts);
  Table table({"INPUT", ">REVISION", "PROPERTY", "UNIT", ">LEAST", ">MOST"});
  for (const auto& input : member(m, "inputs")) {
    table.add({text_of(input, "datastream"), std::to_string(integer_of(input, "revision")),
               text_of(input, "property"), text_of(input, "unit"),
               value_text(member(input, "least")), value_text(member(input, "most"))});
  }
  if (table.empty()) return;
  session.say("\n");
  session.say(table);
}

base::Status show(Session& session, const Pick& pick) {
  if (!pick.digest.empty() && session.world.files.exists(pick.digest))
    return show_model_file(session, pick.digest, pick.card);
  if (pick.digest.find_first_not_of("0123456789abcdef") != std::string::npos)
    return Error(Code::kNotFound, "no such file: " + pick.digest +
                                      " (and a digest it is not, of a model at a site)");
  LANDER_ASSIGN(const Json models, fetch_models(session));
  Json found = Json::array();
  for (const auto& m : models) {
    const std::string asset = text_of(m, "asset");
    if (!is_called(asset, pick.asset)) continue;
    for (const char* role : kRoles) {
      const Json& model = member(m, role);
      if (!model.is_object() || !text_of(model, "digest").starts_with(pick.digest)) continue;
      found.push_back(model);
      found.back()["role"] = role;
    }
  }
  if (session.json && !pick.card) {
    session.raw(found);
    return {};
  }
  if (found.empty())
    return Error(Code::kNotFound, pick.asset.empty() && pick.digest.empty()
                                      ? "no model yet: `lander learn --asset A` makes one"
                                      : "no such model: `lander model list` shows what there is");
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i > 0) session.say("\n");
    if (pick.card) {
      session.say(card_of(found[i]));
      continue;
    }
    say_model(session, text_of(found[i], "role"), found[i]);
  }
  return {};
}

// The whole digest of a model that an abbreviation means; empty for none given.
base::Result<std::string> whole_digest(Session& session, const Pick& pick) {
  if (pick.digest.empty()) return std::string();
  LANDER_ASSIGN(const Json models, fetch_models(session));
  std::vector<std::string> digests;
  for (const auto& m : models) {
    for (const char* role : kRoles) {
      if (member(m, role).is_object()) digests.push_back(text_of(member(m, role), "digest"));
    }
  }
  // One that none of the pointers names is known to the site alone.
  if (pick.digest.size() == 64) return pick.digest;
  return match_id(digests, pick.digest, "model");
}

// The one asset with a model that is called so; else as given, for the site to refuse.
base::Result<std::string> whole_asset(Session& session, const std::string& given) {
  LANDER_ASSIGN(const Json models, fetch_models(session));
  std::vector<std::string> found;
  for (const auto& m : models) {
    const std::string asset = text_of(m, "asset");
    if (asset == given) return given;
    if (is_called(asset, given)) found.push_back(asset);
  }
  if (found.size() > 1)
    return Error(Code::kInvalid, "which asset? " + joined(found, ", ") + " end so");
  return found.empty() ? given : found.front();
}

base::Status swap(Session& session, Pick pick, const std::string& change) {
  LANDER_TRY(session.need("site"));
  LANDER_ASSIGN(const std::string path, session.site_path());
  LANDER_ASSIGN(pick.asset, whole_asset(session, pick.asset));
  LANDER_ASSIGN(const std::string digest, whole_digest(session, pick));
  Json body = {{"asset", pick.asset}};
  if (!digest.empty()) body["digest"] = digest;
  LANDER_ASSIGN(const Json answer, session.post(path + "/models/" + change, body));
  if (session.json) {
    session.raw(answer);
    return {};
  }
  Facts facts;
  facts.add("asset", text_of(answer, "asset"), Paint::kBold);
  for (const char* role : kRoles) facts.add(role, model_text(member(answer, role)));
  session.say(facts);
  return {};
}

}  // namespace

void add_models(Commands& commands) {
  auto wanted = std::make_shared<Learn>();
  auto add_asset = [&](CLI::App* command) {
    auto* asset =
        command->add_option("--asset", wanted->asset, "The asset, as its datastreams name it");
    command->add_option("--last", wanted->last, "On how much of the past (default 14d)")
        ->check(is_duration());
    command->add_option("--interval", wanted->interval, "Of one frame (default 1s)")
        ->check(is_duration());
    return asset;
  };
  auto* looking = commands.add("readiness", "Is there enough good data to learn from", kDaily,
                               "lander readiness --asset acme/oslo/hall-2/line-1/pump-1",
                               [wanted](Session& session) { return readiness(session, *wanted); });
  add_asset(looking)->required();
  auto* learning = commands.add(
      "learn", "Learn what is normal from CSV files, or from an asset's past at its site", kFiles,
      "lander learn monday.csv tuesday.csv -o pump.model --ignore anomaly,changepoint\n"
      "  lander learn --kind life --unit engine --time cycle engines.csv -o engines.model\n"
      "  lander learn --kind class --label kind cards.csv -o cards.model\n"
      "  lander learn --asset acme/oslo/hall-2/line-1/pump-1 --last 2h --wait",
      [wanted](Session& session) { return learn(session, *wanted); });
  add_learn_options(learning, wanted->files);
  add_asset(learning);
  learning->add_option("--method", wanted->method, "Of the detector (default mewma)");
  learning->add_flag("--wait", wanted->wait, "With --asset: until the model is there");
  learning->add_option("--cancel", wanted->cancel, "End this job at the site instead");

  auto* model =
      commands.group("model", "Models: list, show, export, history, promote, roll back", kDaily);
  auto pick = std::make_shared<Pick>();
  commands.add(model, "list", "Which models watch which asset", "lander model list", list);
  auto* showing =
      commands.add(model, "show", "What a model was made of", "lander model show --card pump.model",
                   [pick](Session& session) { return show(session, *pick); });
  showing->add_option("MODEL", pick->digest,
                      "A file; or at a site a digest, or its beginning; default: all there");
  showing->add_flag("--card", pick->card,
                    "As a model card in Markdown: what for, of what, how good, its limits");
  showing->add_option("--asset", pick->asset, "Those of one asset");
  auto* exporting = commands.add(
      model, "export", "A detector's file as ONNX, for other programs",
      "lander model export pump.model -o pump.onnx",
      [pick](Session& session) { return export_model_file(session, pick->digest, pick->out); });
  exporting->add_option("MODEL", pick->digest, "A file, made by `lander learn`")->required();
  exporting->add_option("-o,--out", pick->out, "Where the ONNX model goes")
      ->type_name("FILE.onnx")
      ->required();
  auto* telling =
      commands.add(model, "history", "What was trained, promoted, refused and rolled back, and why",
                   "lander model history --asset line-1/pump-1",
                   [pick](Session& session) { return history(session, *pick); });
  telling->add_option("--asset", pick->asset, "Of one asset");
  auto* promoting = commands.add(
      model, "promote", "Let the shadow model watch", "lander model promote --asset line-1/pump-1",
      [pick](Session& session) { return swap(session, *pick, "promote"); });
  promoting->add_option("--asset", pick->asset)->required();
  promoting->add_option("--digest", pick->digest, "Another one than the shadow");
  auto* back = commands.add(model, "rollback", "Go back to the model that watched before",
                            "lander model rollback --asset line-1/pump-1",
                            [pick](Session& session) { return swap(session, *pick, "rollback"); });
  back->add_option("--asset", pick->asset)->required();
}

}  // namespace lander::cli
