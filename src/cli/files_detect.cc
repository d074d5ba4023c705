#include "cli/files_detect.h"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "cli/export.h"
#include "cli/files_plot.h"
#include "cli/files_watch.h"
#include "learn/self_taught.h"
#include "model/predictor.h"
#include "model/surprise.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr double kDefaultRate = 1.0 / 30;
constexpr double kOtherPace = 2;  // rows so much further apart than learned are told

Json json_of(const DetectOrder& order, const Watching& watching,
             const std::vector<std::string>& notes) {
  const Told& told = watching.told();
  Json alarms = Json::array(), changes = Json::array();
  for (const Moment& moment : told.change_moments) changes.push_back(moment.text);
  std::map<std::string, std::uint64_t> causes;
  for (const Incident& incident : told.incidents) {
    const auto names = causes_of(incident.shares, watching.names());
    for (const std::string& name : names) ++causes[name];
    alarms.push_back({{"from", incident.from.text},
                      {"to", incident.to.text},
                      {"peak", incident.peak},
                      {"causes", names}});
  }
  return {{"file", order.file},
          {"rows", told.rows},
          {"rows_not_scored", told.unscored},
          {"alarms", told.alarms},
          {"alarm_rows", told.alarm_rows},
          {"first_alarm", told.incidents.empty() ? Json() : Json(told.incidents.front().from.text)},
          {"incidents", alarms},
          {"changes", told.changes},
          {"change_times", changes},
          {"causes", causes},
          {"highest_score", told.peak},
          {"highest_score_at", told.peak_time},
          {"model", order.model.empty() ? Json() : Json(order.model)},
          {"output", order.out.empty() ? Json() : Json(order.out)},
          {"plot", order.plot.empty() ? Json() : Json(order.plot)},
          {"notes", notes}};
}

void say(Session& session, const DetectOrder& order, const Watching& watching) {
  const Told& told = watching.told();
  Facts facts;
  facts.add("rows", std::to_string(told.rows) + " of " + order.file);
  facts.add(
      "alarms",
      std::to_string(told.alarms) +
          (told.alarms == 0 ? "" : ", " + std::to_string(told.alarm_rows) + " rows long together"),
      told.alarms == 0 ? Paint::kGreen : Paint::kRed);
  facts.add("changes",
            std::to_string(told.changes) +
                (told.change_moments.empty() ? "" : ", first at " + told.change_moments[0].text));
  facts.add("highest score", number_text(told.peak) + " (1 is the limit)" +
                                 (told.peak_time.empty() ? "" : ", at " + told.peak_time));
  facts.add("scores", order.out);
  facts.add("plot", order.plot);
  session.say(facts);
  if (told.incidents.empty()) return;
  constexpr std::size_t kShown = 10;
  Table table({"ALARM", "UNTIL", ">PEAK", "CAUSE"});
  for (std::size_t i = 0; i < std::min(kShown, told.incidents.size()); ++i) {
    const Incident& incident = told.incidents[i];
    table.add({incident.from.text, incident.to.text, number_text(incident.peak),
               joined(causes_of(incident.shares, watching.names()), ", ")});
  }
  session.say("\n");
  session.say(table);
  if (told.alarms > kShown)
    session.say(".. and " + std::to_string(told.alarms - kShown) + " more\n");
}

struct Made {
  std::unique_ptr<model::Detector> detector;
  model::JudgeOptions judge;
  Matching matching;
  base::DurationUs learned_interval = 0;
  const learn::SelfTaught* self_taught = nullptr;  // the detector, where it is that
};

// Without a model. Inputs that move together are judged together; one, and more than a model may
// have, each by itself.
void make_learning(std::size_t inputs, base::DurationUs interval, double rate, Made& made) {
  if (inputs < 2 || inputs > learn::kMaxSelfTaughtInputs) {
    made.detector = model::make_surprise({inputs, rate});
    made.judge = model::surprise_judge_options();
    return;
  }
  auto detector = learn::make_self_taught({inputs, std::min(interval, base::kDay), rate});
  made.self_taught = detector.get();
  made.detector = std::move(detector);
  made.judge = model::judge_options(interval);
}

Result<Made> make(Session& session, const DetectOrder& order,
                  const std::vector<table::Sensor>& sensors, base::DurationUs interval) {
  double rate = 0;
  if (!order.rate.empty()) {
    LANDER_ASSIGN(rate, parse_rate(order.rate));
  }
  Made made;
  if (order.model.empty()) {
    LANDER_ASSIGN(made.matching, Matching::make(sensors, inputs_of(sensors)));
    make_learning(sensors.size(), interval, rate > 0 ? rate : kDefaultRate, made);
    return made;
  }
  LANDER_ASSIGN(const model::Model model, read_model(session, order.model));
  LANDER_ASSIGN(const model::Kind kind, model::kind_of(model));
  if (kind != model::Kind::kDetector)
    return Error(Code::kInvalid, order.model + " predicts: `lander predict " + order.file + " -m " +
                                     order.model + "` uses it");
  auto detector = model::make_detector(model, rate);
  if (!detector.ok()) return detector.error().context(order.model);
  made.detector = std::move(*detector);
  auto matching = Matching::make(sensors, model.inputs);
  if (!matching.ok()) return matching.error().context(order.file);
  made.matching = std::move(*matching);
  made.learned_interval = model.interval;
  made.judge = model::judge_options(interval);
  return made;
}

std::vector<std::string> notes_of(const table::Recording& recording, const Made& made,
                                  const Told& told) {
  std::vector<std::string> notes = recording.notes();
  for (std::string& note : made.matching.notes()) notes.push_back(std::move(note));
  if (made.learned_interval > 0) {
    const double pace =
        static_cast<double>(recording.interval()) / static_cast<double>(made.learned_interval);
    if (pace >= kOtherPace || pace <= 1 / kOtherPace)
      notes.push_back("rows are " + length_text(recording.interval()) +
                      " apart, but the model learned " + length_text(made.learned_interval) +
                      ": its false alarms may be more than promised");
  }
  if (made.self_taught && !made.self_taught->untaught().empty())
    notes.push_back("every score is 0: " + made.self_taught->untaught());
  if (told.unscored > 0)
    notes.push_back(plural(static_cast<std::int64_t>(told.unscored), "row", "rows") +
                    " not scored (nan): too little was measured");
  return notes;
}

}  // namespace

Status detect_file(Session& session, const DetectOrder& order) {
  LANDER_TRY(may_write(session, order.out, {order.file, order.model}));
  LANDER_TRY(may_plot(session, order.plot, {order.file, order.model, order.out}));
  LANDER_ASSIGN(OpenFile file, OpenFile::open(order.file, order.options));
  table::Recording& recording = file.recording();
  LANDER_ASSIGN(Made made, make(session, order, recording.sensors(), recording.interval()));
  LANDER_ASSIGN(OutputTable out,
                OutputTable::create(session, order.out, "time,score,alarm,change,cause\n"));
  Watching watching(std::move(made.detector), made.judge, made.matching.headers(),
                    !order.plot.empty());
  std::vector<double> frame(made.matching.headers().size());
  Progress progress(session);
  table::Row row;
  for (;;) {
    LANDER_ASSIGN(const bool more, file.next(row));
    if (!more) break;
    made.matching.fill(row.values, frame);
    out.text() += csv_field(row.time_text);
    out.text() += ',';
    watching.step(frame, row, out.text());
    LANDER_TRY(out.row());
    if (recording.rows() % 1024 == 0) progress.show(file.share_read(), "scoring " + order.file);
  }
  if (recording.rows() == 0)
    return Error(Code::kInvalid, order.file + ": a header and no rows below it");
  LANDER_TRY(out.finish());
  if (!order.plot.empty())
    LANDER_TRY(
        write_plot(session, order.plot, plot_of(order.file, watching, recording.has_time())));
  const auto notes = notes_of(recording, made, watching.told());
  tell_notes(session, order.file, notes);
  if (session.json) {
    session.raw(json_of(order, watching, notes));
  } else if (!out.to_stdout()) {
    say(session, order, watching);
  }
  return {};
}

}  // namespace lander::cli
