// How a source is declared; part of the desired state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace lander::source {

enum class Driver : std::uint8_t { kMqtt = 0, kModbus = 1, kReplay = 2, kHost = 3 };

struct Config {
  std::string id;  // same form as a datastream's
  Driver driver = Driver::kHost;
  // mqtt, modbus: "host:port"; replay: a file; host: the folder whose disk is watched, empty: "/".
  std::string address;
  std::string username, password_file;  // mqtt
  // mqtt: the same for the life of site and source, and no one else's: the broker keeps what was
  // not acknowledged under it. Empty: "lander-<id>", right for one site on one broker.
  std::string client_id;
  // mqtt: filters that are subscribed beside the bound topics; what they bring is offered as
  // candidates
  // ("#" only where an operator wrote it). modbus: ranges to offer, "1/holding/0-63"; empty:
  // registers 0..63 of unit 1, holding and input.
  std::vector<std::string> topics;
  // modbus, host: the fastest; a ceiling on the equipment's load.
  base::DurationUs poll_interval = base::kSecond;
  double speed =
      1;  // replay: 1 = real time, 10 = ten times faster, 0 = as fast as the sink takes it
  bool loop = false;        // replay: from the end to the start again (needs speed > 0)
  std::string time_column;  // replay; empty: detected
};

}  // namespace lander::source
