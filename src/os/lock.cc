#include "os/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "os/system_error.h"

namespace lander::os {

base::Result<FolderLock> FolderLock::take(const std::string& folder) {
  const std::string path = folder + "/lock";
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return system_error("opening " + path, errno);
  std::array<char, 32> text{};
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("locking " + path, errno);
    const ssize_t size = ::pread(file.get(), text.data(), text.size() - 1, 0);
    const std::string holder = size > 0 ? " (process " + std::string(text.data()) + ")" : "";
    return base::Error(base::Code::kConflict, folder + " is in use by another program" + holder +
                                                  ": stop it first, or use another folder");
  }
  // For people only: who comes second is told it. Whether it could be written changes nothing.
  const std::string mine = std::to_string(::getpid());
  if (::ftruncate(file.get(), 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(file.get(), mine.data(), mine.size(), 0);
  }
  return FolderLock(std::move(file));
}

}  // namespace lander::os
