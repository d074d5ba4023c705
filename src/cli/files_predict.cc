#include "cli/files_predict.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <nlohmann/json.hpp>

#include "cli/export.h"
#include "cli/files_plot.h"
#include "model/predictor.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

// What the file says of each unit, in the file's order.
struct Rows {
  std::vector<double> times, values;
  std::vector<std::size_t> unit_of;
  std::vector<std::string> units;
};

struct Told {
  std::map<std::string, std::uint64_t> labels;  // of kind class
  std::map<std::string, double> lives;          // of kind life: the newest of each unit
};

Result<Rows> read_rows(Session& session, OpenFile& file, const Matching& matching) {
  Rows rows;
  std::map<std::string, std::size_t, std::less<>> known;
  std::vector<double> frame(matching.headers().size());
  Progress progress(session);
  table::Row row;
  for (;;) {
    LANDER_ASSIGN(const bool more, file.next(row));
    if (!more) break;
    matching.fill(row.values, frame);
    rows.values.insert(rows.values.end(), frame.begin(), frame.end());
    rows.times.push_back(row.number);
    const std::string_view unit = row.keys[0];
    const auto [at, fresh] = known.try_emplace(std::string(unit), rows.units.size());
    if (fresh) rows.units.emplace_back(unit);
    rows.unit_of.push_back(at->second);
    if (rows.times.size() % 4096 == 0) progress.show(file.share_read(), "reading " + file.path());
  }
  if (rows.times.empty())
    return Error(Code::kInvalid, file.path() + ": a header and no rows below it");
  return rows;
}

// Rows of one unit together and in order of time, as predictors want them.
std::vector<std::size_t> in_order(const Rows& rows) {
  std::vector<std::size_t> order(rows.times.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return rows.unit_of[a] != rows.unit_of[b] ? rows.unit_of[a] < rows.unit_of[b]
                                              : rows.times[a] < rows.times[b];
  });
  return order;
}

class Predicting {
 public:
  Predicting(Session& session, const PredictOrder& order) : session_(session), order_(order) {}

  Status run() {
    LANDER_TRY(may_write(session_, order_.out, {order_.file, order_.model}));
    LANDER_TRY(may_plot(session_, order_.plot, {order_.file, order_.model, order_.out}));
    LANDER_ASSIGN(const model::Model model, read_model(session_, order_.model));
    auto kind = model::kind_of(model);
    if (!kind.ok()) return kind.error().context(order_.model);
    if (*kind == model::Kind::kDetector)
      return Error(Code::kInvalid, order_.model + " is a detector: `lander detect " + order_.file +
                                       " -m " + order_.model + "` uses it");
    life_ = *kind == model::Kind::kLife;
    LANDER_ASSIGN(const model::Roles roles, model::roles(model));
    auto predictor = model::make_predictor(model);
    if (!predictor.ok()) return predictor.error().context(order_.model);
    LANDER_ASSIGN(OpenFile file, open(roles));
    auto matching = Matching::make(file.recording().sensors(), model.inputs);
    if (!matching.ok()) return matching.error().context(order_.file);
    Rows rows;
    std::vector<Predicted> answers;
    if (life_) {
      LANDER_ASSIGN(rows, read_rows(session_, file, *matching));
      answers = predict(**predictor, rows);
    } else {
      LANDER_ASSIGN(answers, classify(**predictor, file, *matching));
    }
    LANDER_TRY(write(answers));
    if (!order_.plot.empty())
      LANDER_TRY(write_plot(session_, order_.plot,
                            plot_of(order_.file, answers, life_ ? begins(rows) : NoMarks())));
    notes_ = file.recording().notes();
    for (std::string& note : matching->notes()) notes_.push_back(std::move(note));
    tell_notes(session_, order_.file, notes_);
    tell(rows, answers);
    return {};
  }

 private:
  using NoMarks = std::vector<PlotMark>;
  static std::vector<PlotMark> begins(const Rows& rows) {
    std::vector<PlotMark> marks;
    for (std::size_t i = 0; i < rows.unit_of.size(); ++i) {
      if (i == 0 || rows.unit_of[i] != rows.unit_of[i - 1])
        marks.push_back({static_cast<double>(i + 1), rows.units[rows.unit_of[i]]});
    }
    return marks;
  }

  // The model says which columns it groups and orders by; the label may be absent.
  Result<OpenFile> open(const model::Roles& roles) const {
    FileOptions options = order_.options;
    if (!life_) {
      options.label = roles.label;
      return OpenFile::open(order_.file, options, {}, true);  // rows need no clock
    }
    if (options.time.empty()) options.time = roles.time;
    return OpenFile::open(order_.file, options, {roles.unit}, true);
  }

  // Row by row: a file may be larger than memory.
  Result<std::vector<Predicted>> classify(model::Predictor& predictor, OpenFile& file,
                                          const Matching& matching) {
    std::vector<Predicted> answers;
    std::vector<double> frame(matching.headers().size());
    Progress progress(session_);
    table::Row row;
    for (;;) {
      LANDER_ASSIGN(const bool more, file.next(row));
      if (!more) break;
      matching.fill(row.values, frame);
      const model::Prediction& p = predictor.predict(frame, row.number);
      answers.push_back({0, 0, 0, p.probability, std::string(p.label)});
      if (answers.size() % 1024 == 0) progress.show(file.share_read(), "reading " + file.path());
    }
    if (answers.empty())
      return Error(Code::kInvalid, file.path() + ": a header and no rows below it");
    return answers;
  }

  std::vector<Predicted> predict(model::Predictor& predictor, const Rows& rows) {
    Progress progress(session_);
    const std::size_t n = predictor.inputs();
    std::vector<Predicted> answers(rows.times.size());
    const std::vector<std::size_t> order = in_order(rows);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::size_t row = order[i];
      if (i == 0 || rows.unit_of[row] != rows.unit_of[order[i - 1]]) predictor.reset();
      const model::Prediction& p = predictor.predict({&rows.values[row * n], n}, rows.times[row]);
      answers[row] = {p.value, p.low, p.high, p.probability, {}};
      if (i % 1024 == 0) {
        progress.show(static_cast<double>(i) / static_cast<double>(order.size()), "predicting");
      }
    }
    return answers;
  }

  Status write(const std::vector<Predicted>& answers) {
    LANDER_ASSIGN(OutputTable out, OutputTable::create(session_, order_.out,
                                                       life_ ? "row,prediction,low,high\n"
                                                             : "row,prediction,probability\n"));
    for (std::size_t i = 0; i < answers.size(); ++i) {
      std::string& text = out.text();
      text += std::to_string(i + 1);
      text += ',';
      if (life_) {
        append_number(text, answers[i].value, 6);
        text += ',';
        append_number(text, answers[i].low, 6);
        text += ',';
        append_number(text, answers[i].high, 6);
      } else {
        text += csv_field(answers[i].label);
        text += ',';
        append_number(text, answers[i].probability, 6);
      }
      text += '\n';
      LANDER_TRY(out.row());
    }
    to_stdout_ = out.to_stdout();
    return out.finish();
  }

  void tell(const Rows& rows, const std::vector<Predicted>& answers) {
    Told told;
    for (const std::size_t row : in_order(rows))
      told.lives[rows.units[rows.unit_of[row]]] = answers[row].value;
    if (!life_) {
      for (const Predicted& answer : answers) ++told.labels[answer.label];
    }
    if (session_.json) {
      Json body = {{"file", order_.file},
                   {"model", order_.model},
                   {"kind", life_ ? "life" : "class"},
                   {"rows", answers.size()},
                   {"plot", order_.plot.empty() ? Json() : Json(order_.plot)},
                   {"output", order_.out.empty() ? Json() : Json(order_.out)},
                   {"notes", notes_}};
      if (life_) {
        body["remaining"] = told.lives;
      } else {
        body["classes"] = told.labels;
      }
      session_.raw(body);
    } else if (!to_stdout_) {
      say(told, answers.size());
    }
  }

  void say(const Told& told, std::size_t rows) {
    constexpr std::size_t kShown = 20;
    Facts facts;
    facts.add("rows", std::to_string(rows) + " of " + order_.file);
    facts.add("predictions", order_.out);
    facts.add("plot", order_.plot);
    session_.say(facts);
    Table table(life_ ? std::vector<std::string>{"UNIT", ">REMAINING"}
                      : std::vector<std::string>{"CLASS", ">ROWS"});
    std::size_t shown = 0;
    std::vector<std::pair<double, std::string>> soonest;
    for (const auto& [unit, life] : told.lives) soonest.emplace_back(life, unit);
    std::sort(soonest.begin(), soonest.end());
    for (const auto& [life, unit] : soonest) {
      if (shown++ < kShown) table.add({unit, number_text(std::round(10 * life) / 10)});
    }
    for (const auto& [label, count] : told.labels) {
      if (shown++ < kShown) table.add({label, std::to_string(count)});
    }
    session_.say("\n");
    session_.say(table);
    if (shown > kShown) session_.say(".. and " + std::to_string(shown - kShown) + " more\n");
  }

  Session& session_;
  const PredictOrder& order_;
  bool life_ = false, to_stdout_ = false;
  std::vector<std::string> notes_;
};

}  // namespace

Status predict_file(Session& session, const PredictOrder& order) {
  return Predicting(session, order).run();
}

}  // namespace lander::cli
