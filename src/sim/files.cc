#include "sim/files.h"

namespace lander::sim {
namespace {

using base::Code;
using base::Error;

base::Status status(Io io, const std::string& what) {
  if (io == Io::kOk) return {};
  if (io == Io::kFull) return Error(Code::kExhausted, what + ": no space left on device");
  return Error(Code::kIo,
               what + (io == Io::kBad ? ": input/output error" : ": the machine is dead"));
}

}  // namespace

base::Result<base::Bytes> SimFiles::read(const std::string& path, std::uint64_t max_bytes) {
  LANDER_TRY(status(disk_.dead() ? Io::kDead : Io::kOk, "reading " + path));
  const SimFilePtr file = disk_.find(path);
  if (!file) return Error(Code::kNotFound, "reading " + path + ": no such file");
  if (file->data.size() > max_bytes) return Error(Code::kExhausted, path + " is too large");
  base::Bytes out(file->data.size());
  std::size_t got = 0;
  LANDER_TRY(status(disk_.read(*file, 0, out, got), "reading " + path));
  return out;
}

base::Status SimFiles::write_durably(const std::string& path, base::ByteView bytes, unsigned) {
  return status(disk_.replace(path, bytes), "writing " + path);
}

base::Status SimFiles::create_durably(const std::string& path, base::ByteView bytes, unsigned) {
  if (exists(path)) return Error(Code::kExists, "creating " + path + ": it exists already");
  return status(disk_.replace(path, bytes), "creating " + path);
}

base::Status SimFiles::remove(const std::string& path) {
  return status(disk_.remove(path, true), "removing " + path);
}

base::Status SimFiles::make_folders(const std::string& path, unsigned) {
  return status(disk_.make_folder(path), "making " + path);
}

bool SimFiles::exists(const std::string& path) {
  return disk_.find(path) != nullptr || disk_.is_folder(path);
}

base::Result<std::vector<std::string>> SimFiles::list(const std::string& folder) {
  return disk_.list(folder);
}

base::Result<std::uint64_t> SimFiles::size(const std::string& path) {
  const SimFilePtr file = disk_.find(path);
  if (!file) return Error(Code::kNotFound, path + ": no such file");
  return std::uint64_t{file->data.size()};
}

base::Result<std::uint64_t> SimFiles::free_bytes(const std::string&) { return disk_.free_bytes(); }

}  // namespace lander::sim
