#include "sim/vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <new>

namespace lander::sim {
namespace {

constexpr int kShmLocks = SQLITE_SHM_NLOCK;

// What connections to one database share, as the kernel does for processes.
struct Shared {
  int readers = 0;               // connections with a SHARED lock or more
  const void* writer = nullptr;  // has RESERVED or more
  bool closing = false;          // ... PENDING or more: no new readers
  std::vector<std::unique_ptr<std::array<std::uint8_t, 32 * 1024>>> memory;
  int mapped = 0;
  std::array<int, kShmLocks> shm_readers{};
  std::array<const void*, kShmLocks> shm_writer{};
};

}  // namespace

struct SimVfs::Impl {
  explicit Impl(SimDisk& d) : disk(d) {}
  SimDisk& disk;
  std::string name;
  sqlite3_vfs vfs{};
  std::map<const SimFile*, std::shared_ptr<Shared>> shared;  // while a connection is open
};

namespace {

struct Handle {
  SimVfs::Impl* vfs;
  SimFilePtr file;
  std::shared_ptr<Shared> shared;
  std::string path;
  bool sync_folder, delete_on_close;
  int level = SQLITE_LOCK_NONE;
  bool maps = false;
  unsigned shm_read = 0, shm_write = 0;  // bits
};

struct File {
  sqlite3_file base;
  Handle* handle;
};

Handle& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file)->handle; }
SimVfs::Impl& of(sqlite3_vfs* vfs) { return *static_cast<SimVfs::Impl*>(vfs->pAppData); }

int code(Io io, int when_dead) {
  return io == Io::kOk ? SQLITE_OK : io == Io::kFull ? SQLITE_FULL : when_dead;
}

int close_file(sqlite3_file* file);

int read_file(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
  const Handle& h = of(file);
  const auto wanted = static_cast<std::size_t>(amount);
  std::size_t had = 0;
  const Io io = h.vfs->disk.read(*h.file, static_cast<std::uint64_t>(offset),
                                 {static_cast<std::uint8_t*>(out), wanted}, had);
  if (io != Io::kOk) return SQLITE_IOERR_READ;
  if (had == wanted) return SQLITE_OK;
  std::memset(static_cast<std::uint8_t*>(out) + had, 0, wanted - had);
  return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* bytes, int amount, sqlite3_int64 offset) {
  Handle& h = of(file);
  return code(h.vfs->disk.write(
                  *h.file, static_cast<std::uint64_t>(offset),
                  {static_cast<const std::uint8_t*>(bytes), static_cast<std::size_t>(amount)}),
              SQLITE_IOERR_WRITE);
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  Handle& h = of(file);
  return code(h.vfs->disk.truncate(*h.file, static_cast<std::uint64_t>(size)),
              SQLITE_IOERR_TRUNCATE);
}

int sync_file(sqlite3_file* file, int) {
  Handle& h = of(file);
  // As the Unix VFS does: the first sync of a journal or log is one of its folder, too.
  const int result =
      code(h.vfs->disk.sync(*h.file, h.sync_folder ? h.path : ""), SQLITE_IOERR_FSYNC);
  if (result == SQLITE_OK) h.sync_folder = false;
  return result;
}

int file_size(sqlite3_file* file, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(of(file).file->data.size());
  return SQLITE_OK;
}

int lock_file(sqlite3_file* file, int level) {
  Handle& h = of(file);
  Shared& s = *h.shared;
  if (h.level >= level) return SQLITE_OK;
  const bool others_write = s.writer != nullptr && s.writer != &h;
  if (level == SQLITE_LOCK_SHARED) {
    if (others_write && s.closing) return SQLITE_BUSY;
    ++s.readers;
  } else {
    if (others_write) return SQLITE_BUSY;
    s.writer = &h;
    if (level == SQLITE_LOCK_EXCLUSIVE) {
      s.closing = true;
      if (s.readers > 1) {
        h.level = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
      }
    }
  }
  h.level = level;
  return SQLITE_OK;
}

int unlock_file(sqlite3_file* file, int level) {
  Handle& h = of(file);
  Shared& s = *h.shared;
  if (h.level <= level) return SQLITE_OK;
  if (s.writer == &h) {
    s.writer = nullptr;
    s.closing = false;
  }
  if (level == SQLITE_LOCK_NONE) --s.readers;
  h.level = level;
  return SQLITE_OK;
}

int reserved(sqlite3_file* file, int* out) {
  *out = of(file).shared->writer != nullptr ? 1 : 0;
  return SQLITE_OK;
}

int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  Handle& h = of(file);
  Shared& s = *h.shared;
  LANDER_CHECK(size == 32 * 1024);
  if (h.vfs->disk.dead()) return SQLITE_IOERR_SHMMAP;
  if (!h.maps) {
    h.maps = true;
    ++s.mapped;
  }
  const auto at = static_cast<std::size_t>(region);
  *out = nullptr;
  if (at >= s.memory.size() && extend == 0) return SQLITE_OK;
  while (at >= s.memory.size()) {
    s.memory.push_back(std::make_unique<std::array<std::uint8_t, 32 * 1024>>());
  }
  *out = s.memory[at]->data();
  return SQLITE_OK;
}

int shm_lock(sqlite3_file* file, int first, int count, int flags) {
  Handle& h = of(file);
  Shared& s = *h.shared;
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  for (int pass = 0; pass < 2; ++pass) {  // first whether all can, then all
    for (int i = first; i < first + count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const unsigned bit = 1u << i;
      if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        if (pass == 0) continue;
        if (exclusive && (h.shm_write & bit) != 0) s.shm_writer[at] = nullptr;
        if (!exclusive && (h.shm_read & bit) != 0) --s.shm_readers[at];
        (exclusive ? h.shm_write : h.shm_read) &= ~bit;
        continue;
      }
      const int own = (h.shm_read & bit) != 0 ? 1 : 0;
      if (s.shm_writer[at] != nullptr && s.shm_writer[at] != &h) return SQLITE_BUSY;
      if (exclusive && s.shm_readers[at] > own) return SQLITE_BUSY;
      if (pass == 0) continue;
      if (exclusive) {
        s.shm_writer[at] = &h;
        h.shm_write |= bit;
      } else if (own == 0) {
        ++s.shm_readers[at];
        h.shm_read |= bit;
      }
    }
  }
  return SQLITE_OK;
}

void shm_barrier(sqlite3_file*) {}

int shm_unmap(sqlite3_file* file, int) {
  Handle& h = of(file);
  if (!h.maps) return SQLITE_OK;
  shm_lock(file, 0, kShmLocks, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
  shm_lock(file, 0, kShmLocks, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
  h.maps = false;
  // The last one out takes the memory away: the next builds the log's index anew.
  if (--h.shared->mapped == 0) h.shared->memory.clear();
  return SQLITE_OK;
}

const sqlite3_io_methods kMethods = {
    2,         close_file,  read_file, write_file, truncate_file, sync_file,       file_size,
    lock_file, unlock_file, reserved,  control,    sector_size,   characteristics, shm_map,
    shm_lock,  shm_barrier, shm_unmap, nullptr,    nullptr};

int close_file(sqlite3_file* file) {
  Handle& h = of(file);
  shm_unmap(file, 0);
  unlock_file(file, SQLITE_LOCK_NONE);
  if (h.delete_on_close) h.vfs->disk.remove(h.path, false);
  SimVfs::Impl& vfs = *h.vfs;
  const SimFile* of_file = h.file.get();
  delete &h;
  const auto at = vfs.shared.find(of_file);
  if (at != vfs.shared.end() && at->second.use_count() == 1) vfs.shared.erase(at);
  return SQLITE_OK;
}

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* out_flags) {
  SimVfs::Impl& impl = of(vfs);
  auto* file = reinterpret_cast<File*>(out);
  file->base.pMethods = nullptr;
  if (impl.disk.dead()) return SQLITE_IOERR;
  const std::string path = name == nullptr ? "" : name;
  SimFilePtr found = path.empty() ? std::make_shared<SimFile>() : impl.disk.find(path);
  if (!found) {
    if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    if (const Io io = impl.disk.create(path, found); io != Io::kOk) {
      return io == Io::kDead ? SQLITE_IOERR : SQLITE_CANTOPEN;
    }
  } else if (impl.disk.open() != Io::kOk) {
    return SQLITE_CANTOPEN;
  }
  std::shared_ptr<Shared>& shared = impl.shared[found.get()];
  if (!shared) shared = std::make_shared<Shared>();
  const bool journal =
      (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL | SQLITE_OPEN_SUPER_JOURNAL)) != 0;
  file->handle = new Handle{&impl,
                            found,
                            shared,
                            path,
                            journal && (flags & SQLITE_OPEN_CREATE) != 0,
                            !path.empty() && (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
  file->base.pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  SimVfs::Impl& impl = of(vfs);
  if (impl.disk.dead()) return SQLITE_IOERR_DELETE;
  if (!impl.disk.find(name)) return SQLITE_IOERR_DELETE_NOENT;
  return code(impl.disk.remove(name, sync_folder != 0), SQLITE_IOERR_DELETE);
}

int access_file(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
  SimVfs::Impl& impl = of(vfs);
  if (impl.disk.dead()) return SQLITE_IOERR_ACCESS;
  const SimFilePtr found = impl.disk.find(name);
  // As the Unix VFS: an empty file does not "exist" as a journal.
  *out = found && (flags != SQLITE_ACCESS_EXISTS || !found->data.empty()) ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

int no_randomness(sqlite3_vfs*, int size, char* out) {
  std::memset(out, 0, static_cast<std::size_t>(size));
  return size;
}

int no_sleep(sqlite3_vfs*, int us) { return us; }
int some_day(sqlite3_vfs*, double* out) {
  *out = 2461041.5;
  return SQLITE_OK;
}
int no_last_error(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

SimVfs::SimVfs(SimDisk& disk) : impl_(std::make_unique<Impl>(disk)) {
  static int count = 0;
  impl_->name = "sim-" + std::to_string(++count);
  sqlite3_vfs& vfs = impl_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(File);
  vfs.mxPathname = 512;
  vfs.zName = impl_->name.c_str();
  vfs.pAppData = impl_.get();
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  vfs.xAccess = access_file;
  vfs.xFullPathname = full_path;
  vfs.xRandomness = no_randomness;
  vfs.xSleep = no_sleep;
  vfs.xCurrentTime = some_day;
  vfs.xGetLastError = no_last_error;
  LANDER_CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

SimVfs::~SimVfs() { sqlite3_vfs_unregister(&impl_->vfs); }

const std::string& SimVfs::name() const { return impl_->name; }

}  // namespace lander::sim
