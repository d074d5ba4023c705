#include "sim/folder.h"

#include <algorithm>

namespace lander::sim {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kWriteBytes = 512;  // small: cuts come within a file

base::Status status(Io io, const std::string& what) {
  if (io == Io::kOk) return {};
  if (io == Io::kFull) return Error(Code::kExhausted, what + ": no space left on device");
  return Error(Code::kIo, what + (io == Io::kBad ? ": input/output error" : ": it was pulled out"));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

}  // namespace

base::Result<std::vector<os::Folder::Entry>> SimFolder::list(const std::string& path,
                                                             std::size_t max) {
  LANDER_TRY(status(disk_.dead() ? Io::kDead : Io::kOk, "listing " + path));
  if (!folders_.contains(path)) return Error(Code::kNotFound, path + ": no such folder");
  std::vector<Entry> out;
  for (const auto& folder : folders_)
    if (!folder.empty() && folder_of(folder) == path)
      out.push_back({folder.substr(path.empty() ? 0 : path.size() + 1), true, 0});
  for (const auto& name : disk_.list(path))
    out.push_back({name, false, disk_.find(path + "/" + name)->data.size()});
  if (out.size() > max) return Error(Code::kExhausted, path + " holds too many files");
  std::sort(out.begin(), out.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return out;
}

base::Result<base::Bytes> SimFolder::read(const std::string& path, std::uint64_t max_bytes) {
  LANDER_TRY(status(disk_.dead() ? Io::kDead : Io::kOk, "reading " + path));
  const SimFilePtr file = disk_.find(path);
  if (!file) return Error(Code::kNotFound, path + ": no such file");
  if (file->data.size() > max_bytes) return Error(Code::kExhausted, path + " is too large");
  base::Bytes out(file->data.size());
  std::size_t got = 0;
  LANDER_TRY(status(disk_.read(*file, 0, out, got), "reading " + path));
  return out;
}

base::Status SimFolder::write(const std::string& path, base::ByteView bytes) {
  const std::string what = "writing " + path;
  LANDER_TRY(make_folders(folder_of(path)));
  if (disk_.find(path)) LANDER_TRY(status(disk_.remove(path, false), what));
  SimFilePtr file;
  LANDER_TRY(status(disk_.create(path, file), what));
  for (std::size_t at = 0; at < bytes.size(); at += kWriteBytes) {
    const auto some = bytes.subspan(at, std::min(kWriteBytes, bytes.size() - at));
    LANDER_TRY(status(disk_.write(*file, at, some), what));
  }
  return status(disk_.sync(*file, path), what);
}

base::Status SimFolder::remove(const std::string& path) {
  return status(disk_.remove(path, true), "removing " + path);
}

base::Status SimFolder::make_folders(const std::string& path) {
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    folders_.insert(path.substr(0, end));
    if (end == std::string::npos) return {};
  }
}

}  // namespace lander::sim
