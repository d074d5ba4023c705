// What the command touches outside itself besides the server: tests put their own in place.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/clock.h"
#include "os/files.h"

namespace lander::cli {

struct World {
  os::Files& files;
  os::Clock& clock;
  std::function<void(std::string_view)> out, err;
  std::function<std::string(const char* name)> environment;  // empty: not set
  // kUnavailable: nobody is there to answer.
  std::function<base::Result<std::string>(std::string_view question, bool secret)> ask;
  std::function<void(base::DurationUs)> pause;
  bool out_is_terminal = false, err_is_terminal = false;
  int columns = 80;
};

// The whole command but for main()'s wiring. `arguments` without the program's name.
int run(World& world, std::vector<std::string> arguments);

}  // namespace lander::cli
