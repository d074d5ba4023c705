// What the benchmarks share: children that end with their owner, what a process costs, percentiles.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

namespace bench {

using Steady = std::chrono::steady_clock;

[[noreturn]] inline void fail(const std::string& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(1);
}
template <class T>
T must(lander::base::Result<T> result, const char* what = "") {
  if (!result.ok()) fail(std::string(what) + " " + result.error().message());
  return std::move(result).value();
}
inline void must(const lander::base::Status& status, const char* what = "") {
  if (!status.ok()) fail(std::string(what) + " " + status.error().message());
}

inline double us_since(Steady::time_point begin) {
  return std::chrono::duration<double, std::micro>(Steady::now() - begin).count();
}

// part 0.99: the smallest value that at least 99 % do not exceed.
inline double percentile(std::vector<double> all, double part) {
  if (all.empty()) return 0;
  const auto at =
      std::min(all.size() - 1, static_cast<std::size_t>(part * static_cast<double>(all.size())));
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(at), all.end());
  return all[at];
}

// A program that ends, at the latest, with this object and with this process.
class Child {
 public:
  // `core`: the one processor that it may use; -1: any. `log`: where its output goes.
  Child(const std::vector<std::string>& argv, const std::string& log, int core = -1) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    rlimit files{};  // what a service is given by default, wherever this runs
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = std::min<rlim_t>(1024, files.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &files);
    if (core >= 0) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(core, &set);
      ::sched_setaffinity(0, sizeof set, &set);
    }
    ::dup2(out, 1);
    ::dup2(out, 2);
    std::vector<char*> arguments;
    for (const auto& text : argv) arguments.push_back(const_cast<char*>(text.c_str()));
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ~Child() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  bool alive() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }
  int pid() const { return pid_; }

  // Of /proc/PID/status, "VmRSS": kB.
  long status_kb(const std::string& field) const {
    std::FILE* file = std::fopen(("/proc/" + std::to_string(pid_) + "/status").c_str(), "r");
    if (file == nullptr) return 0;
    char line[256];
    long kb = 0;
    while (std::fgets(line, sizeof line, file) != nullptr) {
      if (std::string(line).starts_with(field + ":")) kb = std::atol(line + field.size() + 1);
    }
    std::fclose(file);
    return kb;
  }
  // Processor time of all threads so far, by the scheduler's own clock: /proc/PID/stat counts
  // ticks, which periodic work slips between.
  double cpu_seconds() const {
    double ns = 0;
    const std::string tasks = "/proc/" + std::to_string(pid_) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      std::FILE* file = std::fopen((task.path() / "schedstat").c_str(), "r");
      if (file == nullptr) continue;  // it ended
      double own = 0;
      if (std::fscanf(file, "%lf", &own) == 1) ns += own;
      std::fclose(file);
    }
    return ns / 1e9;
  }

 private:
  pid_t pid_;
};

inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) fail("no free port");
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

inline bool listens(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool up = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return up;
}

inline void wait_until(const char* what, const std::function<bool()>& done,
                       std::chrono::seconds patience = std::chrono::seconds(30)) {
  const auto deadline = Steady::now() + patience;
  while (!done()) {
    if (Steady::now() > deadline) fail(std::string("waited too long until ") + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace bench
