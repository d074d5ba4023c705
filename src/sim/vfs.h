// SQLite's view of a SimDisk: a VFS with locks and shared memory, so that the code under test runs
// as it does on Linux, several connections to a file included.
#pragma once

#include <memory>
#include <string>

#include "sim/disk.h"

namespace lander::sim {

class SimVfs {
 public:
  explicit SimVfs(SimDisk& disk);  // registers itself under name()
  ~SimVfs();                       // every connection is closed by then
  SimVfs(const SimVfs&) = delete;
  SimVfs& operator=(const SimVfs&) = delete;
  const std::string& name() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace lander::sim
