#include "os/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "os/descriptor.h"

namespace lander::os {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kMaxAnswer = 1024;

// Turns the echo off for as long as it lives.
class Silence {
 public:
  explicit Silence(int fd) : fd_(fd), known_(::tcgetattr(fd, &before_) == 0) {
    if (!known_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  ~Silence() {
    if (known_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  int fd_;
  termios before_{};
  bool known_;
};

base::Result<std::string> read_line(int fd) {
  std::string answer;
  for (;;) {
    char c = 0;
    const ssize_t got = ::read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Error(Code::kUnavailable, "the terminal ended before an answer came");
    if (c == '\n' || c == '\r') return answer;
    if (answer.size() == kMaxAnswer) return Error(Code::kExhausted, "the answer is too long");
    answer += c;
  }
}

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

int terminal_columns(int fd, int fallback) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : fallback;
}

bool write_text(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

base::Result<std::string> ask_on_terminal(std::string_view question, bool secret) {
  const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal.valid()) return Error(Code::kUnavailable, "there is no terminal to ask on");
  write_text(terminal.get(), question);
  if (!secret) return read_line(terminal.get());
  auto answer = [&] {
    const Silence silence(terminal.get());
    return read_line(terminal.get());
  }();
  write_text(terminal.get(), "\n");
  return answer;
}

void pause(base::DurationUs duration) {
  std::this_thread::sleep_for(std::chrono::microseconds(std::max<base::DurationUs>(duration, 0)));
}

}  // namespace lander::os
