// Model files on this machine: what is in them, and as ONNX.
#pragma once

#include <string>

#include "cli/session.h"

namespace lander::cli {

base::Status show_model_file(Session& session, const std::string& path, bool card);
// The detector in `path` as ONNX (model/onnx.h) in the file `out`.
base::Status export_model_file(Session& session, const std::string& path, const std::string& out);
// The card of a model as a site tells of it.
std::string card_of(const Json& model);

}  // namespace lander::cli
