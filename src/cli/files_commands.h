// How `lander learn` is told about files; it is also the command that asks a site.
#pragma once

#include "cli/command.h"
#include "cli/files_learn.h"

namespace lander::cli {

void add_learn_options(CLI::App* command, LearnOrder& order);

}  // namespace lander::cli
