// The plots of `lander detect` and `lander predict`.
#pragma once

#include "cli/files_watch.h"
#include "cli/plot.h"

namespace lander::cli {

// The score, and up to 8 inputs, those that explain most first. `units`: of the inputs.
Plot plot_of(const std::string& file, const Watching& watching,
             const std::vector<std::string>& units, bool times);

// Wrong usage when the name cannot be, before any work.
base::Status may_plot(Session& session, const std::string& path,
                      const std::vector<std::string>& others);
base::Status write_plot(Session& session, const std::string& path, const Plot& plot);

}  // namespace lander::cli
