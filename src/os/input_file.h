// A file, pipe or terminal that is read from its beginning to its end.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "os/descriptor.h"

namespace lander::os {

// One thread. Errors name the path; kInvalid: it is a folder.
class InputFile {
 public:
  static base::Result<InputFile> open(const std::string& path);
  // How much of `into` was filled; 0 at the end.
  base::Result<std::size_t> read(std::span<char> into);
  std::uint64_t size() const { return size_; }  // 0: unknown

 private:
  InputFile(std::string path, Descriptor handle, std::uint64_t size)
      : path_(std::move(path)), handle_(std::move(handle)), size_(size) {}
  std::string path_;
  Descriptor handle_;
  std::uint64_t size_ = 0;
};

// Whether both names lead to one file ("a", "./a", a link to it), or will once it is made.
bool is_same_file(const std::string& a, const std::string& b);

}  // namespace lander::os
