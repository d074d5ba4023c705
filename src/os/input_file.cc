#include "os/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "os/system_error.h"

namespace lander::os {

base::Result<InputFile> InputFile::open(const std::string& path) {
  Descriptor handle(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!handle.valid()) return system_error("opening " + path, errno);
  struct stat found = {};
  if (::fstat(handle.get(), &found) != 0) return system_error("opening " + path, errno);
  if (S_ISDIR(found.st_mode))
    return base::Error(base::Code::kInvalid, path + ": this is a folder, not a file");
  const bool regular = S_ISREG(found.st_mode);
  return InputFile(path, std::move(handle),
                   regular ? static_cast<std::uint64_t>(found.st_size) : 0);
}

base::Result<std::size_t> InputFile::read(std::span<char> into) {
  for (;;) {
    const ssize_t got = ::read(handle_.get(), into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return system_error("reading " + path_, errno);
  }
}

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code failed;
  if (a == b || std::filesystem::equivalent(a, b, failed)) return true;
  const auto one = std::filesystem::weakly_canonical(a, failed);
  if (failed) return false;
  const auto other = std::filesystem::weakly_canonical(b, failed);
  return !failed && one == other;
}

}  // namespace lander::os
