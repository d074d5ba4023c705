// A SQLite VFS that counts what is written, over the system's own.
#pragma once

#include <cstdint>
#include <string>

namespace bench {

struct Written {
  std::uint64_t database = 0, log = 0, other = 0;  // bytes that SQLite hands to write()
  std::uint64_t blocks = 0;  // 4 KiB blocks that it touched between two syncs of a file, x 4,096:
                             // what reaches the disk when a page is the least that is written
  std::uint64_t syncs = 0;
  std::uint64_t sum() const { return database + log + other; }
};

// Registers it under the name that it returns. `skip_syncs`: syncs are counted, not done, which
// makes hours of commits quick and changes no byte of what SQLite writes.
std::string register_counting_vfs(bool skip_syncs);
Written written();  // since it was registered, by all threads

}  // namespace bench
