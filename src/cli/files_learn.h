// `lander learn CSV...`: a model file from files, on this machine.
#pragma once

#include "cli/files.h"

namespace lander::cli {

struct LearnOrder {
  std::vector<std::string> files;
  std::string out;
  std::string kind = "normal";  // or "life", "class"
  std::string unit, label;      // columns, of kind life and class
  std::string method, rate = "1/30d";
  FileOptions options;
};
base::Status learn_files(Session& session, const LearnOrder& order);

}  // namespace lander::cli
