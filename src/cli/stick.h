// A stick in the hands of a person: a folder of this machine.
#pragma once

#include <memory>
#include <string>

#include "carrier/stick.h"
#include "cli/session.h"
#include "os/folder.h"

namespace lander::cli {

struct OpenStick {
  std::unique_ptr<os::Folder> folder;
  carrier::Stick files;
};
// kNotFound says that nothing is mounted there.
base::Result<OpenStick> open_stick(const std::string& path);

// "12.4 MB, 3.1 MB/s", of `bytes` that took `took`.
std::string rate_text(std::uint64_t bytes, base::DurationUs took);
// Lines for what was not taken, and a failure when there is any.
base::Status tell_refused(Session& session, const carrier::Stick::Listing& listing,
                          const carrier::Brought& brought);

}  // namespace lander::cli
