#include "sim/disk.h"

#include <algorithm>
#include <utility>

namespace lander::sim {
namespace {

constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kPage = 4096;  // of the kernel's cache

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

SimFilePtr SimDisk::find(const std::string& path) const {
  const auto at = files_.find(path);
  return at == files_.end() ? nullptr : at->second;
}

std::unique_ptr<SimDisk> SimDisk::copy(std::uint64_t seed) const {
  auto out = std::make_unique<SimDisk>(seed);
  const auto copied = [&](const std::map<std::string, SimFilePtr>& from) {
    std::map<std::string, SimFilePtr> to;
    for (const auto& [name, file] : from) {
      to[name] = std::make_shared<SimFile>(*file);
      if (file.get() == last_write_) out->last_write_ = to[name].get();
    }
    return to;
  };
  out->files_ = copied(files_);
  out->removed_ = copied(removed_);
  out->folders_ = folders_;
  out->dead_ = dead_;
  out->lies_ = lies_;
  out->limit_ = limit_;
  out->used_ = used_;
  out->operations_ = operations_;
  return out;
}

Io SimDisk::begin(Call call) {
  if (dead_) return Io::kDead;
  if (on_call_) on_call_(call);
  if (!fault_) return Io::kOk;
  if (fault_->full && (call == Call::kRead || call == Call::kSync)) return Io::kOk;
  const Io io = fault_->full ? Io::kFull : Io::kBad;
  ++failed_;
  reverts_ = fault_->reverts;
  if (--fault_->calls == 0) fault_.reset();
  return io;
}

Io SimDisk::under_way() {
  ++operations_;
  if (on_operation_) on_operation_();
  if (left_ && (*left_)-- == 0) cut_now(cut_);
  return dead_ ? Io::kDead : Io::kOk;
}

void SimDisk::resize(SimFile& file, std::uint64_t size) {
  used_ += size - file.data.size();  // wraps as it should where the file shrinks
  file.data.resize(size);
}

void SimDisk::put(SimFile& file, std::uint64_t offset, base::ByteView bytes) {
  if (file.data.size() < offset + bytes.size()) resize(file, offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), file.data.begin() + static_cast<std::ptrdiff_t>(offset));
}

Io SimDisk::open() { return begin(Call::kName); }

Io SimDisk::read(const SimFile& file, std::uint64_t offset, std::span<std::uint8_t> out,
                 std::size_t& got) {
  got = 0;
  if (const Io io = begin(Call::kRead); io != Io::kOk) return io;
  if (offset >= file.data.size()) return Io::kOk;
  got = std::min<std::size_t>(out.size(), file.data.size() - offset);
  std::copy_n(file.data.begin() + static_cast<std::ptrdiff_t>(offset), got, out.begin());
  return Io::kOk;
}

Io SimDisk::create(const std::string& path, SimFilePtr& out) {
  if (const Io io = begin(Call::kName); io != Io::kOk) return io;
  out = files_[path] = std::make_shared<SimFile>();
  return under_way();
}

Io SimDisk::write(SimFile& file, std::uint64_t offset, base::ByteView bytes) {
  const Io io = begin(Call::kWrite);
  if (io == Io::kDead) return io;
  // What fails may have written some of it.
  if (io != Io::kOk) bytes = bytes.first(bytes.empty() ? 0 : random_.below(bytes.size()));
  const std::uint64_t end = offset + bytes.size();
  if (end > file.data.size() && end - file.data.size() > free_bytes()) return Io::kFull;
  SimFile::Change change{offset, {}, {bytes.begin(), bytes.end()}, file.data.size(), 0};
  const std::uint64_t known = std::min<std::uint64_t>(end, file.data.size());
  if (offset < known) {
    change.before.assign(file.data.begin() + static_cast<std::ptrdiff_t>(offset),
                         file.data.begin() + static_cast<std::ptrdiff_t>(known));
  }
  if (!bytes.empty()) {
    put(file, offset, bytes);
    change.size_after = file.data.size();
    file.unsynced.push_back(std::move(change));
  }
  if (io != Io::kOk) return io;
  last_write_ = &file;
  const Io done = under_way();
  last_write_ = nullptr;
  return done;
}

Io SimDisk::truncate(SimFile& file, std::uint64_t size) {
  if (const Io io = begin(Call::kWrite); io != Io::kOk) return io;
  SimFile::Change change{size, {}, {}, file.data.size(), size};
  if (size < file.data.size()) {
    change.before.assign(file.data.begin() + static_cast<std::ptrdiff_t>(size), file.data.end());
  }
  resize(file, size);
  file.unsynced.push_back(std::move(change));
  return under_way();
}

Io SimDisk::sync(SimFile& file, const std::string& path) {
  const Io io = begin(Call::kSync);
  if (io == Io::kBad) fail_sync(file);
  if (io != Io::kOk) return io;
  if (under_way() != Io::kOk) return Io::kDead;  // before anything of it is sure
  if (lies_) return Io::kOk;
  if (file.platter) {
    write_back(file);
  } else {
    file.unsynced.clear();
  }
  if (path.empty()) return Io::kOk;
  const std::string folder = folder_of(path);
  for (auto& [name, entry] : files_) entry->named = entry->named || folder_of(name) == folder;
  std::erase_if(removed_, [&](const auto& entry) { return folder_of(entry.first) == folder; });
  return Io::kOk;
}

Io SimDisk::remove(const std::string& path, bool sync_folder) {
  if (const Io io = begin(Call::kName); io != Io::kOk) return io;
  const auto at = files_.find(path);
  if (at != files_.end()) {
    used_ -= at->second->data.size();
    if (at->second->named && !removed_.contains(path)) removed_[path] = at->second;
    files_.erase(at);
  }
  if (under_way() != Io::kOk) return Io::kDead;
  if (sync_folder && !lies_) removed_.erase(path);
  return Io::kOk;
}

Io SimDisk::replace(const std::string& path, base::ByteView bytes) {
  if (const Io io = begin(Call::kWrite); io != Io::kOk) return io;
  if (bytes.size() > free_bytes()) return Io::kFull;
  // The moment that counts is the renaming: a cut comes before it or after it.
  const auto renamed = [&] {
    if (const SimFilePtr old = find(path)) used_ -= old->data.size();
    auto file = std::make_shared<SimFile>();
    file->named = true;
    put(*file, 0, bytes);
    files_[path] = file;
  };
  if (!random_.chance(0.5)) {
    if (under_way() != Io::kOk) return Io::kDead;
    renamed();
    return Io::kOk;
  }
  renamed();
  return under_way();
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
  if (cut == Cut::kPower) {
    lose_unsynced();
  } else if (last_write_ != nullptr && random_.chance(0.5)) {
    tear_last_write();
  }
}

// A kill may end a write between two pages.
void SimDisk::tear_last_write() {
  SimFile& file = *last_write_;
  if (file.unsynced.empty()) return;
  SimFile::Change& change = file.unsynced.back();
  const std::uint64_t end = change.offset + change.after.size();
  std::vector<std::uint64_t> places{change.offset};
  for (std::uint64_t page = change.offset / kPage * kPage + kPage; page < end; page += kPage) {
    places.push_back(page);
  }
  const std::uint64_t done = places[random_.below(places.size())] - change.offset;
  change.after.resize(done);
  resize(file, change.size_before);
  std::copy(change.before.begin(), change.before.end(),
            file.data.begin() + static_cast<std::ptrdiff_t>(change.offset));
  put(file, change.offset, change.after);
  change.size_after = file.data.size();
  if (done == 0) file.unsynced.pop_back();  // an empty one would be a truncation
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

void SimDisk::undo(base::Bytes& data, const std::vector<SimFile::Change>& changes) {
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    data.resize(change->size_before);
    std::copy(change->before.begin(), change->before.end(),
              data.begin() + static_cast<std::ptrdiff_t>(change->offset));
  }
}

// Any part of what was not synced came to the platter, and nothing will write the rest.
void SimDisk::fail_sync(SimFile& file) {
  SimFile below;
  below.data = file.platter ? *file.platter : file.data;
  if (!file.platter) undo(below.data, file.unsynced);
  const std::uint64_t used = used_;
  apply_some(below, std::exchange(file.unsynced, {}));
  used_ = used;
  // The length is the file system's own: it is not lost with the pages.
  below.data.resize(file.data.size());
  if (reverts_) file.data = below.data;
  file.platter = std::move(below.data);
}

// A sync after one that failed: the pages that were written since, whole.
void SimDisk::write_back(SimFile& file) {
  base::Bytes& platter = *file.platter;
  for (const SimFile::Change& change : std::exchange(file.unsynced, {})) {
    platter.resize(change.size_after);
    const std::uint64_t from = change.offset / kPage * kPage;
    const std::uint64_t end =
        std::min<std::uint64_t>({(change.offset + change.after.size() + kPage - 1) / kPage * kPage,
                                 platter.size(), file.data.size()});
    for (std::uint64_t i = from; i < end; ++i) platter[i] = file.data[i];
  }
  platter.resize(file.data.size());
}

// What of the unsynced writes reached the platter: none, all until one, or any of their sectors.
void SimDisk::settle(SimFile& file) {
  const std::vector<SimFile::Change> changes = std::exchange(file.unsynced, {});
  if (changes.empty() && !file.platter) return;
  const std::uint64_t counted = file.data.size();
  if (file.platter) {
    file.data = *std::exchange(file.platter, std::nullopt);
  } else {
    undo(file.data, changes);
  }
  used_ -= counted - file.data.size();
  apply_some(file, changes);
}

void SimDisk::apply_some(SimFile& file, const std::vector<SimFile::Change>& changes) {
  if (changes.empty()) return;
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
      const std::uint64_t size =
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
