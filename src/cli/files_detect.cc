#include "cli/files_detect.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <nlohmann/json.hpp>

#include "cli/export.h"
#include "model/change.h"
#include "model/judge.h"
#include "model/surprise.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr double kTellCause = 0.8;         // of the limit: from here on a score names its causes
constexpr double kExplained = 0.8;         // of the score, together, by those that are named
constexpr std::size_t kMostCauses = 5;     // in a row
constexpr std::size_t kMostListed = 1000;  // alarms and changes in --json
constexpr double kDefaultRate = 1.0 / 30;
constexpr double kOtherPace = 2;  // rows so much further apart than learned are told

struct Incident {
  std::string from, to;
  double peak = 0;
  std::vector<double> shares;  // summed over its rows
};

// What one file told.
struct Told {
  std::uint64_t rows = 0, unscored = 0, alarm_rows = 0, alarms = 0, changes = 0;
  std::vector<Incident> incidents;
  std::vector<std::string> change_times;
  double peak = 0;
  std::string peak_time;
};

// The strongest inputs first, until they explain most; a name that holds ';' is still one column.
void append_causes(std::string& out, std::span<const double> shares,
                   const std::vector<std::string>& names, std::vector<std::size_t>& order) {
  order.resize(shares.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t most = std::min(kMostCauses, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(),
                    [&](std::size_t a, std::size_t b) { return shares[a] > shares[b]; });
  std::string causes;
  double explained = 0;
  for (std::size_t i = 0; i < most && explained < kExplained; ++i) {
    const double share = shares[order[i]];
    if (!(share > 0)) break;
    causes += (i > 0 ? ";" : "") + names[order[i]];
    explained += share;
  }
  out += csv_field(causes);
}

// A detector, the judge and the changes over one stream of frames.
class Watching {
 public:
  Watching(std::unique_ptr<model::Detector> detector, const model::JudgeOptions& judge,
           std::vector<std::string> names)
      : detector_(std::move(detector)),
        changes_(model::ChangeOptions{names.size()}),
        judge_(judge),
        names_(std::move(names)) {}

  // Appends "score,alarm,change,cause" and counts.
  void step(std::span<const double> frame, const table::Row& row, std::string& out) {
    if (told_.rows++ > 0 && row.time < last_) judge_.restart();
    last_ = row.time;
    const model::Score& score = detector_->score(frame, row.time);
    const bool changed = changes_.step(frame, row.time) || score.change;
    const bool before = judge_.alarm();
    const bool alarm = judge_.step(score, row.time);
    append_number(out, score.valid ? score.score : NAN, 6);
    out += alarm ? ",1," : ",0,";
    out += changed ? "1," : "0,";
    if (alarm || (score.valid && score.score >= kTellCause)) {
      append_causes(out, score.shares, names_, order_);
    } else if (changed) {
      append_causes(out, changes_.shares(), names_, order_);
    }
    out += '\n';
    count(score, row, alarm, alarm && !before, changed);
  }
  const Told& told() const { return told_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  void count(const model::Score& score, const table::Row& row, bool alarm, bool raised,
             bool changed) {
    told_.unscored += !score.valid;
    told_.alarm_rows += alarm;
    told_.alarms += raised;
    told_.changes += changed;
    if (changed && told_.change_times.size() < kMostListed)
      told_.change_times.emplace_back(row.time_text);
    if (score.valid && score.score > told_.peak) {
      told_.peak = score.score;
      told_.peak_time = row.time_text;
    }
    if (raised) {
      open_ = told_.incidents.size() < kMostListed;
      if (open_) {
        told_.incidents.push_back(
            {std::string(row.time_text), "", 0, std::vector<double>(names_.size(), 0.0)});
      }
    }
    if (!alarm || !open_) return;
    Incident& incident = told_.incidents.back();
    incident.to = row.time_text;
    if (!score.valid) return;
    incident.peak = std::max(incident.peak, score.score);
    for (std::size_t i = 0; i < names_.size(); ++i) incident.shares[i] += score.shares[i];
  }

  std::unique_ptr<model::Detector> detector_;
  model::ChangeDetector changes_;
  model::Judge judge_;
  std::vector<std::string> names_;
  std::vector<std::size_t> order_;
  base::TimeUs last_ = 0;
  bool open_ = false;  // the alarm that stands is the last of the incidents
  Told told_;
};

std::vector<std::string> causes_of(const Incident& incident,
                                   const std::vector<std::string>& names) {
  std::vector<std::size_t> order(names.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return incident.shares[a] > incident.shares[b];
  });
  const double total = std::accumulate(incident.shares.begin(), incident.shares.end(), 0.0);
  std::vector<std::string> causes;
  double explained = 0;
  for (const std::size_t i : order) {
    if (causes.size() >= kMostCauses || explained >= kExplained * total) break;
    if (!(incident.shares[i] > 0)) break;
    causes.push_back(names[i]);
    explained += incident.shares[i];
  }
  return causes;
}

Json json_of(const DetectOrder& order, const Watching& watching,
             const std::vector<std::string>& notes) {
  const Told& told = watching.told();
  Json alarms = Json::array();
  std::map<std::string, std::uint64_t> causes;
  for (const Incident& incident : told.incidents) {
    const auto names = causes_of(incident, watching.names());
    for (const std::string& name : names) ++causes[name];
    alarms.push_back(
        {{"from", incident.from}, {"to", incident.to}, {"peak", incident.peak}, {"causes", names}});
  }
  return {{"file", order.file},
          {"rows", told.rows},
          {"rows_not_scored", told.unscored},
          {"alarms", told.alarms},
          {"alarm_rows", told.alarm_rows},
          {"first_alarm", told.incidents.empty() ? Json() : Json(told.incidents.front().from)},
          {"incidents", alarms},
          {"changes", told.changes},
          {"change_times", told.change_times},
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
  facts.add("changes", std::to_string(told.changes) +
                           (told.change_times.empty() ? "" : ", first " + told.change_times[0]));
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
    table.add({incident.from, incident.to, number_text(incident.peak),
               joined(causes_of(incident, watching.names()), ", ")});
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
};

Result<Made> make(Session& session, const DetectOrder& order,
                  const std::vector<table::Sensor>& sensors, base::DurationUs interval) {
  double rate = 0;
  if (!order.rate.empty()) {
    LANDER_ASSIGN(rate, parse_rate(order.rate));
  }
  Made made;
  if (order.model.empty()) {
    LANDER_ASSIGN(made.matching, Matching::make(sensors, inputs_of(sensors)));
    made.detector = model::make_surprise({sensors.size(), rate > 0 ? rate : kDefaultRate});
    made.judge = model::surprise_judge_options();
    return made;
  }
  LANDER_ASSIGN(const model::Model model, read_model(session, order.model));
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
  if (told.unscored > 0)
    notes.push_back(plural(static_cast<std::int64_t>(told.unscored), "row", "rows") +
                    " not scored (nan): too little was measured");
  return notes;
}

}  // namespace

Status detect_file(Session& session, const DetectOrder& order) {
  LANDER_TRY(may_write(session, order.out, {order.file, order.model}));
  LANDER_ASSIGN(OpenFile file, OpenFile::open(order.file, order.options));
  table::Recording& recording = file.recording();
  LANDER_ASSIGN(Made made, make(session, order, recording.sensors(), recording.interval()));
  LANDER_ASSIGN(OutputTable out,
                OutputTable::create(session, order.out, "time,score,alarm,change,cause\n"));
  Watching watching(std::move(made.detector), made.judge, made.matching.headers());
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
