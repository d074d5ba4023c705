#include "source/source.h"

#include "source/drivers.h"

namespace lander::source {

base::Result<sensing::Object> Sink::keep(base::ByteView, std::string_view) {
  return base::Error(base::Code::kUnsupported, "objects are not kept here");
}

base::Result<std::unique_ptr<Source>> make_source(const Config& config, os::Clock& clock) {
  const auto make = [&]() -> base::Result<std::unique_ptr<Source>> {
    LANDER_TRY(sensing::valid_id(config.id));
    switch (config.driver) {
      case Driver::kMqtt:
        return make_mqtt_source(config, clock);
      case Driver::kModbus:
        return make_modbus_source(config, clock);
      case Driver::kReplay:
        return make_replay_source(config, clock);
      case Driver::kHost:
        return make_host_source(config, clock);
    }
    return base::Error(base::Code::kInvalid, "unknown driver");
  };
  auto made = make();
  if (!made.ok()) return made.error().context("source " + config.id);
  return made;
}

}  // namespace lander::source
