// os::Files over a SimDisk.
#pragma once

#include "os/files.h"
#include "sim/disk.h"

namespace lander::sim {

class SimFiles final : public os::Files {
 public:
  explicit SimFiles(SimDisk& disk) : disk_(disk) {}
  base::Result<base::Bytes> read(const std::string& path, std::uint64_t max_bytes) override;
  base::Status write_durably(const std::string& path, base::ByteView bytes, unsigned mode) override;
  base::Status create_durably(const std::string& path, base::ByteView bytes,
                              unsigned mode) override;
  base::Status remove(const std::string& path) override;
  base::Status make_folders(const std::string& path, unsigned mode) override;
  bool exists(const std::string& path) override;
  base::Result<std::vector<std::string>> list(const std::string& folder) override;
  base::Result<std::uint64_t> size(const std::string& path) override;
  base::Result<std::uint64_t> free_bytes(const std::string& folder) override;

 private:
  SimDisk& disk_;
};

}  // namespace lander::sim
