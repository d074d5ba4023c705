// The part of a datastream's YAML that says what may happen to it, and what that depends on.
#pragma once

#include "base/yaml.h"
#include "sensing/datastream.h"

namespace lander::twin {

// A mistake, and the fallback, when it is not within least..most.
base::DurationUs read_duration(base::Yaml at, base::DurationUs fallback, base::DurationUs least,
                               base::DurationUs most);

// `kind` decides what may leave, and whether there are summaries.
sensing::Policy read_policy(base::Yaml at, sensing::Kind kind);

// A policy that the site could not keep to; kInvalid says what to write instead.
base::Status valid_uplink(sensing::Uplink uplink, sensing::Kind kind);

}  // namespace lander::twin
