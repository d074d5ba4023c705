// A plot as one page: its data as JSON in a fixed page that draws them.
#include <cmath>

#include <nlohmann/json.hpp>

#include "cli/plot.h"
#include "cli/plot_page.h"
#include "cli/shape.h"

namespace lander::cli {
namespace {

// Six digits; null where there is nothing.
template <class T>
void append(std::string& out, const std::vector<T>& values, const char* format) {
  out += '[';
  char text[40];
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    const auto value = static_cast<double>(values[i]);
    if (!std::isfinite(value)) {
      out += "null";
      continue;
    }
    out.append(text, static_cast<std::size_t>(std::snprintf(text, sizeof text, format, value)));
  }
  out += ']';
}

std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append(std::string& out, const Panel& panel) {
  const Scale scale = scale_of(panel);
  out += "{\"title\":" + quoted(panel.title) + ",\"unit\":" + quoted(panel.unit) + ",\"low\":";
  append(out, panel.low, "%.6g");
  if (panel.high != panel.low) {
    out += ",\"high\":";
    append(out, panel.high, "%.6g");
  }
  if (!panel.middle.empty()) {
    out += ",\"middle\":";
    append(out, panel.middle, "%.6g");
  }
  if (panel.limit) out += ",\"limit\":" + Json(*panel.limit).dump();
  out += panel.score ? ",\"score\":true" : "";
  out += ",\"names\":" + Json(panel.names).dump(-1, ' ', false, Json::error_handler_t::replace) +
         ",\"scale\":" + Json(std::vector<double>{scale.low, scale.high}).dump() + "}";
}

std::string data_of(const Plot& plot) {
  std::string out =
      "{\"title\":" + quoted(plot.title) +
      ",\"facts\":" + Json(plot.facts).dump(-1, ' ', false, Json::error_handler_t::replace) +
      ",\"times\":" + (plot.times ? "true" : "false") + ",\"mark\":" + quoted(plot.mark) +
      ",\"each\":" + quoted(plot.each) + ",\"x\":";
  append(out, plot.x, "%.15g");
  out += ",\"panels\":[";
  for (std::size_t i = 0; i < plot.panels.size(); ++i) {
    if (i > 0) out += ',';
    append(out, plot.panels[i]);
  }
  Json alarms = Json::array(), marks = Json::array();
  for (const PlotSpan& span : plot.alarms)
    alarms.push_back({span.from, span.to, span.text, span.peak});
  for (const PlotMark& mark : plot.marks) marks.push_back({mark.at, mark.text});
  out += "],\"alarms\":" + alarms.dump(-1, ' ', false, Json::error_handler_t::replace) +
         ",\"marks\":" + marks.dump(-1, ' ', false, Json::error_handler_t::replace) + "}";
  return out;
}

}  // namespace

std::string plot_html(const Plot& plot) {
  std::string page(kPlotPage);
  const std::string_view place = "/*DATA*/null";
  std::string data;
  for (const char c : data_of(plot)) {
    if (c == '<') {
      data += "\\u003c";  // "</script>" in a column's name ends nothing
    } else {
      data += c;
    }
  }
  page.replace(page.find(place), place.size(), data);
  return page;
}

}  // namespace lander::cli
