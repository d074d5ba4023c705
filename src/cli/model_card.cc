#include "cli/model_card.h"

#include <algorithm>
#include <cmath>

#include "cli/files.h"
#include "cli/text.h"
#include "model/predictor.h"

namespace lander::cli {
namespace {

struct Known {
  std::string_view name, meaning;
};
constexpr Known kKnown[] = {
    {"inputs_left_out", "sensors that could not be learned from"},
    {"pattern_limit", "limit of how sensors go together"},
    {"harmless_episodes", "episodes that people called harmless"},
    {"harmless_max_score", "highest score in those"},
    {"accuracy_cross_validated", "share told rightly of rows left out in turn"},
    {"log_loss_cross_validated", "how well the probabilities fit those; lower is better"},
    {"fit_rows", "rows that the parameters were fitted to"},
    {"held_rows", "rows held back, which set the limits"},
    {"held_blocks", "blocks of held-back rows behind the limits"},
    {"components", "components that span the plane of normal data"},
    {"t2_limit", "limit of T²"},
    {"q_limit", "limit of Q"},
    {"fit_max_score", "highest score on the fitted rows; 1 is the limit"},
    {"held_max_score", "highest score on the held-back rows; 1 is the limit"},
    {"units", "units that ran to their failure"},
    {"cap", "longest life that is told"},
    {"held_rmse", "root mean square error on units held back"},
    {"classes", "classes known"},
    {"rounds", "trees a model"},
    {"regimes", "operating conditions that were told apart"},
    {"sensors", "sensors that it looks at"},
    {"trust", "weight of a row's own answer against what the row before promised"},
    {"waves", "waveforms, each made of numbered columns"},
};

std::string meaning_of(const std::string& metric) {
  for (const Known& known : kKnown)
    if (known.name == metric) return std::string(known.meaning);
  if (metric.starts_with("weight_of_")) return "how much this member has to say; 0: nothing";
  if (metric.starts_with("accuracy_cross_validated_of_")) return "the same of this member alone";
  return "";
}

// Text from outside, within a cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : clean(text)) {
    if (c == '|' || c == '\\' || c == '<' || c == '`' || c == '*' || c == '_') out += '\\';
    out += c;
  }
  return out;
}

std::string time_text(base::TimeUs time) { return base::to_rfc3339(time); }

std::string purpose(model::Kind kind, const model::Model& model) {
  switch (kind) {
    case model::Kind::kLife:
      return "Predicts how long a unit has until it fails, in the unit of its time column, with an "
             "interval that holds 9 of 10 lives. For planning maintenance of units of the kind it "
             "was learned from.";
    case model::Kind::kClass:
      return "Tells which of the classes it was taught a row belongs to, and \"unknown\" where "
             "none "
             "fits. For sorting what people then look at.";
    case model::Kind::kDetector:
      break;
  }
  return "Scores how unlike its training data each row is, and names the sensors that make it so. "
         "1 "
         "is the limit that normal data should pass no more often than " +
         rate_text(model.false_alarms_per_day) +
         ". For warning people early; it takes no action by itself.";
}

std::string limits(model::Kind kind, const model::Model& model) {
  std::string out =
      "- It knows only what it was shown. Another operating mode, a new product or another season "
      "is unusual to it, or unknown.\n"
      "- Sensors outside the ranges below were never seen; results there are guesses.\n";
  if (kind == model::Kind::kDetector) {
    const auto span = model.lineage.trained_to - model.lineage.trained_from;
    out +=
        "- It tells that something is unusual and where it shows, not why, and not whether it is "
        "harmful.\n"
        "- A fault that was in the training data is normal to it.\n"
        "- The rate of false alarms holds for data that behave as the held-back part did; "
        "it is an extrapolation from " +
        length_text(span) + " of data.\n";
    if (span < base::kDay)
      out += "- It has seen less than a day: what a day brings is new to it.\n";
    if (model.lineage.method == "t2q")
      out += "- Rows should come " + length_text(model.interval) + " apart, as learned.\n";
  } else if (kind == model::Kind::kLife) {
    out +=
        "- It assumes the same way of failing as in training, and no repair in between.\n"
        "- It is not for decisions about people's safety by itself.\n";
  } else {
    out += "- Classes that it was not taught come out as \"unknown\" at best, wrongly at worst.\n";
  }
  return out;
}

std::string use(model::Kind kind, const std::string& name) {
  if (name.empty())
    return "It watches its asset on its site: `lander model list` tells which runs.\n";
  const std::string command = kind == model::Kind::kDetector
                                  ? "detect CSV -m " + name + " -o scores.csv --plot scores.html"
                                  : "predict CSV -m " + name + " -o predictions.csv";
  return "```sh\nlander " + command + "\n```\n";
}

std::string metrics(const model::Lineage& lineage, model::Kind kind) {
  std::string out = "| metric | value | |\n|---|---|---|\n";
  const auto of = [&](std::string_view name) {
    const auto found = std::find_if(lineage.metrics.begin(), lineage.metrics.end(),
                                    [&](const model::Metric& m) { return m.name == name; });
    return found == lineage.metrics.end() ? NAN : found->value;
  };
  for (const model::Metric& metric : lineage.metrics) {
    if (!metric.name.starts_with("input:"))
      out += "| " + cell(metric.name) + " | " + number_text(metric.value) + " | " +
             meaning_of(metric.name) + " |\n";
  }
  if (kind == model::Kind::kDetector) {
    out +=
        "\nBeside it: a detector that never alarms has no false alarm and finds nothing; one that "
        "always alarms finds all and is of no use. ";
    if (const double most = of("held_max_score"); std::isfinite(most))
      out += most < 1 ? "On held-back normal rows this one never alarmed."
                      : "On held-back normal rows this one alarmed.";
    out += " How many faults it finds is not known from normal data: try it on recorded faults.\n";
  }
  return out;
}

std::string inputs(const model::Model& model) {
  std::string out = "| input | unit | least | most |\n|---|---|---|---|\n";
  for (const model::Input& input : model.inputs) {
    out += "| " + cell(input.datastream) +
           (input.property.empty() ? "" : " (" + cell(input.property) + ")") + " | " +
           (input.unit.empty() ? "–" : cell(input.unit)) + " | " + number_text(input.least) +
           " | " + number_text(input.most) + " |\n";
  }
  return out;
}

// "input:missing:NAME", share: what was found wrong with an input before it was learned from.
std::string findings(const model::Lineage& lineage) {
  std::string out;
  for (const model::Metric& metric : lineage.metrics) {
    const auto colon = metric.name.find(':', 6);
    if (!metric.name.starts_with("input:") || colon == std::string::npos) continue;
    out += "- " + cell(metric.name.substr(colon + 1)) + ": " +
           cell(metric.name.substr(6, colon - 6)) + " " +
           number_text(std::round(1000 * metric.value) / 10) + " % of the time\n";
  }
  return out.empty() ? "Nothing worth telling: under 1 % missing, frozen or absurd.\n" : out;
}

}  // namespace

std::string model_card(const model::Model& model, const std::string& digest,
                       const std::string& name) {
  const auto found = model::kind_of(model);
  const model::Kind kind = found.ok() ? *found : model::Kind::kDetector;
  const model::Lineage& lineage = model.lineage;
  std::string out = "# Model card: " + cell(name.empty() ? lineage.asset : name) + "\n\n";
  out += purpose(kind, model) + "\n\n## How to use it\n\n" + use(kind, name);
  out += "\n## Trained on\n\n" + std::to_string(lineage.rows) + " rows, " +
         std::to_string(lineage.rows_left_out) + " left out";
  if (kind == model::Kind::kDetector && lineage.trained_to > lineage.trained_from)
    out += ", from " + time_text(lineage.trained_from) + " to " + time_text(lineage.trained_to) +
           ", " + length_text(model.interval) + " apart";
  out += ". By: " + cell(lineage.trained_by) + ".\n\n### What was wrong with the data\n\n" +
         findings(lineage);
  out += "\n## How good it is\n\n" + metrics(lineage, kind);
  out += "\n## Limits, and what it cannot do\n\n" + limits(kind, model);
  out += "\n## Inputs, and the ranges seen\n\n" + inputs(model);
  out +=
      "\n## Lineage\n\n| | |\n|---|---|\n| digest (SHA-256) | `" + digest + "` |\n| method | " +
      cell(lineage.method) + " |\n| made | " + time_text(lineage.created) + " |\n| replaces | " +
      (lineage.parent.empty() ? "nothing" : "`" + cell(lineage.parent) + "`") + " |\n| labels | " +
      (lineage.labels_digest.empty() ? "none" : "`" + cell(lineage.labels_digest) + "`") + " |\n";
  return out;
}

}  // namespace lander::cli
