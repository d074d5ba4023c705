// The terminal of the person who runs a program: is there one, how wide, what do they answer.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace lander::os {

bool is_terminal(int fd);
// Columns of the terminal on `fd`, or `fallback` when it is none.
int terminal_columns(int fd, int fallback);
// Writes all of it. False: a full disk or a closed descriptor ended the attempt; errno says which.
bool write_text(int fd, std::string_view text);
// Asks on the controlling terminal (/dev/tty), whatever stdin and stdout are. With `secret` the
// answer is not shown while it is typed. At most 1024 bytes, without the line break. kUnavailable:
// there is no terminal, or it ended before the answer did.
base::Result<std::string> ask_on_terminal(std::string_view question, bool secret);
// Waits. For programs that ask a server again and again for a person; servers wait on conditions.
void pause(base::DurationUs duration);

}  // namespace lander::os
