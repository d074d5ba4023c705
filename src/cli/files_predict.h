// `lander predict CSV -m MODEL`: remaining life or class, row by row.
#pragma once

#include "cli/files.h"

namespace lander::cli {

struct PredictOrder {
  std::string file, model, out, plot;
  FileOptions options;
};
base::Status predict_file(Session& session, const PredictOrder& order);

}  // namespace lander::cli
