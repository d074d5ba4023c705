// A detector, the judge and the changes over the rows of a file, and what they told.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/files.h"
#include "cli/plot_data.h"
#include "model/change.h"
#include "model/judge.h"

namespace lander::cli {

struct Moment {
  std::string text;  // as the file has it
  base::TimeUs time = 0;
  std::uint64_t row = 0;  // from 1
};
struct Incident {
  Moment from, to;
  double peak = 0;
  std::vector<double> shares;  // of each input, summed over the rows in alarm
};

// Of one file. At most 1000 incidents and changes are listed; all are counted.
struct Told {
  std::uint64_t rows = 0, unscored = 0, alarm_rows = 0, alarms = 0, changes = 0;
  std::vector<Incident> incidents;
  std::vector<Moment> change_moments;
  std::vector<std::string> change_causes;  // one a moment
  double peak = 0;
  std::string peak_time;
};

// The names that explain most together, strongest first, at most 5.
std::vector<std::string> causes_of(std::span<const double> shares,
                                   const std::vector<std::string>& names);

class Watching {
 public:
  // `names`: of the detector's inputs, as `cause` tells them; `plotted`: gather what a plot needs.
  Watching(std::unique_ptr<model::Detector> detector, const model::JudgeOptions& judge,
           std::vector<std::string> names, bool plotted);
  // Appends "score,alarm,change,cause" and the line's end.
  void step(std::span<const double> frame, const table::Row& row, std::string& out);
  const Told& told() const { return told_; }
  const std::vector<std::string>& names() const { return names_; }
  const PlotData* plot() const {
    return plot_ ? &*plot_ : nullptr;
  }  // the score is its last series

 private:
  void count(const model::Score& score, const table::Row& row, bool alarm, bool raised,
             bool changed);

  std::unique_ptr<model::Detector> detector_;
  model::ChangeDetector changes_;
  model::Judge judge_;
  std::vector<std::string> names_;
  std::optional<PlotData> plot_;
  std::vector<double> values_;
  bool open_ = false;  // the alarm that stands is the last of the incidents
  Told told_;
};

}  // namespace lander::cli
