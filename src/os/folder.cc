#include "os/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "os/descriptor.h"
#include "os/system_error.h"

namespace lander::os {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

template <class Call>
auto retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

Error failed(const char* operation, const std::string& path) {
  return system_error(std::string(operation) + " " + (path.empty() ? "the folder" : path), errno);
}

Result<std::vector<std::string>> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from < path.size()) {
    const std::size_t end = std::min(path.find('/', from), path.size());
    const std::string part = path.substr(from, end - from);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos)
      return Error(Code::kInvalid, "\"" + path + "\" is no path within a folder");
    parts.push_back(part);
    from = end + 1;
  }
  return parts;
}

Status sync(const Descriptor& handle, const std::string& path) {
  if (retry([&] { return ::fsync(handle.get()); }) != 0) return failed("syncing", path);
  return {};
}

class PosixFolder final : public Folder {
 public:
  PosixFolder(Descriptor root, std::string name) : root_(std::move(root)), name_(std::move(name)) {}

  Result<std::vector<Entry>> list(const std::string& path, std::size_t max) override {
    LANDER_ASSIGN(Descriptor handle, walk(path, false));
    const int own = ::dup(handle.get());
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(own < 0 ? nullptr : ::fdopendir(own),
                                                     ::closedir);
    if (!stream) {
      const Error error = failed("listing", shown(path));
      if (own >= 0) ::close(own);
      return error;
    }
    std::vector<Entry> out;
    for (std::size_t seen = 0;; ++seen) {
      errno = 0;
      const dirent* entry = ::readdir(stream.get());
      if (entry == nullptr) break;
      if (seen > max)
        return Error(Code::kExhausted,
                     shown(path) + " holds more than " + std::to_string(max) + " files");
      const std::string name = entry->d_name;
      struct stat info {};
      if (name == "." || name == ".." ||
          ::fstatat(handle.get(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        continue;
      }
      if (S_ISDIR(info.st_mode) || S_ISREG(info.st_mode))
        out.push_back({name, S_ISDIR(info.st_mode), static_cast<std::uint64_t>(info.st_size)});
    }
    if (errno != 0) return failed("listing", shown(path));
    std::sort(out.begin(), out.end(),
              [](const Entry& a, const Entry& b) { return a.name < b.name; });
    return out;
  }

  Result<base::Bytes> read(const std::string& path, std::uint64_t max_bytes) override {
    std::string name;
    LANDER_ASSIGN(const Descriptor folder, parent(path, name, false));
    const Descriptor handle(retry([&] {
      return ::openat(folder.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    }));
    struct stat info {};
    if (!handle.valid() || ::fstat(handle.get(), &info) != 0) return failed("opening", shown(path));
    if (!S_ISREG(info.st_mode))
      return Error(Code::kInvalid, shown(path) + " is no plain file: it is not opened");
    if (static_cast<std::uint64_t>(info.st_size) > max_bytes)
      return Error(Code::kExhausted, shown(path) + " is larger than the " +
                                         std::to_string(max_bytes) + " bytes allowed");
    base::Bytes out(static_cast<std::size_t>(info.st_size));
    for (std::size_t at = 0; at < out.size();) {
      const ssize_t got =
          retry([&] { return ::read(handle.get(), out.data() + at, out.size() - at); });
      if (got < 0) return failed("reading", shown(path));
      if (got == 0) out.resize(at);
      at += static_cast<std::size_t>(got);
    }
    return out;
  }

  Status write(const std::string& path, base::ByteView bytes) override {
    std::string name;
    LANDER_ASSIGN(const Descriptor folder, parent(path, name, true));
    // What stands there may be a link, or a pipe: it goes, it is not written through.
    if (::unlinkat(folder.get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return failed("replacing", shown(path));
    const Descriptor handle(retry([&] {
      return ::openat(folder.get(), name.c_str(),
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    }));
    if (!handle.valid()) return failed("creating", shown(path));
    while (!bytes.empty()) {
      const ssize_t put = retry([&] { return ::write(handle.get(), bytes.data(), bytes.size()); });
      if (put < 0) return failed("writing", shown(path));
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    LANDER_TRY(sync(handle, shown(path)));
    return sync(folder, shown(path));
  }

  Status remove(const std::string& path) override {
    std::string name;
    auto folder = parent(path, name, false);
    if (!folder.ok()) return folder.error().code() == Code::kNotFound ? Status() : folder.error();
    if (::unlinkat(folder->get(), name.c_str(), 0) == 0) return sync(*folder, shown(path));
    if (errno == ENOENT) return {};
    return failed("removing", shown(path));
  }

  Status make_folders(const std::string& path) override {
    LANDER_ASSIGN(const Descriptor made, walk(path, true));
    return {};
  }

  Result<std::uint64_t> free_bytes() override {
    struct statvfs info {};
    if (::fstatvfs(root_.get(), &info) != 0)
      return failed("asking for the free space of", shown(""));
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  }

 private:
  std::string shown(const std::string& path) const {
    return path.empty() ? name_ : name_ + "/" + path;
  }

  Result<Descriptor> walk(const std::string& path, bool make) {
    LANDER_ASSIGN(const auto parts, parts_of(path));
    Descriptor at(retry([&] { return ::openat(root_.get(), ".", kFolderFlags); }));
    if (!at.valid()) return failed("opening", shown(""));
    for (const std::string& part : parts) {
      if (make && ::mkdirat(at.get(), part.c_str(), 0755) == 0) {
        LANDER_TRY(sync(at, shown(path)));
      } else if (make && errno != EEXIST) {
        return failed("making the folder", shown(path));
      }
      Descriptor next(retry([&] { return ::openat(at.get(), part.c_str(), kFolderFlags); }));
      if (!next.valid()) return failed("opening the folder", shown(path));
      at = std::move(next);
    }
    return at;
  }

  Result<Descriptor> parent(const std::string& path, std::string& name, bool make) {
    const auto slash = path.rfind('/');
    name = slash == std::string::npos ? path : path.substr(slash + 1);
    LANDER_ASSIGN(const auto checked, parts_of(name));
    if (checked.size() != 1) return Error(Code::kInvalid, "\"" + path + "\" names no file");
    return walk(slash == std::string::npos ? "" : path.substr(0, slash), make);
  }

  const Descriptor root_;
  const std::string name_;
};

}  // namespace

Result<std::unique_ptr<Folder>> open_folder(const std::string& path) {
  Descriptor root(retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!root.valid()) return failed("opening the folder", path);
  return std::unique_ptr<Folder>(std::make_unique<PosixFolder>(std::move(root), path));
}

Result<std::unique_ptr<Folder>> open_folder_within(const std::string& root,
                                                   const std::string& path) {
  LANDER_ASSIGN(const auto parts, parts_of(path));
  Descriptor at(retry([&] { return ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!at.valid()) return failed("opening the folder", root);
  for (const std::string& part : parts) {
    Descriptor next(retry([&] { return ::openat(at.get(), part.c_str(), kFolderFlags); }));
    if (!next.valid()) return failed("opening the folder", root + "/" + path);
    at = std::move(next);
  }
  return std::unique_ptr<Folder>(std::make_unique<PosixFolder>(std::move(at), root + "/" + path));
}

}  // namespace lander::os
