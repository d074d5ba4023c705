// A file that is written piece by piece and appears under its name when it is whole, or not at all.
#pragma once

#include <string>

#include "base/bytes.h"

namespace lander::os {

// One thread. Errors name the path; kExhausted: the disk is full. What a crash leaves is the
// temporary file, which the next attempt at the same name writes over.
class NewFile {
 public:
  // The folder must exist. What is at `path` stays until finish().
  static base::Result<NewFile> create(const std::string& path);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();  // removes what is not finished

  base::Status append(base::ByteView bytes);
  // Of a library that writes files by itself: it may replace what is here, instead of append().
  const std::string& temporary() const { return temporary_; }
  base::Status finish();  // durable when it returns

 private:
  NewFile(std::string path, int handle);
  std::string path_, temporary_;
  int handle_ = -1;
};

}  // namespace lander::os
