// A folder that strangers fill: a stick, somebody's laptop. Whatever stands in it, nothing outside
// of it is read or written: no link is followed, only plain files are opened.
//
// write() is not all or nothing: FAT's rename is two writes of a folder, and a cut between them
// leaves two names for one chain of clusters. What is kept here must tell by itself whether it is
// whole (carrier/stick.h names files by their hash).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace lander::os {

// Paths are relative to the folder, '/'-separated, without "." and ".."; empty: the folder itself.
// One thread at a time. Errors name the path and the operation, as os::Files' do. A stick that was
// pulled out is kIo or kNotFound.
class Folder {
 public:
  virtual ~Folder() = default;

  struct Entry {
    std::string name;
    bool folder = false;
    std::uint64_t bytes = 0;
  };
  // Plain files and folders by name, others are left out. kExhausted: more than `max` entries.
  virtual base::Result<std::vector<Entry>> list(const std::string& path, std::size_t max) = 0;
  // At most max_bytes, else kExhausted.
  virtual base::Result<base::Bytes> read(const std::string& path, std::uint64_t max_bytes) = 0;
  // Durable when it returns; a cut before that leaves any part of it.
  virtual base::Status write(const std::string& path, base::ByteView bytes) = 0;
  virtual base::Status remove(const std::string& path) = 0;  // not an error when it is gone already
  virtual base::Status make_folders(const std::string& path) = 0;
  virtual base::Result<std::uint64_t> free_bytes() = 0;  // for this user
};

// `path` may lead through links: it is the caller's. It stays the same folder if another one comes
// to stand under its name.
base::Result<std::unique_ptr<Folder>> open_folder(const std::string& path);
// A folder within another, as strictly.
base::Result<std::unique_ptr<Folder>> open_folder_within(const std::string& root,
                                                         const std::string& path);

}  // namespace lander::os
