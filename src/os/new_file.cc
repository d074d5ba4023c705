#include "os/new_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "os/descriptor.h"
#include "os/system_error.h"

namespace lander::os {
namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

base::Status sync(const std::string& path, int flags) {
  const Descriptor handle(::open(path.c_str(), flags | O_CLOEXEC));
  if (!handle.valid() || ::fsync(handle.get()) != 0) return system_error("syncing " + path, errno);
  return {};
}

}  // namespace

NewFile::NewFile(std::string path, int handle) : path_(std::move(path)), handle_(handle) {
  const auto slash = path_.rfind('/');
  temporary_ = folder_of(path_) + "/." +
               (slash == std::string::npos ? path_ : path_.substr(slash + 1)) + ".tmp";
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      handle_(std::exchange(other.handle_, -1)) {}

NewFile::~NewFile() {
  if (handle_ >= 0) ::close(handle_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

base::Result<NewFile> NewFile::create(const std::string& path) {
  NewFile file(path, -1);
  file.handle_ =
      ::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file.handle_ < 0) {
    const int error = errno;
    file.temporary_.clear();
    return system_error("creating " + path, error);
  }
  return file;
}

base::Status NewFile::append(base::ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(handle_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("writing " + path_, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

base::Status NewFile::finish() {
  // By name: a library may have put another file there.
  LANDER_TRY(sync(temporary_, O_RDONLY));
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return system_error("renaming to " + path_, errno);
  }
  temporary_.clear();
  return sync(folder_of(path_), O_RDONLY | O_DIRECTORY);
}

}  // namespace lander::os
