#include "cli/files_learn.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "cli/export.h"
#include "cli/files_read.h"
#include "learn/inspect.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kMaxText = 500;  // of a text in a model file
constexpr std::size_t kMostMetrics = 64;
constexpr double kWorthTelling = 0.01;

learn::Request request_of(Session& session, const LearnOrder& order) {
  learn::Request request;
  if (!order.method.empty()) request.method = order.method;
  request.now = session.now();
  request.trained_by = "lander learn " + joined(order.files, " ");
  if (request.trained_by.size() > kMaxText) {
    request.trained_by =
        "lander learn " + plural(static_cast<std::int64_t>(order.files.size()), "file", "files");
  }
  return request;
}

Status check(Session& session, const LearnOrder& order) {
  if (order.out.empty()) return session.usage("-o MODEL is missing: where the model goes");
  if (order.kind == "life" && (order.unit.empty() || order.options.time.empty()))
    return session.usage("--kind life needs --unit COL (whose life) and --time COL (its age)");
  if (order.kind == "class" && order.label.empty())
    return session.usage("--kind class needs --label COL: the column of the classes");
  if (order.kind != "life" && !order.unit.empty())
    return session.usage("--unit belongs to --kind life");
  if (order.kind != "class" && !order.label.empty())
    return session.usage("--label belongs to --kind class; --ignore leaves a column out");
  return may_make_file(session, order.out, order.files);
}

// What training did not use is no longer watched: that must be known.
void tell_left_out(const learn::Frames& frames, const model::Model& model, ReadNotes& notes) {
  std::string names;
  for (const model::Input& input : frames.inputs) {
    const bool kept =
        std::any_of(model.inputs.begin(), model.inputs.end(),
                    [&](const model::Input& one) { return one.datastream == input.datastream; });
    if (!kept) names += (names.empty() ? "" : ", ") + input.datastream;
  }
  if (!names.empty())
    notes.notes.push_back("not learned, as they are missing, frozen or never change: " + names);
}

// The shares of missing and frozen values of each input, for the model card.
void record_findings(const learn::Frames& frames, model::Model& model) {
  const std::size_t n = frames.inputs.size();
  const auto rows = static_cast<double>(frames.rows());
  const auto add = [&](const char* what, const std::string& name, double share) {
    if (share >= kWorthTelling && model.lineage.metrics.size() < kMostMetrics)
      model.lineage.metrics.push_back({"input:" + std::string(what) + ":" + name, share});
  };
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t missing = 0, frozen = 0, run = 0;
    for (std::size_t r = 0; r < frames.rows(); ++r) {
      const auto value = frames.values[r * n + i];
      missing += !std::isfinite(value);
      run = r > 0 && value == frames.values[(r - 1) * n + i] ? run + 1 : 1;
      if (run >= learn::kFrozenRun) frozen += run == learn::kFrozenRun ? run : 1;
    }
    add("missing", frames.inputs[i].datastream, static_cast<double>(missing) / rows);
    add("frozen", frames.inputs[i].datastream, static_cast<double>(frozen) / rows);
  }
}

Result<model::Model> trained(Session& session, const LearnOrder& order, ReadNotes& notes) {
  learn::Request request = request_of(session, order);
  LANDER_ASSIGN(request.false_alarms_per_day, parse_rate(order.rate));
  Progress progress(session);
  const auto tell = [&](double share) { progress.show(share, "learning"); };
  if (order.kind == "life") {
    learn::LifeRequest life;
    request.method = "life";
    life.request = std::move(request);
    life.roles.unit = order.unit;
    life.roles.time = order.options.time;
    LANDER_ASSIGN(const learn::Units units,
                  read_units(session, order.files, order.options, order.unit, notes));
    return learn::train_life(units, life, tell);
  }
  if (order.kind == "class") {
    learn::ClassRequest classes;
    request.method = "class";
    classes.request = std::move(request);
    classes.roles.label = order.label;
    LANDER_ASSIGN(const learn::Labelled rows,
                  read_labelled(session, order.files, order.options, order.label, notes));
    return learn::train_class(rows, classes, tell);
  }
  LANDER_ASSIGN(const learn::Frames frames,
                read_frames(session, order.files, order.options, notes));
  LANDER_ASSIGN(model::Model model, learn::train(frames, request, tell));
  tell_left_out(frames, model, notes);
  record_findings(frames, model);
  return model;
}

}  // namespace

Status learn_files(Session& session, const LearnOrder& order) {
  LANDER_TRY(check(session, order));
  ReadNotes notes;
  auto model = trained(session, order, notes);
  for (const std::string& note : notes.notes) session.note(note);
  if (!model.ok()) return model.error();
  const base::Bytes bytes = model::encode(*model);
  if (const auto readable = model::decode_model(bytes); !readable.ok())
    return readable.error().context("what was learned does not fit a model file");
  LANDER_TRY(session.world.files.write_durably(order.out, bytes));
  const std::string digest = model::digest(bytes);
  const model::Lineage& lineage = model->lineage;
  if (session.json) {
    Json inputs = Json::array(), metrics = Json::object();
    for (const model::Input& input : model->inputs) inputs.push_back(input.datastream);
    for (const model::Metric& metric : lineage.metrics) metrics[metric.name] = metric.value;
    session.raw({{"model", order.out},
                 {"digest", digest},
                 {"kind", order.kind},
                 {"method", lineage.method},
                 {"files", order.files},
                 {"rows", notes.rows},
                 {"rows_learned", lineage.rows},
                 {"rows_left_out", lineage.rows_left_out},
                 {"inputs", inputs},
                 {"metrics", metrics},
                 {"notes", notes.notes}});
    return {};
  }
  Facts facts;
  facts.add("model", order.out + ", " + bytes_text(static_cast<double>(bytes.size())),
            Paint::kBold);
  facts.add("digest", digest);
  facts.add("method", lineage.method);
  facts.add("learned",
            plural(lineage.rows, "row", "rows") + " of " +
                plural(static_cast<std::int64_t>(model->inputs.size()), "sensor", "sensors") +
                ", " + std::to_string(lineage.rows_left_out) + " left out");
  if (order.kind == "normal")
    facts.add("false alarms", rate_text(model->false_alarms_per_day) + " at most, by its limits");
  session.say(facts);
  session.say("\n`lander " + std::string(order.kind == "normal" ? "detect" : "predict") +
              " CSV -m " + order.out + "` uses it; `lander model show --card " + order.out +
              "` tells what it is good for.\n");
  return {};
}

}  // namespace lander::cli
