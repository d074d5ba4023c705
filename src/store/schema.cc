#include "store/schema.h"

namespace lander::store {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::int64_t kApplicationId = 0x4C4E4452;  // "LNDR"

constexpr const char* kTables = R"sql(
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE series(key INTEGER PRIMARY KEY, datastream TEXT NOT NULL, revision INTEGER NOT NULL,
  body BLOB NOT NULL, UNIQUE(datastream, revision));
CREATE TABLE boot(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE segment(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE commits(id INTEGER PRIMARY KEY, boot INTEGER NOT NULL REFERENCES boot,
  monotonic INTEGER NOT NULL, wall INTEGER NOT NULL);
CREATE TABLE block(id INTEGER PRIMARY KEY, series INTEGER NOT NULL, commit_id INTEGER NOT NULL,
  t_first INTEGER NOT NULL, t_last INTEGER NOT NULL, count INTEGER NOT NULL, sequences BLOB,
  data BLOB NOT NULL);
CREATE INDEX block_time ON block(series, t_first, t_last);
CREATE TABLE rollup(series INTEGER NOT NULL, level INTEGER NOT NULL, t INTEGER NOT NULL,
  segment INTEGER NOT NULL, count INTEGER NOT NULL, others INTEGER NOT NULL, least REAL NOT NULL,
  most REAL NOT NULL, sum REAL, PRIMARY KEY(series, level, t, segment)) WITHOUT ROWID;
CREATE TABLE extent(series INTEGER NOT NULL, segment INTEGER NOT NULL, t_first INTEGER NOT NULL,
  t_last INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY(series, segment)) WITHOUT ROWID;
CREATE TABLE sequence_window(series INTEGER PRIMARY KEY, high INTEGER NOT NULL, bits BLOB NOT NULL);
CREATE TABLE record(kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(kind, key));
CREATE TABLE lane(lane INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE item(lane INTEGER NOT NULL, number INTEGER NOT NULL, type TEXT NOT NULL,
  created INTEGER NOT NULL, body BLOB, block_first INTEGER, block_last INTEGER,
  PRIMARY KEY(lane, number));
)sql";

Result<std::int64_t> pragma(Connection& connection, const char* sql) {
  LANDER_ASSIGN(Query query, connection.query(sql));
  LANDER_ASSIGN(const bool row, query->step());
  return row ? query->integer(0) : 0;
}

Status create(Connection& connection, os::Random& random) {
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(connection.database()));
  LANDER_TRY(connection.database().execute(kTables));
  LANDER_TRY(
      connection.database().execute("PRAGMA application_id=" + std::to_string(kApplicationId) +
                                    ";PRAGMA user_version=" + std::to_string(kSchemaVersion)));
  LANDER_TRY(set_meta(connection, "epoch", static_cast<std::int64_t>(fresh_epoch(random))));
  LANDER_TRY(set_meta(connection, "rolled_through", 0));
  return transaction.commit();
}

}  // namespace

std::uint64_t fresh_epoch(os::Random& random) {
  for (;;) {
    const std::uint64_t epoch = random.next_u64() >> 1;
    if (epoch != 0) return epoch;
  }
}

Status set_meta(Connection& connection, std::string_view name, std::int64_t value) {
  LANDER_ASSIGN(Query query, connection.query("INSERT OR REPLACE INTO meta VALUES(?,?)"));
  query->bind(1, name).bind(2, value);
  return query->run();
}

Result<std::int64_t> meta(Connection& connection, std::string_view name) {
  LANDER_ASSIGN(Query query, connection.query("SELECT value FROM meta WHERE name=?"));
  query->bind(1, name);
  LANDER_ASSIGN(const bool row, query->step());
  if (!row) return Error(Code::kCorrupt, "meta \"" + std::string(name) + "\" is missing");
  return query->integer(0);
}

Status prepare_schema(Connection& connection, os::Random& random) {
  LANDER_ASSIGN(const std::int64_t application, pragma(connection, "PRAGMA application_id"));
  LANDER_ASSIGN(const std::int64_t version, pragma(connection, "PRAGMA user_version"));
  LANDER_ASSIGN(const std::int64_t tables,
                pragma(connection, "SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) return create(connection, random);
  if (application != kApplicationId) {
    return Error(Code::kCorrupt, "this is a SQLite database of another program");
  }
  if (version > kSchemaVersion) {
    return Error(Code::kUnsupported,
                 "written by a newer version (schema " + std::to_string(version) +
                     ", this program knows up to " + std::to_string(kSchemaVersion) +
                     "): install that version again, or start with an empty folder");
  }
  if (version != kSchemaVersion) {
    return Error(Code::kCorrupt, "schema " + std::to_string(version) + " never was");
  }
  return {};
}

}  // namespace lander::store
