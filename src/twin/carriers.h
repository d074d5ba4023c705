// How the site's carriers stand in the desired state: as CBOR and as YAML.
#pragma once

#include <vector>

#include "base/cbor.h"
#include "base/yaml.h"
#include "carrier/config.h"

namespace lander::twin {

void put(base::CborWriter& out, const carrier::Config& config);
base::Result<carrier::Config> read_carrier(base::CborReader& in);
// Every mistake at its place.
std::vector<carrier::Config> read_carriers(base::Yaml list);
base::Status valid(const std::vector<carrier::Config>& carriers);  // each, and ids once
std::string to_text(const link::Window& window);                   // "06:00-06:10"

}  // namespace lander::twin
