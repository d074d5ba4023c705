// How a source is declared; part of the desired state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace lander::source {

enum class Driver : std::uint8_t { kMqtt = 0, kModbus = 1, kReplay = 2, kHost = 3 };

struct Config {
  std::string id;      // same form as a datastream's
  Driver driver = Driver::kHost;
  // mqtt: "host:port"; modbus: "host:port"; replay: a file; host: empty.
  std::string address;
  std::string username, password_file;     // mqtt
  std::vector<std::string> topics;         // mqtt: filters to subscribe; empty: those that are bound + "#" for candidates is never taken
  base::DurationUs poll_interval = base::kSecond;  // modbus, host: the fastest; a ceiling on the equipment's load
  double speed = 1;                        // replay: 1 = real time, 0 = as fast as the store takes it
  bool loop = false;                       // replay
  std::string time_column;                 // replay; empty: detected
};

}  // namespace lander::source
