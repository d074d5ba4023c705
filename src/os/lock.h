// A folder that one process at a time uses: flock(2) on the file `lock` in it. It goes with the
// process, however that ends.
#pragma once

#include <string>

#include "base/result.h"
#include "os/descriptor.h"

namespace lander::os {

class FolderLock {
 public:
  // kConflict says which process has it.
  static base::Result<FolderLock> take(const std::string& folder);

 private:
  explicit FolderLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace lander::os
