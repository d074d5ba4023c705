#include "store/usage.h"

#include <algorithm>
#include <map>

#include "os/files.h"
#include "store/connection.h"
#include "store/schema.h"

namespace lander::store {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

Status pages_of_tables(Connection& connection, Usage& out) {
  // An index goes with its table: sqlite_autoindex_record_1.
  LANDER_ASSIGN(Query rows, connection.query("SELECT coalesce(s.tbl_name,d.name),d.pgsize FROM"
                                             " dbstat d LEFT JOIN sqlite_schema s ON s.name=d.name"
                                             " WHERE d.aggregate=1"));
  const std::map<std::string, std::uint64_t*, std::less<>> kinds = {{"chunk", &out.chunks},
                                                                    {"frame", &out.frames},
                                                                    {"rollup", &out.rollups},
                                                                    {"item", &out.items},
                                                                    {"record", &out.records}};
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    const auto kind = kinds.find(rows->text(0));
    (kind == kinds.end() ? out.other : *kind->second) +=
        static_cast<std::uint64_t>(rows->integer(1));
  }
}

Status count_datastreams(Connection& connection, Usage& out) {
  LANDER_ASSIGN(Query rows,
                connection.query("SELECT s.datastream,sum(c.count),sum(length(c.data)+"
                                 "coalesce(length(c.sequences),0)) AS bytes FROM chunk c"
                                 " JOIN series s ON s.key=c.series GROUP BY s.datastream"
                                 " ORDER BY bytes DESC"));
  for (;;) {
    LANDER_ASSIGN(const bool row, rows->step());
    if (!row) return {};
    out.datastreams.push_back({std::string(rows->text(0)),
                               static_cast<std::uint64_t>(rows->integer(1)),
                               static_cast<std::uint64_t>(rows->integer(2))});
  }
}

}  // namespace

Result<Usage> usage(const std::string& path) {
  if (!os::system_files().exists(path)) {
    return Error(Code::kNotFound, "reading " + path + ": there is no such file");
  }
  LANDER_ASSIGN(os::Database database, os::Database::open(path, {.read_only = true}));
  Connection connection(std::move(database));
  LANDER_TRY(connection.database().execute("BEGIN"));
  if (auto ours = expect_schema(connection); !ours.ok()) {
    return ours.error().context("reading " + path);
  }
  Usage out;
  LANDER_ASSIGN(const std::int64_t pages, pragma(connection, "PRAGMA page_count"));
  LANDER_ASSIGN(const std::int64_t unused, pragma(connection, "PRAGMA freelist_count"));
  LANDER_ASSIGN(const std::int64_t objects,
                pragma(connection, "SELECT coalesce(sum(bytes),0) FROM object"));
  out.file = static_cast<std::uint64_t>(pages) * kPageBytes;
  out.unused = static_cast<std::uint64_t>(unused) * kPageBytes;
  out.objects = static_cast<std::uint64_t>(objects);
  LANDER_TRY(pages_of_tables(connection, out));
  LANDER_TRY(count_datastreams(connection, out));
  return out;
}

}  // namespace lander::store
