// Model files on this machine: what is in them.
#pragma once

#include <string>

#include "cli/session.h"

namespace lander::cli {

base::Status show_model_file(Session& session, const std::string& path, bool card);
// The card of a model as a site tells of it.
std::string card_of(const Json& model);

}  // namespace lander::cli
