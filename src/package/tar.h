// Private to src/package: the one form of tar (POSIX ustar, regular files, no times, no owners)
// that packages have. Formats: docs/formats/package.md.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace lander::package {

struct TarEntry {
  std::string name;  // at most 100 bytes, not empty
  base::ByteView bytes;
};

base::Bytes write_tar(const std::vector<TarEntry>& entries);
// The entries borrow `tar`. Accepts only what write_tar() can write, and at most `most` entries;
// kCorrupt names the byte.
base::Result<std::vector<TarEntry>> read_tar(base::ByteView tar, std::size_t most);

}  // namespace lander::package
