// What `--plot` draws: panels over one time axis, alarms as spans, changes as marks. One model, two
// forms: a page that needs no network, and a PNG.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::cli {

// One line over Plot::x; where `low` and `high` differ, the range between them. NaN: nothing.
struct Panel {
  std::string title, unit;
  std::vector<float> low, high;
  std::vector<float> middle;       // a line within the range; empty: none
  std::optional<double> limit;     // a line across
  bool score = false;              // the one above all others; its scale begins at 0
  std::vector<std::string> names;  // values are these, from 0: classes
};
struct PlotSpan {
  double from = 0, to = 0;  // on the axis
  std::string text;         // what explains it
  double peak = 0;
};
struct PlotMark {
  double at = 0;
  std::string text;
};
struct Plot {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  // "alarms", "3"
  bool times = false;  // x is ms since 1970, else a row's number
  std::vector<double> x;
  std::vector<Panel> panels;
  std::vector<PlotSpan> alarms;
  std::vector<PlotMark> marks;
  std::string mark = "change";  // what they mark
  std::string each;             // what one point of the lines stands for; empty: one row
};

std::string plot_html(const Plot& plot);
base::Result<base::Bytes> plot_png(const Plot& plot);

// kInvalid when the name ends in neither .html nor .png: before any work is done.
base::Status is_plot_name(const std::string& path);

// Ends of the scale and where its lines are.
struct Scale {
  double low = 0, high = 1;
  std::vector<double> ticks;
};
Scale scale_of(const Panel& panel);

}  // namespace lander::cli
