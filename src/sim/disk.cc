#include "sim/disk.h"

#include <algorithm>
#include <utility>

namespace lander::sim {
namespace {

constexpr std::uint64_t kSector = 512;

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

SimFilePtr SimDisk::find(const std::string& path) const {
  const auto at = files_.find(path);
  return at == files_.end() ? nullptr : at->second;
}

bool SimDisk::alive() {
  if (dead_) return false;
  ++operations_;
  return true;
}

void SimDisk::resize(SimFile& file, std::uint64_t size) {
  used_ += size - file.data.size();  // wraps as it should where the file shrinks
  file.data.resize(size);
}

void SimDisk::put(SimFile& file, std::uint64_t offset, base::ByteView bytes) {
  if (file.data.size() < offset + bytes.size()) resize(file, offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), file.data.begin() + static_cast<std::ptrdiff_t>(offset));
}

Io SimDisk::create(const std::string& path, SimFilePtr& out) {
  if (!alive()) return Io::kDead;
  out = files_[path] = std::make_shared<SimFile>();
  if (left_ && (*left_)-- == 0) cut_now(cut_);
  return dead_ ? Io::kDead : Io::kOk;
}

Io SimDisk::write(SimFile& file, std::uint64_t offset, base::ByteView bytes) {
  if (!alive()) return Io::kDead;
  const std::uint64_t end = offset + bytes.size();
  if (end > file.data.size() && end - file.data.size() > free_bytes()) return Io::kFull;
  SimFile::Change change{offset, {}, {bytes.begin(), bytes.end()}, file.data.size(), 0};
  const std::uint64_t known = std::min<std::uint64_t>(end, file.data.size());
  if (offset < known) {
    change.before.assign(file.data.begin() + static_cast<std::ptrdiff_t>(offset),
                         file.data.begin() + static_cast<std::ptrdiff_t>(known));
  }
  put(file, offset, bytes);
  change.size_after = file.data.size();
  file.unsynced.push_back(std::move(change));
  if (left_ && (*left_)-- == 0) cut_now(cut_);
  return dead_ ? Io::kDead : Io::kOk;
}

Io SimDisk::truncate(SimFile& file, std::uint64_t size) {
  if (!alive()) return Io::kDead;
  SimFile::Change change{size, {}, {}, file.data.size(), size};
  if (size < file.data.size()) {
    change.before.assign(file.data.begin() + static_cast<std::ptrdiff_t>(size), file.data.end());
  }
  resize(file, size);
  file.unsynced.push_back(std::move(change));
  if (left_ && (*left_)-- == 0) cut_now(cut_);
  return dead_ ? Io::kDead : Io::kOk;
}

Io SimDisk::sync(SimFile& file, const std::string& path) {
  if (!alive()) return Io::kDead;
  if (left_ && (*left_)-- == 0) cut_now(cut_);  // before anything of it is sure
  if (dead_) return Io::kDead;
  if (lies_) return Io::kOk;
  file.unsynced.clear();
  if (path.empty()) return Io::kOk;
  const std::string folder = folder_of(path);
  for (auto& [name, entry] : files_) entry->named = entry->named || folder_of(name) == folder;
  std::erase_if(removed_, [&](const auto& entry) { return folder_of(entry.first) == folder; });
  return Io::kOk;
}

Io SimDisk::remove(const std::string& path, bool sync_folder) {
  if (!alive()) return Io::kDead;
  const auto at = files_.find(path);
  if (at != files_.end()) {
    used_ -= at->second->data.size();
    if (at->second->named && !removed_.contains(path)) removed_[path] = at->second;
    files_.erase(at);
  }
  if (left_ && (*left_)-- == 0) cut_now(cut_);
  if (dead_) return Io::kDead;
  if (sync_folder && !lies_) removed_.erase(path);
  return Io::kOk;
}

Io SimDisk::replace(const std::string& path, base::ByteView bytes) {
  if (!alive()) return Io::kDead;
  if (bytes.size() > free_bytes()) return Io::kFull;
  const bool dies = left_ && (*left_)-- == 0;
  if (!dies || random_.chance(0.5)) {
    const SimFilePtr old = find(path);
    if (old) used_ -= old->data.size();
    auto file = std::make_shared<SimFile>();
    file->named = true;
    put(*file, 0, bytes);
    files_[path] = file;
  }
  if (dies) cut_now(cut_);
  return dead_ ? Io::kDead : Io::kOk;
}

Io SimDisk::make_folder(const std::string& path) {
  if (dead_) return Io::kDead;
  folders_.insert(path);
  return Io::kOk;
}

std::vector<std::string> SimDisk::list(const std::string& folder) const {
  std::vector<std::string> out;
  for (const auto& [name, file] : files_) {
    if (folder_of(name) == folder) out.push_back(name.substr(folder.size() + 1));
  }
  return out;
}

void SimDisk::cut_after(std::uint64_t operations, Cut cut) {
  left_ = operations;
  cut_ = cut;
}

void SimDisk::cut_now(Cut cut) {
  if (dead_) return;
  dead_ = true;
  left_.reset();
  if (cut == Cut::kPower) lose_unsynced();
}

void SimDisk::revive() { dead_ = false; }

void SimDisk::lose_unsynced() {
  for (auto at = files_.begin(); at != files_.end();) {
    SimFile& file = *at->second;
    settle(file);
    const bool stays = file.named || random_.chance(0.5);
    if (stays) {
      file.named = true;
      ++at;
    } else {
      used_ -= file.data.size();
      at = files_.erase(at);
    }
  }
  for (auto& [name, file] : removed_) {
    if (files_.contains(name) || !random_.chance(0.5)) continue;
    used_ += file->data.size();
    settle(*file);
    files_[name] = file;
  }
  removed_.clear();
}

// What of the unsynced writes reached the platter: none, all until one, or any of their sectors.
void SimDisk::settle(SimFile& file) {
  const std::vector<SimFile::Change> changes = std::exchange(file.unsynced, {});
  if (changes.empty()) return;
  const std::uint64_t counted = file.data.size();
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    file.data.resize(change->size_before);
    std::copy(change->before.begin(), change->before.end(),
              file.data.begin() + static_cast<std::ptrdiff_t>(change->offset));
  }
  used_ -= counted - file.data.size();
  const std::uint64_t mode = random_.below(4);
  const std::uint64_t whole = mode == 1 ? random_.below(changes.size() + 1) : 0;
  const double share = random_.unit();
  for (std::size_t i = 0; i < changes.size() && mode != 0; ++i) {
    const SimFile::Change& change = changes[i];
    if (mode == 1 && i >= whole) break;
    if (change.after.empty()) {  // a truncation
      if (mode == 1 || random_.chance(share)) resize(file, change.size_after);
      continue;
    }
    for (std::uint64_t from = 0; from < change.after.size();) {
      const std::uint64_t place = change.offset + from;
      std::uint64_t size =
          std::min<std::uint64_t>(kSector - place % kSector, change.after.size() - from);
      if (mode == 1 || random_.chance(share)) {
        const bool torn = mode == 3 && random_.chance(0.1);
        put(file, place,
            base::ByteView(change.after).subspan(from, torn ? random_.below(size) : size));
      }
      from += size;
    }
  }
}

}  // namespace lander::sim
