#include "cli/files_model.h"

#include <nlohmann/json.hpp>

#include "cli/files.h"
#include "cli/model_card.h"
#include "model/onnx.h"
#include "model/predictor.h"

namespace lander::cli {
namespace {

using base::Result;
using base::Status;

std::string_view name_of(model::Kind kind) {
  switch (kind) {
    case model::Kind::kLife:
      return "life";
    case model::Kind::kClass:
      return "class";
    case model::Kind::kDetector:
      break;
  }
  return "normal";
}

Json json_of(const model::Model& model, const std::string& digest, model::Kind kind) {
  Json inputs = Json::array(), metrics = Json::array();
  for (const model::Input& input : model.inputs) {
    inputs.push_back({{"datastream", input.datastream},
                      {"revision", input.revision},
                      {"property", input.property},
                      {"unit", input.unit},
                      {"least", input.least},
                      {"most", input.most}});
  }
  for (const model::Metric& metric : model.lineage.metrics)
    metrics.push_back({{"name", metric.name}, {"value", metric.value}});
  return {{"digest", digest},
          {"kind", name_of(kind)},
          {"method", model.lineage.method},
          {"created", base::to_rfc3339(model.lineage.created)},
          {"trained_from", base::to_rfc3339(model.lineage.trained_from)},
          {"trained_to", base::to_rfc3339(model.lineage.trained_to)},
          {"rows", model.lineage.rows},
          {"rows_left_out", model.lineage.rows_left_out},
          {"trained_by", model.lineage.trained_by},
          {"parent", model.lineage.parent},
          {"interval_ms", static_cast<double>(model.interval) / base::kMillisecond},
          {"false_alarms_per_day", model.false_alarms_per_day},
          {"metrics", metrics},
          {"inputs", inputs}};
}

void say(Session& session, const model::Model& model, const std::string& digest, model::Kind kind) {
  const model::Lineage& lineage = model.lineage;
  Facts facts;
  facts.add("model", digest, Paint::kBold);
  facts.add("kind", name_of(kind));
  facts.add("method", lineage.method);
  facts.add("learned", plural(lineage.rows, "row", "rows") + ", " +
                           std::to_string(lineage.rows_left_out) + " left out");
  facts.add("made", base::to_rfc3339(lineage.created) + " by " + lineage.trained_by);
  facts.add("parent", lineage.parent);
  if (kind == model::Kind::kDetector) {
    facts.add("interval", length_text(model.interval));
    facts.add("false alarms", rate_text(model.false_alarms_per_day) + " expected");
  }
  for (const model::Metric& metric : lineage.metrics)
    facts.add(metric.name, number_text(metric.value));
  session.say(facts);
  Table table({"INPUT", "UNIT", ">LEAST", ">MOST"});
  for (const model::Input& input : model.inputs)
    table.add({input.datastream, input.unit, number_text(input.least), number_text(input.most)});
  session.say("\n");
  session.say(table);
}

}  // namespace

Status show_model_file(Session& session, const std::string& path, bool card) {
  LANDER_ASSIGN(const model::Model model, read_model(session, path));
  LANDER_ASSIGN(const model::Kind kind, model::kind_of(model));
  const std::string digest = model::digest(model::encode(model));
  if (card) {
    session.say(model_card(model, digest, path));
  } else if (session.json) {
    session.raw(json_of(model, digest, kind));
  } else {
    say(session, model, digest, kind);
  }
  return {};
}

Status export_model_file(Session& session, const std::string& path, const std::string& out) {
  LANDER_TRY(may_write(session, out, {path}));
  LANDER_ASSIGN(const model::Model model, read_model(session, path));
  const auto exported = model::to_onnx(model);
  if (!exported.ok()) return exported.error().context(path);
  LANDER_TRY(session.world.files.write_durably(out, *exported));
  const std::string digest = model::digest(model::encode(model));
  if (session.json) {
    session.raw(
        {{"output", out}, {"bytes", exported->size()}, {"model", path}, {"digest", digest}});
    return {};
  }
  Facts facts;
  facts.add("onnx", out + ", " + bytes_text(static_cast<double>(exported->size())), Paint::kBold);
  facts.add("model", path);
  facts.add("digest", digest);
  session.say(facts);
  return {};
}

std::string card_of(const Json& told) {
  model::Model model;
  model.interval = integer_of(told, "interval_ms") * base::kMillisecond;
  model.false_alarms_per_day = number_of(told, "false_alarms_per_day").value_or(1);
  model::Lineage& lineage = model.lineage;
  lineage.asset = text_of(told, "asset");
  lineage.method = text_of(told, "method");
  lineage.parent = text_of(told, "parent");
  lineage.trained_by = text_of(told, "trained_by");
  lineage.created = time_of(told, "created").value_or(0);
  lineage.trained_from = time_of(told, "trained_from").value_or(0);
  lineage.trained_to = time_of(told, "trained_to").value_or(0);
  lineage.rows = integer_of(told, "rows");
  lineage.rows_left_out = integer_of(told, "rows_left_out");
  for (const Json& metric : member(told, "metrics"))
    lineage.metrics.push_back({text_of(metric, "name"), number_of(metric, "value").value_or(0)});
  for (const Json& input : member(told, "inputs")) {
    model.inputs.push_back({text_of(input, "datastream"), 1, text_of(input, "property"),
                            text_of(input, "unit"), number_of(input, "least").value_or(0),
                            number_of(input, "most").value_or(0)});
  }
  return model_card(model, text_of(told, "digest"), "");
}

}  // namespace lander::cli
