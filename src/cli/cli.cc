#include "cli/cli.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "cli/world.h"
#include "os/process.h"
#include "os/terminal.h"

namespace lander::cli {

int main(int argc, char** argv, MakeObservationFile parquet, Lakes lakes) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  int lost = 0;  // errno of the first answer that could not be written
  World world{
      os::system_files(),
      os::system_clock(),
      [&lost](std::string_view text) {
        if (!os::write_text(STDOUT_FILENO, text) && lost == 0) lost = errno;
      },
      [](std::string_view text) { os::write_text(STDERR_FILENO, text); },
      [](const char* name) {
        const char* value = std::getenv(name);
        return std::string(value != nullptr ? value : "");
      },
      [](std::string_view question, bool secret) { return os::ask_on_terminal(question, secret); },
      [](base::DurationUs duration) { os::pause(duration); },
      os::is_terminal(STDOUT_FILENO),
      os::is_terminal(STDERR_FILENO),
      os::terminal_columns(STDOUT_FILENO, 80),
      std::move(parquet),
      std::move(lakes),
      [&arguments] { return os::become_neighbour("lander-parquet", arguments); }};
  const int code = run(world, arguments);
  if (lost == 0) return code;
  world.err("lander: writing to standard output: " + std::generic_category().message(lost) + "\n");
  return 1;
}

}  // namespace lander::cli
