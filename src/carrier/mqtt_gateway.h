// The hub's end of the MQTT carrier: one session with a broker for the sites of all tenants.
#pragma once

#include <memory>

#include "carrier/carrier.h"

namespace lander::carrier {

struct MqttGatewayOptions {
  std::string url;  // "mqtt://host:port", or mqtts://
  std::string username, password_file;
  std::string ca_file;    // PEM; empty: the system's authorities
  std::string client_id;  // the hub's session: another hub at the same broker has another
};

// What waits for sites while the broker is away, at most; and for one of them.
inline constexpr std::size_t kMaxMqttWaiting = 10'000, kMaxMqttWaitingOfSite = 16;
inline constexpr std::size_t kMaxMqttWaitingBytes = 64 << 20;

// Connects by itself, again and again; a message that came is acknowledged to the broker after
// `arrived` returned. kInvalid: the options. Whoever may publish at the broker can call `arrived`
// with any address and any bytes: the envelope proves.
base::Result<std::unique_ptr<Gateway>> make_mqtt_gateway(const MqttGatewayOptions& options,
                                                         Arrived arrived);

// "lander/TENANT/SITE/up"; kInvalid: another topic.
base::Result<Address> parse_up_topic(std::string_view topic);

}  // namespace lander::carrier
