// What the kernel says of this machine and this process (/proc, /sys, statvfs). Each call reads
// anew; thread-safe; a value the machine does not have is kNotFound (a container without a thermal
// zone).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace lander::os {

struct OwnMemory {
  std::uint64_t pss_bytes = 0;  // proportional set size: shared pages divided by their users
  std::uint64_t rss_bytes = 0;
};
base::Result<OwnMemory> own_memory();  // /proc/self/smaps_rollup: ~100 us, not for hot paths
base::Result<std::uint64_t> own_open_files();
// Lets this process hold `wanted` open files and sockets, or as many as the machine's owner allows;
// answers how many it may hold now. Never lowers. Children inherit it: see ProcessOptions.
base::Result<std::uint64_t> allow_open_files(std::uint64_t wanted);

struct HostMemory {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;  // what new work can have without swapping
};
base::Result<HostMemory> host_memory();

struct HostLoad {
  double one_minute = 0, five_minutes = 0, fifteen_minutes = 0;  // runnable tasks, averaged
  int processors = 1;                                            // online
};
base::Result<HostLoad> host_load();

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;  // for this user
};
base::Result<DiskSpace> disk_space(const std::string& path);

base::Result<std::vector<std::string>> mount_points();  // paths, as this process sees them

base::Result<double> host_temperature_c();  // the warmest thermal zone or hwmon sensor
base::Result<double> host_uptime_s();
std::string host_name();
// Names this machine (/etc/machine-id) and this very file on it (its inode): a copy of the file,
// here or elsewhere, has another name. Empty: the file is not there.
std::string host_identity(const std::string& path);

}  // namespace lander::os
