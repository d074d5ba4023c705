// The station's wireless vibration sensor: publishes over MQTT, and takes orders for faults.
// libmosquitto runs its network in a thread of its own and reconnects by itself.
#pragma once

#include <mutex>
#include <string>
#include <vector>

struct mosquitto;

namespace pump_station {

class MqttSensor {
 public:
  MqttSensor(const std::string& host, int port);
  ~MqttSensor();
  MqttSensor(const MqttSensor&) = delete;
  MqttSensor& operator=(const MqttSensor&) = delete;

  void publish(const char* topic, const std::string& payload, bool retain = false);  // QoS 1
  // What happened since the last call: orders of the topic station/inject, and lines to print.
  std::vector<std::string> take_orders();
  std::vector<std::string> take_events();

 private:
  void connected(int code);
  void lost(int code);
  void ordered(std::string order);

  mosquitto* client_;
  std::mutex mutex_;
  std::vector<std::string> orders_, events_;
};

}  // namespace pump_station
