// The transaction log of a Delta table (https://github.com/delta-io/delta/blob/master/PROTOCOL.md),
// written by hand: protocol {1,2}. docs/formats/lake.md says what we write; what others appended,
// removed or checkpointed is read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lake/duck.h"
#include "lake/parquet.h"
#include "lake/tables.h"
#include "os/files.h"

namespace lander::lake {

struct DataFile {
  std::string path;                   // relative to the table's folder, decoded
  std::uint64_t bytes = 0, rows = 0;  // rows: 0 when the log does not say
  std::int64_t modified_ms = 0;
  std::string stats;  // JSON as it stands in the log; may be empty
};

std::string encode_stats(const Extent& extent);
// Whether rows of `site` and `datastream` within [from, to) may stand in the file.
bool may_hold(const DataFile& file, std::string_view site, std::string_view datastream,
              base::TimeUs from, base::TimeUs to);

// What the log says up to `version`; -1: there is no table.
struct Snapshot {
  std::int64_t version = -1;
  std::string protocol, metadata;                         // the actions' JSON
  std::map<std::string, std::int64_t, std::less<>> txns;  // application -> its last version
  std::map<std::string, DataFile, std::less<>> files;     // by path
  // No longer of the table, and when that was (ms since 1970): readers of older versions hold them.
  std::map<std::string, std::int64_t, std::less<>> removed;
};

inline constexpr std::int64_t kNewest = INT64_MAX;
inline constexpr std::int64_t kCheckpointEvery = 100;
inline constexpr std::uint64_t kMaxLogFile = 256u << 20;

// Applies what was committed after snapshot.version, up to and including `until`; a snapshot with
// version -1 starts from the last checkpoint. kUnsupported: needs a newer reader. kCorrupt.
base::Status advance(os::Files& files, Session& session, const std::string& table_folder,
                     std::int64_t until, Snapshot& snapshot);

std::string log_path(const std::string& table_folder, std::int64_t version);

// Either new rows, with `txn` of an application, written at most once; or, without an application,
// the same rows in other files, if all of `remove` are still the table's.
struct Commit {
  std::string application;
  std::int64_t txn = 0;
  std::optional<DataFile> add;
  std::vector<std::string> remove;
  std::int64_t now_ms = 0;
};
// Appends one commit after `state` (brought up to date when another writer was faster). True: it
// stands; false: the table had txn `txn` of the application already, or one of `remove` is gone,
// and nothing was written.
base::Result<bool> commit(os::Files& files, Session& session, const std::string& table_folder,
                          const Commit& commit, Snapshot& state);

// Version 0: the table exists, without rows. kExists when another was faster.
base::Status create_table(os::Files& files, const std::string& table_folder, Table table,
                          std::string_view uuid, std::int64_t now_ms);

// Writes the checkpoint of `snapshot`, which must be the newest, by way of `scratch` (a path
// without extension).
base::Status write_checkpoint(os::Files& files, Session& session, const std::string& table_folder,
                              const std::string& scratch, const Snapshot& snapshot);

}  // namespace lander::lake
