#include "os/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "os/clock.h"
#include "os/descriptor.h"
#include "os/system_error.h"

namespace lander::os {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kErrorTail = 4096;

// Never 0, 1 or 2: the child puts its own there before it is done with these.
Result<Descriptor> above_standard(int raw, const char* what) {
  Descriptor original(raw);
  if (!original.valid()) return system_error(what, errno);
  if (raw > 2) return original;
  Descriptor moved(::fcntl(raw, F_DUPFD_CLOEXEC, 3));
  if (!moved.valid()) return system_error(what, errno);
  return moved;
}

struct Pipe {
  Descriptor read, write;
};

Result<Pipe> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("making a pipe", errno);
  auto read = above_standard(ends[0], "making a pipe");
  auto write = above_standard(ends[1], "making a pipe");
  if (!read.ok()) return read.error();
  if (!write.ok()) return write.error();
  return Pipe{std::move(*read), std::move(*write)};
}

// The input as a file in memory: nothing to feed while the child runs, no SIGPIPE when it does not
// read.
Result<Descriptor> make_input(base::ByteView input) {
  LANDER_ASSIGN(Descriptor file,
                above_standard(::memfd_create("lander-input", MFD_CLOEXEC), "making the input"));
  while (!input.empty()) {
    const ssize_t written = ::write(file.get(), input.data(), input.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("writing the input", errno);
    input = input.subspan(static_cast<std::size_t>(written));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return system_error("rewinding the input", errno);
  return file;
}

// All that the child needs, made before fork: between fork and exec only async-signal-safe calls.
struct ChildPlan {
  std::vector<char*> argv;
  int input, output, error, report;
  rlim_t memory, cpu_s, file_bytes, open_files;
  pid_t parent;
};

void limit(int resource, rlim_t value) {
  rlimit both{value, value};
  rlimit old{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &old) == 0) {
    both.rlim_max = std::min(value, old.rlim_max);
    both.rlim_cur = both.rlim_max;
  }
  ::setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

[[noreturn]] void become(const ChildPlan& plan) {
  auto fail = [&] {
    const int number = errno;
    [[maybe_unused]] const ssize_t written = ::write(plan.report, &number, sizeof number);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(127);  // it died before the line above
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  for (int number = 1; number < 32; ++number) ::sigaction(number, &usual, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(plan.input, 0) < 0 || ::dup2(plan.output, 1) < 0 || ::dup2(plan.error, 2) < 0) fail();
  if (::syscall(SYS_close_range, 3u, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */) != 0) {
    for (int handle = 3; handle < 65536; ++handle) ::fcntl(handle, F_SETFD, FD_CLOEXEC);
  }
  if (::chdir("/") != 0) fail();
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, plan.cpu_s);
  limit(RLIMIT_NOFILE, plan.open_files);
  if (plan.memory > 0) limit(RLIMIT_AS, plan.memory);
  limit(RLIMIT_FSIZE, plan.file_bytes);
  static char path[] = "PATH=/usr/bin:/bin";
  static char language[] = "LANG=C.UTF-8";
  char* const environment[] = {path, language, nullptr};
  ::execve(plan.argv[0], plan.argv.data(), environment);
  fail();
  ::_exit(127);
}

// Reads what stands ready. False at the end of the stream.
template <class Take>
bool drain(int handle, Take take) {
  std::uint8_t buffer[16384];
  for (;;) {
    const ssize_t got = ::read(handle, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    if (!take(base::ByteView(buffer, static_cast<std::size_t>(got)))) return true;
  }
}

// A child that runs, and our ends of what connects us.
struct Child {
  pid_t number = -1;
  Descriptor watch, output, error;
  Descriptor input;  // of a child that waits for what to do
};

// The parent's side: reads until the child is dead, kills it when it goes past a bound.
class Collector {
 public:
  Collector(const ProcessOptions& options, Child child, base::ByteView input)
      : options_(options),
        child_(child.number),
        watch_(std::move(child.watch)),
        output_(std::move(child.output)),
        error_(std::move(child.error)),
        feed_(std::move(child.input)),
        input_(input) {
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(error_.get(), F_SETFL, O_NONBLOCK);
  }

  Result<ProcessResult> run() {
    const base::TimeUs end = system_clock().monotonic_us() + options_.time;
    for (bool alive = true; alive;) {
      const base::DurationUs left = end - system_clock().monotonic_us();
      if (left <= 0 && !killed_) {
        result_.timed_out = true;
        kill_all();
      }
      feed();
      pollfd set[4] = {{watch_.get(), POLLIN, 0},
                       {output_.get(), POLLIN, 0},
                       {error_.get(), POLLIN, 0},
                       {feed_.get(), POLLOUT, 0}};
      const int wait_ms =
          killed_ ? -1 : static_cast<int>(std::min<base::DurationUs>(left / 1000 + 1, 1 << 30));
      if (::poll(set, 4, wait_ms) < 0 && errno != EINTR) {
        kill_all();
        reap();
        return system_error("waiting for " + options_.argv[0], errno);
      }
      alive = (set[0].revents & POLLIN) == 0;
      read_both();
    }
    kill_all();  // what the child started; its number is ours until it is reaped
    read_both();
    reap();
    return std::move(result_);
  }

 private:
  void kill_all() {
    ::kill(-child_, SIGKILL);
    ::kill(child_, SIGKILL);
    killed_ = true;
  }

  void feed() {
    while (feed_.valid() && !input_.empty()) {
      const ssize_t sent =
          ::send(feed_.get(), input_.data(), input_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) return;
      if (sent < 0) break;  // it does not read any more: its end tells why
      input_ = input_.subspan(static_cast<std::size_t>(sent));
    }
    feed_.close();
  }

  void read_both() {
    if (output_.valid() && !drain(output_.get(), [&](base::ByteView got) { return keep(got); })) {
      output_.close();
    }
    if (error_.valid() && !drain(error_.get(), [&](base::ByteView got) {
          result_.error_tail.append(base::as_text(got));
          if (result_.error_tail.size() > 2 * kErrorTail) trim();
          return true;
        })) {
      error_.close();
    }
  }

  bool keep(base::ByteView got) {
    const std::size_t room = options_.max_output - result_.output.size();
    const auto taken = got.first(std::min(room, got.size()));
    result_.output.insert(result_.output.end(), taken.begin(), taken.end());
    if (got.size() <= room) return true;
    result_.output_truncated = true;
    if (!killed_) kill_all();
    return false;
  }

  void trim() {
    if (result_.error_tail.size() > kErrorTail) {
      result_.error_tail.erase(0, result_.error_tail.size() - kErrorTail);
    }
  }

  void reap() {
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
    if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
    trim();
  }

  const ProcessOptions& options_;
  pid_t child_;
  Descriptor watch_, output_, error_, feed_;
  base::ByteView input_;
  ProcessResult result_;
  bool killed_ = false;
};

void abandon(pid_t child) {
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<Child> start_child(const ProcessOptions& options, int input) {
  if (options.argv.empty()) return Error(Code::kInvalid, "run_process: no program named");
  LANDER_ASSIGN(Pipe output, make_pipe());
  LANDER_ASSIGN(Pipe error, make_pipe());
  LANDER_ASSIGN(Pipe report, make_pipe());
  ChildPlan plan{.argv = {},
                 .input = input,
                 .output = output.write.get(),
                 .error = error.write.get(),
                 .report = report.write.get(),
                 .memory = options.memory_bytes,
                 .cpu_s = static_cast<rlim_t>(options.time / base::kSecond + 1),
                 .file_bytes = options.max_file_bytes,
                 .open_files = options.max_open_files,
                 .parent = ::getpid()};
  for (const std::string& part : options.argv) plan.argv.push_back(const_cast<char*>(part.c_str()));
  plan.argv.push_back(nullptr);

  const pid_t child = ::fork();
  if (child < 0) return system_error("making a process for " + options.argv[0], errno);
  if (child == 0) become(plan);
  ::setpgid(child, child);  // in both: whoever comes first
  output.write.close();
  error.write.close();
  report.write.close();
  Descriptor watch(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  if (!watch.valid()) {
    const int number = errno;
    abandon(child);
    return system_error("watching " + options.argv[0], number);
  }
  // The report pipe closes itself at exec; a number in it says why there was none.
  int number = 0;
  ssize_t got = 0;
  do {
    got = ::read(report.read.get(), &number, sizeof number);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof number) {
    abandon(child);
    return system_error("starting " + options.argv[0], number);
  }
  return Child{child, std::move(watch), std::move(output.read), std::move(error.read), {}};
}

}  // namespace

Result<ProcessResult> run_process(const ProcessOptions& options) {
  LANDER_ASSIGN(const Descriptor input, make_input(options.input));
  LANDER_ASSIGN(Child child, start_child(options, input.get()));
  return Collector(options, std::move(child), {}).run();
}

struct Process::Parts {
  ProcessOptions options;
  Child child;
};

Process::Process(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Process::Process(Process&&) noexcept = default;
Process::~Process() {
  if (!parts_) return;
  ::kill(-parts_->child.number, SIGKILL);
  abandon(parts_->child.number);
}

Result<Process> Process::start(const ProcessOptions& options) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return system_error("making a pipe", errno);
  auto ours = above_standard(ends[0], "making a pipe");
  auto its = above_standard(ends[1], "making a pipe");
  if (!ours.ok()) return ours.error();
  if (!its.ok()) return its.error();
  LANDER_ASSIGN(Child child, start_child(options, its->get()));
  child.input = std::move(*ours);
  return Process(std::make_unique<Parts>(Parts{options, std::move(child)}));
}

bool Process::alive() const {
  if (!parts_) return false;
  pollfd watch{parts_->child.watch.get(), POLLIN, 0};
  return ::poll(&watch, 1, 0) == 0;
}

Result<ProcessResult> Process::finish(base::ByteView input) {
  if (!parts_) return Error(Code::kInvalid, "the child has had its work");
  const std::unique_ptr<Parts> parts = std::move(parts_);
  return Collector(parts->options, std::move(parts->child), input).run();
}

Error become_neighbour(const std::string& name, const std::vector<std::string>& arguments) {
  const auto own = absolute_path("/proc/self/exe");
  if (!own.ok()) return own.error();
  const std::string path = own->substr(0, own->rfind('/') + 1) + name;
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(path.c_str(), argv.data());
  return system_error("starting " + path, errno);
}

Result<std::string> own_program() {
  // Not where it leads: an upgrade that replaced the file would leave a path to nothing, or to
  // another version. The child, before it executes this, is the same program.
  constexpr const char* kSelf = "/proc/self/exe";
  if (::access(kSelf, X_OK) != 0) return system_error(std::string("finding ") + kSelf, errno);
  return std::string(kSelf);
}

Result<std::string> absolute_path(const std::string& path) {
  char* found = ::realpath(path.c_str(), nullptr);
  const int error = errno;
  if (found == nullptr) return system_error("finding " + path, error);
  std::string out = found;
  std::free(found);
  return out;
}

}  // namespace lander::os
