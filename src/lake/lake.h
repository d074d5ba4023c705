// The hub's warehouse: Delta tables over Parquet, one folder per tenant, that any engine reads.
// Format: docs/formats/lake.md. Tables: observation (numbers, integers, booleans, texts), summary,
// alert_event, datastream (all revisions with their context), site.
//
// ingest() may be called from any thread and only writes to the journal (SQLite, durable when it
// returns); flush() turns the journal into one Parquet file and one Delta commit per table, with
// the context columns, exactly once through crashes at any point (journal + Delta txn). One thread
// calls flush().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alert/alert.h"
#include "link/link.h"
#include "os/clock.h"
#include "os/files.h"
#include "os/process.h"
#include "os/random.h"

namespace lander::lake {

// Where items come from. (tenant, site, epoch, item.lane, item.number) is stored once for ever.
struct Origin {
  std::string tenant, site;  // sensing::valid_id()
  std::uint64_t epoch = 0;
  base::TimeUs received = 0;  // UTC, by the hub's clock
};

inline constexpr base::DurationUs kKeepRemoved = base::kDay;
inline constexpr std::uint64_t kMostMergedRows = 2'000'000;

class Lake {
 public:
  struct Options {
    std::string folder;            // <folder>/<tenant>/<table>/_delta_log/..., <folder>/journal.db
    std::string vfs;               // for the journal
    os::Clock* clock = nullptr;    // null: the system's, as for the next two
    os::Files* files = nullptr;    // a real file system: DuckDB writes and reads there, too
    os::Random* random = nullptr;  // names of tables and of this journal
    std::uint64_t memory_limit_mb =
        512;  // DuckDB's, which is opened at the first flush() or series()
  };
  static base::Result<std::unique_ptr<Lake>> open(const Options& options);
  virtual ~Lake() = default;

  // Items of types blocks, summary, alert-event, datastream; others are ignored. All or nothing,
  // durable. A repeated one is dropped. A body that does not decode is kept aside ("parked") and
  // counted.
  virtual base::Status ingest(const Origin& origin, const std::vector<link::Item>& items) = 0;

  struct Flushed {
    std::uint64_t rows = 0, files = 0, bytes = 0;
  };
  // After an error nothing is lost: call it again. Rows are in the tables (and in SQL) after it;
  // series() sees them before. An observation whose datastream is not declared yet waits for at
  // most 5 flushes.
  virtual base::Result<Flushed> flush() = 0;
  virtual base::Result<std::uint64_t> waiting_rows() const = 0;

  struct Compacted {
    std::uint64_t files = 0;    // that became one
    std::uint64_t rows = 0;     // that it holds
    std::uint64_t deleted = 0;  // files that no reader can want any more
  };
  // One step, on the flushing thread after flush(): where a table has eight small files of about
  // the same size they become one, sorted, of at most kMostMergedRows rows; nothing to do: all 0.
  // Exactly once through crashes, as flush(). Readers of an older version keep its files for
  // kKeepRemoved more.
  virtual base::Result<Compacted> compact() = 0;

  // The series of a datastream for charts: from summaries, and from observations where they are
  // there.
  virtual base::Result<std::vector<std::pair<base::TimeUs, sensing::Summary>>> series(
      std::string_view tenant, std::string_view site, std::string_view datastream,
      base::TimeUs from, base::TimeUs to, std::size_t buckets) = 0;

  struct Stats {  // since the journal's beginning
    std::uint64_t ingested = 0, duplicates = 0, parked = 0, files = 0, bytes = 0, rows = 0;
  };
  virtual Stats stats() const = 0;
};

// SQL in a capped child process (memory, time, read-only, no network, only this tenant's folder):
// runs `executable sql-worker`. Each table is a view of its newest Delta version; a table that has
// no rows yet is an empty view. One SELECT (or VALUES, FROM, WITH, DESCRIBE, SUMMARIZE) a call.
struct SqlLimits {
  std::uint64_t memory_mb = 512, rows = 100'000, bytes = 64 << 20;  // bytes of JSON
  base::DurationUs time = 30 * base::kSecond;
};
struct SqlResult {
  // {"columns":[{"name","type"}],"rows":[[...]],"truncated":false,"ms":12}; truncated: more rows
  // than the limits allow. Times are RFC 3339 texts; NaN and infinities, and integers beyond 2^53,
  // are texts; types that JSON lacks are DuckDB's text of them.
  std::string json;
};
// kInvalid with DuckDB's message and place for a wrong query; kDenied for anything but a query and
// for what lies outside the folder; kTimeout; kExhausted for memory.
base::Result<SqlResult> run_sql(const std::string& executable, const std::string& tenant_folder,
                                std::string_view sql, const SqlLimits& limits);
[[noreturn]] void sql_worker_main();  // the child's main(): stdin to stdout

// As run_sql(), with a child that was started before anyone asked, by start_next(): DuckDB's start
// costs no wait. It answers one query; about 40 MB while it waits. Without one run() starts its
// own. One thread, which must outlive this.
class SqlRunner {
 public:
  SqlRunner(std::string executable, const SqlLimits& limits);
  base::Result<SqlResult> run(const std::string& tenant_folder, std::string_view sql);
  void start_next();  // once the answer is away; does nothing when one waits already

 private:
  const std::string executable_;
  const SqlLimits limits_;
  std::optional<os::Process> next_;
};

}  // namespace lander::lake
