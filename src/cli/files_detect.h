// `lander detect CSV`: scores, alarms, changes and their causes, row by row.
#pragma once

#include "cli/files.h"

namespace lander::cli {

struct DetectOrder {
  std::string file, model, out, rate, plot;
  FileOptions options;
};
base::Status detect_file(Session& session, const DetectOrder& order);

}  // namespace lander::cli
