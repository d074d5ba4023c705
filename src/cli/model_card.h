// A model card (Mitchell et al. 2019, "Model Cards for Model Reporting") in Markdown: what a model
// is for, what it was made of, how good it is beside doing nothing, and what it cannot do.
#pragma once

#include <string>

#include "model/model.h"

namespace lander::cli {

// `name`: of the file, for the commands that use it; empty: a site's model.
std::string model_card(const model::Model& model, const std::string& digest,
                       const std::string& name);

}  // namespace lander::cli
