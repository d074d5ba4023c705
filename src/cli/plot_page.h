// The page around a plot's data: styles and the script that draws. Needs no network.
#pragma once

#include <string_view>

namespace lander::cli {

extern const std::string_view kPlotPage;

}  // namespace lander::cli
