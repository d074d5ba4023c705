#include "cli/files_plot.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace lander::cli {
namespace {

constexpr std::size_t kMostPanels = 8;
constexpr std::size_t kMostUnitsMarked = 40;  // more would hide what they mark

double at(const Moment& moment, bool times) {
  return times ? static_cast<double>(moment.time) / 1000 : static_cast<double>(moment.row);
}

}  // namespace

Plot plot_of(const std::string& file, const Watching& watching, bool has_times) {
  const PlotData& data = *watching.plot();
  const Told& told = watching.told();
  Plot plot;
  plot.title = file;
  plot.times = has_times && data.ascending();
  plot.x = data.x(plot.times);
  plot.facts = {{"rows", std::to_string(told.rows)},
                {"alarms", std::to_string(told.alarms)},
                {"changes", std::to_string(told.changes)},
                {"highest score", number_text(told.peak)}};
  if (data.rows_a_point() > 1)
    plot.each = "least to most of " + std::to_string(data.rows_a_point()) + " rows";
  const std::size_t n = watching.names().size();
  Panel score;
  score.title = "score";
  score.unit = "1 is the limit";
  score.low = data.low(n);
  score.high = data.high(n);
  score.limit = 1;
  score.score = true;
  plot.panels.push_back(std::move(score));
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return data.weight(a) > data.weight(b); });
  for (std::size_t i = 0; i < std::min(n, kMostPanels); ++i) {
    Panel panel;
    const table::Sensor sensor = table::sensor_of(watching.names()[order[i]]);
    panel.title = sensor.name;
    panel.unit = sensor.unit;
    panel.low = data.low(order[i]);
    panel.high = data.high(order[i]);
    plot.panels.push_back(std::move(panel));
  }
  for (const Incident& incident : told.incidents) {
    plot.alarms.push_back({at(incident.from, plot.times), at(incident.to, plot.times),
                           joined(causes_of(incident.shares, watching.names()), ", "),
                           incident.peak});
  }
  for (std::size_t i = 0; i < told.change_moments.size(); ++i)
    plot.marks.push_back({at(told.change_moments[i], plot.times), told.change_causes[i]});
  return plot;
}

namespace {

// Classes in the order of how often they were told.
std::vector<std::string> classes_of(std::span<const Predicted> rows) {
  std::map<std::string, std::size_t> counts;
  for (const Predicted& row : rows) ++counts[row.label];
  std::vector<std::pair<std::size_t, std::string>> order;
  for (const auto& [label, count] : counts) order.emplace_back(count, label);
  std::sort(order.begin(), order.end());
  std::vector<std::string> names;
  for (auto& [count, label] : order) names.push_back(std::move(label));
  return names;
}

Panel line(std::string title, std::string unit, const PlotData& data, std::size_t series) {
  Panel panel;
  panel.title = std::move(title);
  panel.unit = std::move(unit);
  panel.low = data.low(series);
  panel.high = data.high(series);
  return panel;
}

}  // namespace

Plot plot_of(const std::string& file, std::span<const Predicted> rows,
             const std::vector<PlotMark>& units) {
  const std::vector<std::string> classes = classes_of(rows);
  const bool life = classes.size() == 1 && classes[0].empty();
  PlotData data(3);
  for (const Predicted& row : rows) {
    const auto at = std::find(classes.begin(), classes.end(), row.label) - classes.begin();
    const double values[] = {life ? row.value : static_cast<double>(at),
                             life ? row.low : row.probability, row.high};
    data.add(0, values, {});
  }
  Plot plot;
  plot.title = file;
  plot.x = data.x(false);
  plot.facts = {{"rows", std::to_string(rows.size())}};
  if (data.rows_a_point() > 1)
    plot.each = "least to most of " + std::to_string(data.rows_a_point()) + " rows";
  if (life) {
    plot.facts.emplace_back("units", std::to_string(units.size()));
    Panel panel = line("remaining life", "and 90 % interval", data, 1);
    panel.high = data.high(2);
    const auto low = data.low(0), high = data.high(0);
    for (std::size_t i = 0; i < low.size(); ++i) panel.middle.push_back((low[i] + high[i]) / 2);
    panel.score = true;
    plot.panels.push_back(std::move(panel));
    plot.mark = "a unit begins";
    if (units.size() <= kMostUnitsMarked) plot.marks = units;
    return plot;
  }
  plot.facts.emplace_back("classes told", std::to_string(classes.size()));
  Panel told = line("class", "", data, 0);
  told.names = classes;
  plot.panels.push_back(std::move(told));
  Panel sure = line("probability", "of that class", data, 1);
  sure.score = true;
  plot.panels.push_back(std::move(sure));
  return plot;
}

base::Status may_plot(Session& session, const std::string& path,
                      const std::vector<std::string>& others) {
  if (path.empty()) return {};
  if (const auto named = is_plot_name(path); !named.ok())
    return session.usage(named.error().message());
  return may_make_file(session, path, others);
}

base::Status write_plot(Session& session, const std::string& path, const Plot& plot) {
  if (path.ends_with(".html"))
    return session.world.files.write_durably(path, base::as_bytes(plot_html(plot)));
  LANDER_ASSIGN(const base::Bytes picture, plot_png(plot));
  return session.world.files.write_durably(path, picture);
}

}  // namespace lander::cli
