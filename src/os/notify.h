// What a service owes its supervisor: sd_notify(3)'s protocol, spoken by hand, and a clean stop.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace lander::os {

// Sends e.g. "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..." to the datagram socket named by
// NOTIFY_SOCKET. Ok and silent where that is not set: nobody asked. Thread-safe.
base::Status notify_supervisor(std::string_view state);

// Half of WATCHDOG_USEC when this process is watched (send WATCHDOG=1 that often), else 0.
base::DurationUs watchdog_interval_us();

// Blocks SIGTERM and SIGINT in the calling thread and every thread it starts afterwards, and
// ignores SIGPIPE. Call first in main(), before any thread stands: then wait_for_stop() is the one
// taker.
void block_stop_signals();

// Waits for SIGTERM or SIGINT and returns it. With `timeout` >= 0: 0 when none came within it.
// A supervisor's watchdog is fed from here, by the thread that waits: pass the interval as timeout.
int wait_for_stop(base::DurationUs timeout = -1);

}  // namespace lander::os
