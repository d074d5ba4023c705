// A copy of this process that tries one thing from where this one stands, and says how it went.
#pragma once

#include <sys/types.h>

#include <string>

namespace lander::sim {

struct Fork {
  pid_t child = 0;  // 0: this is the copy
  int end = -1;     // of a pipe: the copy writes, the other reads
};
// A copy that hangs is one that fails: it is ended after a minute.
Fork fork_with_pipe();

struct Said {
  std::string text;
  int status = 0;  // as waitpid tells it
};
Said hear(const Fork& fork);  // until the copy ended

}  // namespace lander::sim
