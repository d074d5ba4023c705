// One line per driver; make_source() chooses among them. Each checks its part of the configuration.
#pragma once

#include "source/source.h"

namespace lander::source {

base::Result<std::unique_ptr<Source>> make_mqtt_source(const Config& config, os::Clock& clock);
base::Result<std::unique_ptr<Source>> make_modbus_source(const Config& config, os::Clock& clock);
base::Result<std::unique_ptr<Source>> make_replay_source(const Config& config, os::Clock& clock);
base::Result<std::unique_ptr<Source>> make_host_source(const Config& config, os::Clock& clock);

}  // namespace lander::source
