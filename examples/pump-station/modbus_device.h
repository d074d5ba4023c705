// The station's Modbus TCP server: its registers are the map in README.md. One thread.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "pump.h"

struct _modbus;
struct _modbus_mapping_t;

namespace pump_station {

struct Injection {
  Fault fault = Fault::kNone;
  double severity = 0.7, ramp_s = 8;
};

class ModbusDevice {
 public:
  static constexpr std::size_t kMaxClients = 16;

  explicit ModbusDevice(int port);
  ~ModbusDevice();
  ModbusDevice(const ModbusDevice&) = delete;
  ModbusDevice& operator=(const ModbusDevice&) = delete;

  bool listening() const { return listener_ >= 0; }
  void show(const Readings& readings, std::uint64_t steps);
  // Answers clients for `ms`. Returns a fault that one of them wrote.
  std::optional<Injection> serve(int ms);
  void show_fault(Fault fault);

 private:
  std::optional<Injection> answer(std::size_t client);
  void take_client();

  _modbus* context_;
  _modbus_mapping_t* map_;
  int listener_;
  std::vector<int> clients_;
};

}  // namespace pump_station
