// Other programs that tests talk to: started, watched by what they print, and killed. Tests only.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace lander::carrier {

inline bool eventually(const std::function<bool()>& what) {
  for (int i = 0; i < 3000; ++i) {
    if (what()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class TestFolder {
 public:
  TestFolder() {
    char name[] = "/tmp/lander-carrier-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    int pipe[2];
    EXPECT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(pipe[1], 1);
      ::dup2(pipe[1], 2);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(pipe[1]);
    out_ = pipe[0];
  }
  ~Program() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(out_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void signal(int number) { ::kill(pid_, number); }
  // Reads on until a line that was not yet waited for holds `text`; that line, or "".
  std::string wait_for(const std::string& text) {
    while (true) {
      for (auto end = said_.find('\n'); end != std::string::npos; end = said_.find('\n')) {
        const std::string line = said_.substr(0, end);
        said_.erase(0, end + 1);
        if (line.find(text) != std::string::npos) return line;
      }
      pollfd waiting{out_, POLLIN, 0};
      char buffer[4096];
      if (::poll(&waiting, 1, 30'000) <= 0) return "";
      const auto got = ::read(out_, buffer, sizeof buffer);
      if (got <= 0) return "";
      said_.append(buffer, static_cast<std::size_t>(got));
    }
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  std::string said_;
};

}  // namespace lander::carrier
