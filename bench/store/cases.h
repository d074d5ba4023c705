// One measurement each, in a process of its own: a case in, its figures out.
#pragma once

#include <nlohmann/json.hpp>

namespace bench {

// {"what": "ingest" | "floor" | "fill" | "memory" | "query" | "wear", "side": ..., "folder": ...,
// and what that case takes}. Ends the process with a message when it fails.
nlohmann::json run_case(const nlohmann::json& with);

}  // namespace bench
