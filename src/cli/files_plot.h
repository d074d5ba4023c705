// The plots of `lander detect` and `lander predict`.
#pragma once

#include "cli/files_watch.h"
#include "cli/plot.h"

namespace lander::cli {

// The score, and up to 8 inputs, those that explain most first.
Plot plot_of(const std::string& file, const Watching& watching, bool times);

struct Predicted {
  double value = 0, low = 0, high = 0;  // remaining life
  double probability = 0;               // of a class
  std::string label;
};
// In the file's order; `units`: where each begins, of remaining life.
Plot plot_of(const std::string& file, std::span<const Predicted> rows,
             const std::vector<PlotMark>& units);

// Wrong usage when the name cannot be, before any work.
base::Status may_plot(Session& session, const std::string& path,
                      const std::vector<std::string>& others);
base::Status write_plot(Session& session, const std::string& path, const Plot& plot);

}  // namespace lander::cli
