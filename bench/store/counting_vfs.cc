#include "counting_vfs.h"

#include <sqlite3.h>

#include <cstring>
#include <mutex>
#include <new>
#include <set>

#include "../measure.h"

namespace bench {

namespace {

sqlite3_vfs* real = nullptr;
bool skips_syncs = false;
std::mutex mutex;  // of what follows, and of every File's blocks
Written counted;

struct File {
  sqlite3_file base;  // must be first
  std::uint64_t Written::*kind;
  std::set<std::int64_t>* blocks;
  sqlite3_file* inner() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
File* of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* inner(sqlite3_file* file) { return of(file)->inner(); }

void flush(File* file) {
  counted.blocks += file->blocks->size() * 4096;
  file->blocks->clear();
}

int close(sqlite3_file* file) {
  {
    const std::lock_guard lock(mutex);
    flush(of(file));
  }
  delete of(file)->blocks;
  return inner(file)->pMethods->xClose(inner(file));
}
int read(sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
  return inner(file)->pMethods->xRead(inner(file), to, size, at);
}
int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  {
    const std::lock_guard lock(mutex);
    counted.*(of(file)->kind) += static_cast<std::uint64_t>(size);
    for (std::int64_t block = at / 4096; block <= (at + size - 1) / 4096; ++block)
      of(file)->blocks->insert(block);
  }
  return inner(file)->pMethods->xWrite(inner(file), from, size, at);
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  return inner(file)->pMethods->xTruncate(inner(file), size);
}
int sync(sqlite3_file* file, int flags) {
  {
    const std::lock_guard lock(mutex);
    ++counted.syncs;
    flush(of(file));
  }
  return skips_syncs ? SQLITE_OK : inner(file)->pMethods->xSync(inner(file), flags);
}
int size_of(sqlite3_file* file, sqlite3_int64* size) {
  return inner(file)->pMethods->xFileSize(inner(file), size);
}
int lock(sqlite3_file* file, int level) { return inner(file)->pMethods->xLock(inner(file), level); }
int unlock(sqlite3_file* file, int level) {
  return inner(file)->pMethods->xUnlock(inner(file), level);
}
int reserved(sqlite3_file* file, int* held) {
  return inner(file)->pMethods->xCheckReservedLock(inner(file), held);
}
int control(sqlite3_file* file, int what, void* with) {
  return inner(file)->pMethods->xFileControl(inner(file), what, with);
}
int sector(sqlite3_file* file) { return inner(file)->pMethods->xSectorSize(inner(file)); }
int traits(sqlite3_file* file) {
  return inner(file)->pMethods->xDeviceCharacteristics(inner(file));
}
int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  return inner(file)->pMethods->xShmMap(inner(file), region, size, extend, out);
}
int shm_lock(sqlite3_file* file, int at, int count, int flags) {
  return inner(file)->pMethods->xShmLock(inner(file), at, count, flags);
}
void shm_barrier(sqlite3_file* file) { inner(file)->pMethods->xShmBarrier(inner(file)); }
int shm_unmap(sqlite3_file* file, int remove) {
  return inner(file)->pMethods->xShmUnmap(inner(file), remove);
}

// Version 2: with shared memory, without memory-mapped reads and writes.
const sqlite3_io_methods kMethods = {
    2,       close,  read,   write,   truncate, sync,        size_of,   lock,    unlock, reserved,
    control, sector, traits, shm_map, shm_lock, shm_barrier, shm_unmap, nullptr, nullptr};

int open(sqlite3_vfs*, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  File* self = new (file) File{};
  const int result = real->xOpen(real, name, self->inner(), flags, out_flags);
  if (result != SQLITE_OK) return result;
  self->kind = (flags & SQLITE_OPEN_MAIN_DB) != 0 ? &Written::database
               : (flags & SQLITE_OPEN_WAL) != 0   ? &Written::log
                                                  : &Written::other;
  self->blocks = new std::set<std::int64_t>;
  self->base.pMethods = &kMethods;
  return SQLITE_OK;
}

}  // namespace

std::string register_counting_vfs(bool skip_syncs) {
  real = sqlite3_vfs_find(nullptr);
  skips_syncs = skip_syncs;
  static sqlite3_vfs own = *real;
  own.zName = "bench-counting";
  own.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
  own.pNext = nullptr;
  own.xOpen = open;
  if (sqlite3_vfs_register(&own, 0) != SQLITE_OK) fail("the counting VFS is not taken");
  return own.zName;
}

Written written() {
  const std::lock_guard lock(mutex);
  return counted;
}

}  // namespace bench
