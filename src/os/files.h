// The seam to the file system for everything except SQLite databases (whose seam is the VFS) and
// DuckDB's Parquet files. Paths are absolute or relative to the process's folder, '/'-separated.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace lander::os {

// Thread-safe. Errors name the path and the operation; kNotFound, kExists, kExhausted (disk full),
// kDenied and kIo are told apart.
class Files {
 public:
  virtual ~Files() = default;

  // At most max_bytes, else kExhausted: what is read from outside is bounded.
  virtual base::Result<base::Bytes> read(const std::string& path, std::uint64_t max_bytes) = 0;
  // All or nothing, durable when it returns: temporary file, fsync, rename, fsync of the folder.
  virtual base::Status write_durably(const std::string& path, base::ByteView bytes,
                                     unsigned mode = 0644) = 0;
  // As write_durably, but kExists when the path exists: link(2), atomic between processes.
  virtual base::Status create_durably(const std::string& path, base::ByteView bytes,
                                      unsigned mode = 0644) = 0;
  virtual base::Status remove(const std::string& path) = 0;  // not an error when it is gone already
  virtual base::Status make_folders(const std::string& path, unsigned mode = 0755) = 0;
  virtual bool exists(const std::string& path) = 0;
  virtual base::Result<std::vector<std::string>> list(
      const std::string& folder) = 0;  // names, sorted
  virtual base::Result<std::uint64_t> size(const std::string& path) = 0;
  virtual base::Result<std::uint64_t> free_bytes(const std::string& folder) = 0;  // for this user
};

Files& system_files();

}  // namespace lander::os
