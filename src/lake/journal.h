// What the lake has taken and not yet written: ranges of item numbers, waiting bodies, batches
// under way, parked bodies, and the context of every datastream. SQLite, durable at every return.
//
// A batch is a set of waiting bodies of one tenant that goes into the tables together. Its number
// is given out before any file is written and stands in every Delta commit made for it (txn), so
// that after a crash each table tells whether it has the batch; finish() then forgets the bodies.
//
// One thread at a time (the owner locks).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lake/lake.h"
#include "lake/tables.h"
#include "os/sqlite.h"

namespace lander::lake {

inline constexpr std::size_t kMaxParkedBodies = 64;  // of one site; the oldest go

// An item as ingest() judged it.
struct Judged {
  const link::Item* item = nullptr;
  std::uint64_t rows = 0;
  base::TimeUs from = 0, to = 0;                  // UTC of its first and last row
  std::optional<std::string> refusal;             // why the body is parked
  std::optional<sensing::Datastream> datastream;  // of a "datastream" item
};

struct Waiting {
  std::int64_t id = 0;
  std::string site, type;  // an item's type, or "site": the first sight of an epoch
  std::uint64_t epoch = 0, rows = 0;
  base::TimeUs created = 0, received = 0;
  int tries = 0;  // flushes that left it waiting for its context
  base::Bytes body;
};

class Journal {
 public:
  static base::Result<std::unique_ptr<Journal>> open(const std::string& path,
                                                     const std::string& vfs, os::Random& random);

  struct Taken {
    std::uint64_t taken = 0, duplicates = 0;
    std::vector<const Judged*> parked;
  };
  base::Result<Taken> take(const Origin& origin, const std::vector<Judged>& items);

  base::Result<std::vector<std::string>> tenants_waiting();
  base::Result<std::int64_t> newest_waiting();  // the id
  // Not in a batch, after < id <= through, in order, at least one, until the limits.
  base::Result<std::vector<Waiting>> candidates(std::string_view tenant, std::int64_t after,
                                                std::int64_t through, std::uint64_t max_rows,
                                                std::uint64_t max_bytes);
  base::Status wait_longer(const std::vector<std::int64_t>& ids);  // tries + 1
  base::Status park(std::string_view tenant, std::int64_t id, std::string_view reason);

  struct Batch {
    std::int64_t number = 0;
    std::string tenant;
  };
  base::Result<Batch> begin_batch(std::string_view tenant, const std::vector<std::int64_t>& ids);
  base::Result<std::vector<Batch>> unfinished();
  base::Result<std::vector<Waiting>> bodies(const Batch& batch);
  struct Written {
    Table table = Table::kObservation;
    std::int64_t version = -1;
    std::uint64_t rows = 0, files = 0, bytes = 0;
  };
  base::Status finish(const Batch& batch, const std::vector<Written>& written);

  // A file that compaction is about to write: until finish_output() nobody but the table's log
  // tells whether it became the table's.
  struct Output {
    std::string tenant, path;  // the path within the table's folder
    Table table = Table::kObservation;
  };
  base::Status begin_output(const Output& output);
  base::Result<std::vector<Output>> outputs();
  base::Status finish_output(const Output& output, std::int64_t version);

  // The newest version of a table as of the last finish() or finish_output(); -1: none known.
  base::Result<std::int64_t> version(std::string_view tenant, Table table);
  base::Result<std::int64_t> last_batch();
  // The name under which batches stand in the tables' txn actions.
  const std::string& application() const { return application_; }
  // The tables have batches that this journal never gave out: it was restored from an older copy.
  base::Status rename_application(os::Random& random);

  base::Result<std::optional<sensing::Datastream>> context(std::string_view tenant,
                                                           std::string_view site,
                                                           std::string_view datastream,
                                                           std::uint32_t revision);
  // Bodies of `type` with rows within [from, to), in a batch or not.
  base::Result<std::vector<base::Bytes>> overlapping(std::string_view tenant, std::string_view site,
                                                     std::string_view type, base::TimeUs from,
                                                     base::TimeUs to);
  base::Result<std::uint64_t> waiting_rows();
  const Lake::Stats& stats() const { return stats_; }

 private:
  explicit Journal(os::Database database) : database_(std::move(database)) {}
  base::Status load(os::Random& random);
  base::Result<bool> mark_taken(const Origin& origin, std::uint8_t lane, std::uint64_t number);
  base::Status mark_epoch(const Origin& origin);
  base::Status put_waiting(const Origin& origin, const Judged& judged);
  base::Status put_parked(const Origin& origin, const Judged& judged);
  base::Status trim_parked(std::string_view tenant, std::string_view site);
  base::Status save(const Lake::Stats& stats);
  base::Status put_version(std::string_view tenant, Table table, std::int64_t version);

  os::Database database_;
  std::string application_;
  Lake::Stats stats_;
};

}  // namespace lander::lake
