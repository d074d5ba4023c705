// One machine's disk in memory, with what real ones do at a power cut: writes that were not synced
// arrive in part, out of order, torn within a sector; files that were made or removed without a
// sync of their folder may be there or not.
//
// A machine dies through its disk: after cut_after() operations, or at once, every call fails, as
// if the code under test had stopped there. Single-threaded.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "sim/random.h"

namespace lander::sim {

enum class Io { kOk, kFull, kDead };
enum class Cut {
  kPower,    // what was not synced may be lost
  kProcess,  // kill -9: the kernel keeps what was written
};

struct SimFile {
  base::Bytes data;  // as a reader sees it
  struct Change {
    std::uint64_t offset;
    base::Bytes before, after;  // of [offset, offset + size); shorter where the file ended
    std::uint64_t size_before, size_after;
  };
  std::vector<Change> unsynced;
  bool named = false;  // its name is durable
};
using SimFilePtr = std::shared_ptr<SimFile>;

class SimDisk {
 public:
  explicit SimDisk(std::uint64_t seed) : random_(seed) {}

  SimFilePtr find(const std::string& path) const;
  Io create(const std::string& path, SimFilePtr& out);
  Io write(SimFile& file, std::uint64_t offset, base::ByteView bytes);
  Io truncate(SimFile& file, std::uint64_t size);
  // `path` of a file whose folder is to be synced too; empty: content only.
  Io sync(SimFile& file, const std::string& path);
  Io remove(const std::string& path, bool sync_folder);
  // All of a new content or all of the old, durable: what os::Files promises.
  Io replace(const std::string& path, base::ByteView bytes);
  Io make_folder(const std::string& path);
  bool is_folder(const std::string& path) const { return folders_.contains(path); }
  std::vector<std::string> list(const std::string& folder) const;

  // Counts down at every write, truncation, sync, creation and removal; that one still counts as
  // under way.
  void cut_after(std::uint64_t operations, Cut cut);
  void cut_now(Cut cut);
  void disarm() { left_.reset(); }
  bool dead() const { return dead_; }
  void revive();  // everything that had files open is gone by now

  void limit(std::uint64_t bytes) { limit_ = bytes; }  // of the whole disk
  std::uint64_t used() const { return used_; }
  std::uint64_t free_bytes() const { return limit_ > used_ ? limit_ - used_ : 0; }
  std::uint64_t operations() const { return operations_; }
  void lie_about_syncs() { lies_ = true; }  // a broken disk: a check of the checks

 private:
  bool alive();  // counts the operation; false: the disk died before or with it
  void lose_unsynced();
  void settle(SimFile& file);
  void resize(SimFile& file, std::uint64_t size);
  void put(SimFile& file, std::uint64_t offset, base::ByteView bytes);

  SimRandom random_;
  std::map<std::string, SimFilePtr> files_;
  std::map<std::string, SimFilePtr> removed_;  // their names are still on the platter
  std::set<std::string> folders_;
  std::optional<std::uint64_t> left_;
  Cut cut_ = Cut::kPower;
  bool dead_ = false, lies_ = false;
  std::uint64_t limit_ = std::uint64_t{8} << 30, used_ = 0, operations_ = 0;
};

}  // namespace lander::sim
