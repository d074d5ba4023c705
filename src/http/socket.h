// Sockets, made non-blocking and close-on-exec. Names are resolved by the system, which may block.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "os/descriptor.h"

namespace lander::http {

// Port 0: any free one.
base::Result<os::Descriptor> listen_on(const std::string& host, std::uint16_t port);
std::uint16_t local_port(int fd);

struct Accepted {
  os::Descriptor socket;
  std::string peer;  // "127.0.0.1:51234"
};
// No valid socket: nobody waits. kExhausted: out of descriptors or memory.
base::Result<Accepted> accept_from(int listener);

// Waits for `events` (POLLIN, POLLOUT) until the monotonic `deadline`, or until `cancel` can be
// read. kTimeout; kUnavailable when cancelled.
base::Status wait_for(int fd, short events, base::DurationUs deadline, int cancel);
// Tries every address of the host until one answers. kUnavailable, kTimeout.
base::Result<os::Descriptor> connect_to(const std::string& host, std::uint16_t port,
                                        base::DurationUs deadline, int cancel);

}  // namespace lander::http
