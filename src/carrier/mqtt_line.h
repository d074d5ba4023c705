// A session with an MQTT 5 broker that outlives its connections, kept up by a thread of its own;
// libmosquitto inside. The broker is not trusted with anything but moving bytes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::carrier {

inline constexpr std::size_t kMaxMqttBytes = 256 << 10;  // of one message's payload

struct MqttOptions {
  std::string url;  // "mqtt://host:port", or mqtts://
  std::string username, password_file;
  std::string ca_file;    // PEM; empty: the system's authorities
  std::string client_id;  // the session's name at the broker
  std::string filter;     // subscribed to
};
// kInvalid names the option; opens no file.
base::Status valid(const MqttOptions& options);
base::Status valid_mqtt_url(std::string_view url);

// Called from the line's thread, not under a lock of its own; they may call publish().
struct MqttEvents {
  // What came on `filter`: 1 to kMaxMqttBytes, not retained. May come twice.
  std::function<void(std::string_view topic, base::ByteView payload)> message;
  // The broker has it (empty), or why not.
  std::function<void(int id, const std::string& refusal)> acknowledged;
  std::function<void()> changed;  // the line is up, or down: see failing()
};

class MqttLine {
 public:
  // Begins to connect, and never gives up. `options` are valid.
  static std::unique_ptr<MqttLine> open(const MqttOptions& options, MqttEvents events);
  virtual ~MqttLine() = default;  // within a second or so, unless a name is being resolved
  // At QoS 1, for a day; an id that acknowledged() names. kUnavailable: the line is down. What was
  // not acknowledged when the line goes down is not sent again.
  virtual base::Result<int> publish(const std::string& topic, base::ByteView payload) = 0;
  virtual std::string failing() const = 0;  // why it is down; empty: it is up
  // Tries to come up now, not after a pause; changed() tells how that went.
  virtual void hurry() = 0;
};

}  // namespace lander::carrier
