#include "os/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "os/descriptor.h"
#include "os/system_error.h"

namespace lander::os {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

Error failed(const char* operation, const std::string& path) {
  return system_error(std::string(operation) + " " + path, errno);
}

template <class Call>
auto retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// One fixed name per target: what a crash leaves behind is reused by the next write, so debris
// never grows. list() does not show it.
std::string temporary_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return folder_of(path) + "/." + name + ".tmp";
}

bool is_temporary(std::string_view name) { return name.starts_with('.') && name.ends_with(".tmp"); }

Status sync_folder(const std::string& folder) {
  const Descriptor handle(
      retry([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!handle.valid()) return failed("opening the folder", folder);
  if (retry([&] { return ::fsync(handle.get()); }) != 0)
    return failed("syncing the folder", folder);
  return {};
}

Status write_all(int handle, base::ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = retry([&] { return ::write(handle, bytes.data(), bytes.size()); });
    if (written < 0) return failed("writing", path);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

// The temporary file, empty and locked against other writers of the same target. The one who held
// the lock before has renamed the file away: then the name means another inode, and we start again.
Result<Descriptor> open_temporary(const std::string& path, unsigned mode) {
  for (;;) {
    Descriptor handle(retry(
        [&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode); }));
    if (!handle.valid()) return failed("creating", path);
    if (retry([&] { return ::flock(handle.get(), LOCK_EX); }) != 0) return failed("locking", path);
    struct stat ours {
    }, named{};
    if (::fstat(handle.get(), &ours) != 0) return failed("looking at", path);
    if (::stat(path.c_str(), &named) != 0 || ours.st_ino != named.st_ino ||
        ours.st_dev != named.st_dev) {
      continue;
    }
    if (::ftruncate(handle.get(), 0) != 0) return failed("emptying", path);
    if (::fchmod(handle.get(), mode) != 0) return failed("setting the mode of", path);
    return handle;
  }
}

class SystemFiles final : public Files {
 public:
  Result<base::Bytes> read(const std::string& path, std::uint64_t max_bytes) override {
    const Descriptor handle(
        retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY); }));
    if (!handle.valid()) return failed("opening", path);
    base::Bytes out;
    struct stat info {};
    if (::fstat(handle.get(), &info) != 0) return failed("looking at", path);
    if (S_ISDIR(info.st_mode)) return system_error("reading " + path, EISDIR);
    if (info.st_size > 0) {
      if (static_cast<std::uint64_t>(info.st_size) > max_bytes) return too_large(path, max_bytes);
      out.reserve(static_cast<std::size_t>(info.st_size) + 1);
    }
    for (;;) {  // not by st_size: files of /proc say 0, and a file may grow meanwhile
      const std::size_t had = out.size();
      out.resize(std::max(out.capacity(), had + 4096));
      const ssize_t got =
          retry([&] { return ::read(handle.get(), out.data() + had, out.size() - had); });
      if (got < 0) return failed("reading", path);
      out.resize(had + static_cast<std::size_t>(got));
      if (out.size() > max_bytes) return too_large(path, max_bytes);
      if (got == 0) return out;
    }
  }

  Status write_durably(const std::string& path, base::ByteView bytes, unsigned mode) override {
    return place(path, bytes, mode, [&](const std::string& temporary) -> Status {
      if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("renaming to", path);
      return {};
    });
  }

  Status create_durably(const std::string& path, base::ByteView bytes, unsigned mode) override {
    if (exists(path)) return Error(Code::kExists, "creating " + path + ": it exists already");
    return place(path, bytes, mode, [&](const std::string& temporary) -> Status {
      if (::link(temporary.c_str(), path.c_str()) != 0) return failed("creating", path);
      ::unlink(temporary.c_str());
      return {};
    });
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0) return sync_folder(folder_of(path));
    if (errno == ENOENT) return {};
    if ((errno == EISDIR || errno == EPERM) && ::rmdir(path.c_str()) == 0) {
      return sync_folder(folder_of(path));
    }
    return failed("removing", path);
  }

  Status make_folders(const std::string& path, unsigned mode) override {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      if (::mkdir(part.c_str(), mode) == 0) {
        LANDER_TRY(sync_folder(folder_of(part)));
      } else if (errno != EEXIST) {
        return failed("making the folder", part);
      }
      if (end == std::string::npos) break;
    }
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return failed("looking at", path);
    if (!S_ISDIR(info.st_mode)) {
      return Error(Code::kExists,
                   "making the folder " + path + ": a file of that name stands there");
    }
    return {};
  }

  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  Result<std::vector<std::string>> list(const std::string& folder) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), ::closedir);
    if (!stream) return failed("listing", folder);
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(stream.get());
      if (entry == nullptr) break;
      const std::string_view name = entry->d_name;
      if (name != "." && name != ".." && !is_temporary(name)) names.emplace_back(name);
    }
    if (errno != 0) return failed("listing", folder);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<std::uint64_t> size(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return failed("looking at", path);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Result<std::uint64_t> free_bytes(const std::string& folder) override {
    struct statvfs info {};
    if (::statvfs(folder.c_str(), &info) != 0)
      return failed("asking for the free space of", folder);
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  }

 private:
  static Error too_large(const std::string& path, std::uint64_t max_bytes) {
    return {Code::kExhausted, "reading " + path + ": larger than the " + std::to_string(max_bytes) +
                                  " bytes allowed"};
  }

  template <class Publish>
  static Status place(const std::string& path, base::ByteView bytes, unsigned mode,
                      Publish publish) {
    const std::string temporary = temporary_of(path);
    LANDER_ASSIGN(const Descriptor handle, open_temporary(temporary, mode));
    Status status = write_all(handle.get(), bytes, temporary);
    if (status.ok() && retry([&] { return ::fsync(handle.get()); }) != 0) {
      status = failed("syncing", temporary);
    }
    if (status.ok()) status = publish(temporary);
    if (!status.ok()) {
      ::unlink(temporary.c_str());  // still locked: no other writer has come to use it
      return status;
    }
    return sync_folder(folder_of(path));
  }
};

}  // namespace

Files& system_files() {
  static SystemFiles files;
  return files;
}

}  // namespace lander::os
