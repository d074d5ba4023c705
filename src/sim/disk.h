// One machine's disk in memory, with what real ones do at a power cut: writes that were not synced
// arrive in part, out of order, torn within a sector; files that were made or removed without a
// sync of their folder may be there or not.
//
// A machine dies through its disk: after cut_after() operations, or at once, every call fails, as
// if the code under test had stopped there. And a disk may be ill for a while: fail() makes calls
// fail that a real one fails. Single-threaded.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "sim/random.h"

namespace lander::sim {

enum class Io { kOk, kFull, kDead, kBad };  // kBad: EIO
enum class Cut {
  kPower,    // what was not synced may be lost
  kProcess,  // kill -9: the kernel keeps what was written; of the last write perhaps some pages
             // only
};

// What a call is to a disk that fails.
enum class Call { kRead, kWrite, kSync, kName };  // kName: makes, opens or removes a file
struct Fault {
  bool full = false;  // ENOSPC, of writes and new names only; else EIO, of everything
  // After a failed sync Linux takes the pages for clean: no later sync writes them. Most file
  // systems go on showing what was written; this shows what the disk has.
  bool reverts = false;
  std::uint64_t calls = 1;  // so many fail, then the disk is well again
};

struct SimFile {
  base::Bytes data;  // as a reader sees it
  struct Change {
    std::uint64_t offset;
    base::Bytes before, after;  // of [offset, offset + size); shorter where the file ended
    std::uint64_t size_before, size_after;
  };
  std::vector<Change> unsynced;
  // What the disk has beneath `unsynced`, once a sync failed; until then that follows from those.
  std::optional<base::Bytes> platter;
  bool named = false;  // its name is durable
};
using SimFilePtr = std::shared_ptr<SimFile>;

class SimDisk {
 public:
  explicit SimDisk(std::uint64_t seed) : random_(seed) {}

  // The same disk at this moment, for what chance may do from here on.
  std::unique_ptr<SimDisk> copy(std::uint64_t seed) const;

  SimFilePtr find(const std::string& path) const;
  // Io::kOk of a file that may be opened.
  Io open();
  // `got`: how much of `out` stands before the file's end.
  Io read(const SimFile& file, std::uint64_t offset, std::span<std::uint8_t> out, std::size_t& got);
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

  // Called at each operation that cut_after() counts, when it is under way.
  void on_operation(std::function<void()> watch) { on_operation_ = std::move(watch); }
  // Called before each call; it may start to fail() with this one.
  void on_call(std::function<void(Call)> watch) { on_call_ = std::move(watch); }
  void fail(const Fault& fault) { fault_ = fault; }
  bool failing() const { return fault_.has_value(); }
  void heal() { fault_.reset(); }
  std::uint64_t failed() const { return failed_; }  // calls

  void limit(std::uint64_t bytes) { limit_ = bytes; }  // of the whole disk
  std::uint64_t used() const { return used_; }
  std::uint64_t free_bytes() const { return limit_ > used_ ? limit_ - used_ : 0; }
  std::uint64_t operations() const { return operations_; }
  void lie_about_syncs() { lies_ = true; }  // a broken disk: a check of the checks

 private:
  Io begin(Call call);  // not kOk: the disk died before, or this call fails
  Io under_way();       // counts the operation; not kOk: the disk died with it
  void lose_unsynced();
  void settle(SimFile& file);
  void tear_last_write();
  void fail_sync(SimFile& file);
  void write_back(SimFile& file);
  void apply_some(SimFile& file, const std::vector<SimFile::Change>& changes);
  static void undo(base::Bytes& data, const std::vector<SimFile::Change>& changes);
  void resize(SimFile& file, std::uint64_t size);
  void put(SimFile& file, std::uint64_t offset, base::ByteView bytes);

  SimRandom random_;
  std::function<void()> on_operation_;
  std::function<void(Call)> on_call_;
  std::optional<Fault> fault_;
  SimFile* last_write_ = nullptr;  // the operation under way is a write of it
  std::map<std::string, SimFilePtr> files_;
  std::map<std::string, SimFilePtr> removed_;  // their names are still on the platter
  std::set<std::string> folders_;
  std::optional<std::uint64_t> left_;
  Cut cut_ = Cut::kPower;
  bool dead_ = false, lies_ = false, reverts_ = false;
  std::uint64_t limit_ = std::uint64_t{8} << 30, used_ = 0, operations_ = 0, failed_ = 0;
};

}  // namespace lander::sim
