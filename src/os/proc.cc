#include "os/proc.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>

#include "os/files.h"
#include "os/system_error.h"

namespace lander::os {
namespace {

using base::Code;
using base::Error;
using base::Result;

Result<std::string> read_text(const std::string& path) {
  LANDER_ASSIGN(const base::Bytes bytes, system_files().read(path, 256 * 1024));
  return std::string(base::as_text(bytes));
}

template <class Number>
std::optional<Number> first_number(std::string_view text) {
  const auto start = text.find_first_of("-0123456789");
  if (start == std::string_view::npos) return std::nullopt;
  Number value{};
  const auto parsed = std::from_chars(text.data() + start, text.data() + text.size(), value);
  if (parsed.ec != std::errc()) return std::nullopt;
  return value;
}

// The "Name:   123 kB" lines of /proc, in bytes.
Result<std::uint64_t> kib_line(const std::string& text, std::string_view name,
                               const std::string& path) {
  const std::string key = std::string(name) + ":";
  std::size_t at = text.rfind(key, 0) == 0 ? 0 : text.find("\n" + key);
  if (at != std::string::npos) {
    at = text.find(':', at) + 1;
    const std::string_view line = std::string_view(text).substr(at, text.find('\n', at) - at);
    if (const auto kib = first_number<std::uint64_t>(line)) return *kib * 1024;
  }
  return Error(Code::kNotFound, path + " has no line \"" + std::string(name) + "\"");
}

void take_warmest(std::optional<double>& warmest, const std::string& path) {
  auto text = read_text(path);
  if (!text.ok()) return;
  const auto milli = first_number<std::int64_t>(*text);
  // Sensors that are not wired read -128 or 255 degrees; no machine runs there.
  if (!milli || *milli < -60'000 || *milli > 150'000) return;
  warmest = std::max(warmest.value_or(-1e9), static_cast<double>(*milli) / 1000.0);
}

}  // namespace

Result<OwnMemory> own_memory() {
  const std::string path = "/proc/self/smaps_rollup";
  LANDER_ASSIGN(const std::string text, read_text(path));
  OwnMemory memory;
  LANDER_ASSIGN(memory.pss_bytes, kib_line(text, "Pss", path));
  LANDER_ASSIGN(memory.rss_bytes, kib_line(text, "Rss", path));
  return memory;
}

Result<std::uint64_t> own_open_files() {
  LANDER_ASSIGN(const auto names, system_files().list("/proc/self/fd"));
  return static_cast<std::uint64_t>(names.empty() ? 0
                                                  : names.size() - 1);  // less the listing's own
}

Result<std::uint64_t> allow_open_files(std::uint64_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return system_error("the limit of open files", errno);
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    return system_error("the limit of open files", errno);
  return limit.rlim_cur;
}

Result<HostMemory> host_memory() {
  const std::string path = "/proc/meminfo";
  LANDER_ASSIGN(const std::string text, read_text(path));
  HostMemory memory;
  LANDER_ASSIGN(memory.total_bytes, kib_line(text, "MemTotal", path));
  LANDER_ASSIGN(memory.available_bytes, kib_line(text, "MemAvailable", path));
  return memory;
}

Result<HostLoad> host_load() {
  LANDER_ASSIGN(const std::string text, read_text("/proc/loadavg"));
  HostLoad load;
  const char* at = text.data();
  const char* end = text.data() + text.size();
  for (double* value : {&load.one_minute, &load.five_minutes, &load.fifteen_minutes}) {
    while (at != end && *at == ' ') ++at;
    const auto parsed = std::from_chars(at, end, *value);
    if (parsed.ec != std::errc()) return Error(Code::kIo, "/proc/loadavg: expected three numbers");
    at = parsed.ptr;
  }
  load.processors = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  return load;
}

Result<DiskSpace> disk_space(const std::string& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0) {
    return system_error("asking for the space of " + path, errno);
  }
  return DiskSpace{static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize,
                   static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize};
}

Result<std::vector<std::string>> mount_points() {
  LANDER_ASSIGN(const std::string text, read_text("/proc/self/mounts"));
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    const std::size_t first = line.find(' ');
    if (first == std::string_view::npos) continue;
    std::string path;
    for (std::size_t i = first + 1; i < line.size() && line[i] != ' '; ++i) {
      unsigned byte = 0;  // a blank is \040
      if (line[i] == '\\' && i + 3 < line.size() &&
          std::from_chars(line.data() + i + 1, line.data() + i + 4, byte, 8).ec == std::errc()) {
        path += static_cast<char>(byte);
        i += 3;
      } else {
        path += line[i];
      }
    }
    out.push_back(std::move(path));
  }
  return out;
}

Result<double> host_temperature_c() {
  std::optional<double> warmest;
  const auto names = [](const std::string& folder) {
    auto listed = system_files().list(folder);
    return listed.ok() ? std::move(listed).value() : std::vector<std::string>();
  };
  const std::string zones = "/sys/class/thermal/";
  for (const std::string& zone : names(zones)) {
    if (zone.starts_with("thermal_zone")) take_warmest(warmest, zones + zone + "/temp");
  }
  const std::string chips = "/sys/class/hwmon/";
  for (const std::string& chip : names(chips)) {
    for (const std::string& file : names(chips + chip)) {
      if (file.starts_with("temp") && file.ends_with("_input")) {
        take_warmest(warmest, chips + chip + "/" + file);
      }
    }
  }
  if (!warmest) return Error(Code::kNotFound, "this machine shows no temperature sensor");
  return *warmest;
}

Result<double> host_uptime_s() {
  LANDER_ASSIGN(const std::string text, read_text("/proc/uptime"));
  const auto seconds = first_number<double>(text);
  if (!seconds) return Error(Code::kIo, "/proc/uptime: expected a number");
  return *seconds;
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

std::string host_identity(const std::string& path) {
  struct stat file = {};
  if (::stat(path.c_str(), &file) != 0) return "";
  std::string machine;
  std::ifstream in("/etc/machine-id");
  std::getline(in, machine);
  return machine + "/" + std::to_string(file.st_ino);
}

}  // namespace lander::os
