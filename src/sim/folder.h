// os::Folder over a SimDisk: a stick that loses what was not synced when it is pulled out, and
// tears what was being written.
#pragma once

#include <set>
#include <string>

#include "os/folder.h"
#include "sim/disk.h"

namespace lander::sim {

class SimFolder final : public os::Folder {
 public:
  explicit SimFolder(SimDisk& disk) : disk_(disk) {}
  base::Result<std::vector<Entry>> list(const std::string& path, std::size_t max) override;
  base::Result<base::Bytes> read(const std::string& path, std::uint64_t max_bytes) override;
  base::Status write(const std::string& path, base::ByteView bytes) override;
  base::Status remove(const std::string& path) override;
  base::Status make_folders(const std::string& path) override;
  base::Result<std::uint64_t> free_bytes() override { return disk_.free_bytes(); }

 private:
  SimDisk& disk_;
  std::set<std::string> folders_{""};  // the disk holds them durable, and does not list them
};

}  // namespace lander::sim
