// A Modbus TCP device as libmodbus speaks to it: reads, nothing else. One thread.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "source/modbus_address.h"
#include "source/tcp.h"

namespace lander::source {

class ModbusPeer {
 public:
  // Each answer may take `timeout`. kUnavailable, kTimeout: not there, try again later.
  static base::Result<ModbusPeer> connect(const Endpoint& endpoint, base::DurationUs timeout);

  // The range's registers, bits as 0 or 1. kDenied: the device answered with an exception (its
  // words are in the message) and the connection is good; kTimeout: no answer, another unit may
  // still give one; kUnavailable: the connection is lost, drop this peer.
  base::Result<std::vector<std::uint16_t>> read(const ModbusRange& range);

 private:
  struct Closer {
    void operator()(void* context) const;
  };
  explicit ModbusPeer(void* context) : context_(context) {}
  std::unique_ptr<void, Closer> context_;  // modbus_t
};

}  // namespace lander::source
