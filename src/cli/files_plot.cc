#include "cli/files_plot.h"

#include <algorithm>
#include <numeric>

namespace lander::cli {
namespace {

constexpr std::size_t kMostPanels = 8;

double at(const Moment& moment, bool times) {
  return times ? static_cast<double>(moment.time) / 1000 : static_cast<double>(moment.row);
}

}  // namespace

Plot plot_of(const std::string& file, const Watching& watching,
             const std::vector<std::string>& units, bool has_times) {
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
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return data.weight(a) > data.weight(b);
  });
  for (std::size_t i = 0; i < std::min(n, kMostPanels); ++i) {
    Panel panel;
    panel.title = watching.names()[order[i]];
    panel.unit = units[order[i]];
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

base::Status may_plot(Session& session, const std::string& path,
                      const std::vector<std::string>& others) {
  if (path.empty()) return {};
  if (const auto named = is_plot_name(path); !named.ok())
    return session.usage(named.error().message());
  if (std::find(others.begin(), others.end(), path) != others.end())
    return session.usage("--plot " + path + " would write over another file of this command");
  return {};
}

base::Status write_plot(Session& session, const std::string& path, const Plot& plot) {
  if (path.ends_with(".html"))
    return session.world.files.write_durably(path, base::as_bytes(plot_html(plot)));
  LANDER_ASSIGN(const base::Bytes picture, plot_png(plot));
  return session.world.files.write_durably(path, picture);
}

}  // namespace lander::cli
