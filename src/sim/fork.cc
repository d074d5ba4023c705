#include "sim/fork.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

namespace lander::sim {

Fork fork_with_pipe() {
  int ends[2];
  LANDER_CHECK(::pipe(ends) == 0);
  const pid_t child = ::fork();
  LANDER_CHECK(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(60);
    return {0, ends[1]};
  }
  ::close(ends[1]);
  return {child, ends[0]};
}

Said hear(const Fork& fork) {
  Said out;
  char bytes[512];
  for (ssize_t got = 0; (got = ::read(fork.end, bytes, sizeof bytes)) > 0;) {
    out.text.append(bytes, static_cast<std::size_t>(got));
  }
  ::close(fork.end);
  LANDER_CHECK(::waitpid(fork.child, &out.status, 0) == fork.child);
  return out;
}

}  // namespace lander::sim
