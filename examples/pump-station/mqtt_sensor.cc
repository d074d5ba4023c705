#include "mqtt_sensor.h"

#include <mosquitto.h>

#include <utility>

namespace pump_station {
namespace {

constexpr const char* kInject = "station/inject";
constexpr std::size_t kMaxWaiting = 100;

}  // namespace

MqttSensor::MqttSensor(const std::string& host, int port) {
  mosquitto_lib_init();
  client_ = mosquitto_new(nullptr, true, this);
  mosquitto_connect_callback_set(client_, [](mosquitto*, void* self, int code) {
    static_cast<MqttSensor*>(self)->connected(code);
  });
  mosquitto_disconnect_callback_set(client_, [](mosquitto*, void* self, int code) {
    static_cast<MqttSensor*>(self)->lost(code);
  });
  mosquitto_message_callback_set(
      client_, [](mosquitto*, void* self, const mosquitto_message* message) {
        const int size = message->payloadlen < 200 ? message->payloadlen : 200;
        static_cast<MqttSensor*>(self)->ordered(
            {static_cast<const char*>(message->payload), static_cast<std::size_t>(size)});
      });
  mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_reconnect_delay_set(client_, 1, 5, false);
  mosquitto_connect_async(client_, host.c_str(), port, 30);
  mosquitto_loop_start(client_);
}

MqttSensor::~MqttSensor() {
  mosquitto_disconnect(client_);
  mosquitto_loop_stop(client_, true);
  mosquitto_destroy(client_);
  mosquitto_lib_cleanup();
}

void MqttSensor::publish(const char* topic, const std::string& payload, bool retain) {
  // Without a connection a sensor's samples are lost, as a real one's are.
  mosquitto_publish(client_, nullptr, topic, static_cast<int>(payload.size()), payload.data(), 1,
                    retain);
}

void MqttSensor::connected(int code) {
  if (code == 0) mosquitto_subscribe(client_, nullptr, kInject, 1);
  const std::lock_guard lock(mutex_);
  if (events_.size() < kMaxWaiting)
    events_.push_back(code == 0 ? "mqtt connected"
                                : std::string("mqtt refused: ") + mosquitto_connack_string(code));
}

void MqttSensor::lost(int code) {
  const std::lock_guard lock(mutex_);
  if (code != 0 && events_.size() < kMaxWaiting) events_.push_back("mqtt lost, trying again");
}

void MqttSensor::ordered(std::string order) {
  const std::lock_guard lock(mutex_);
  if (orders_.size() < kMaxWaiting) orders_.push_back(std::move(order));
}

std::vector<std::string> MqttSensor::take_orders() {
  const std::lock_guard lock(mutex_);
  return std::exchange(orders_, {});
}

std::vector<std::string> MqttSensor::take_events() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

}  // namespace pump_station
