#include "store/schema.h"

#include <algorithm>

#include "store/migrate.h"

namespace lander::store {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::int64_t kApplicationId = 0x4C4E4452;  // "LNDR"

Status create(Connection& connection, os::Random& random) {
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(connection.database()));
  LANDER_TRY(connection.database().execute(kCommonTables));
  LANDER_TRY(create_tables(connection));
  LANDER_TRY(
      connection.database().execute("PRAGMA application_id=" + std::to_string(kApplicationId)));
  LANDER_TRY(set_meta(connection, "epoch", static_cast<std::int64_t>(fresh_epoch(random))));
  return transaction.commit();
}

Status is_ours(std::int64_t application, std::int64_t version) {
  if (application != kApplicationId) {
    return Error(Code::kCorrupt, "this is a SQLite database of another program");
  }
  if (version > kLeastReader) {
    return Error(Code::kUnsupported,
                 "written by a newer version (schema " + std::to_string(version) +
                     ", this program knows up to " + std::to_string(kLeastReader) +
                     "): install that version again, or start with an empty folder");
  }
  return {};
}

}  // namespace

Status expect_schema(Connection& connection) {
  LANDER_ASSIGN(const std::int64_t application, pragma(connection, "PRAGMA application_id"));
  LANDER_ASSIGN(const std::int64_t version, pragma(connection, "PRAGMA user_version"));
  LANDER_TRY(is_ours(application, version));
  std::int64_t schema = 0;
  if (version == kLeastReader) {
    LANDER_ASSIGN(schema, meta(connection, "schema"));
  }
  if (schema >= kSchemaVersion) return {};
  return Error(Code::kUnsupported,
               "written by an older version (schema " + std::to_string(std::max(version, schema)) +
                   "): start lander-site on it once, which brings it up to date");
}

Status create_tables(Connection& connection) {
  LANDER_TRY(connection.database().execute(kTables));
  LANDER_TRY(connection.database().execute("PRAGMA user_version=" + std::to_string(kLeastReader)));
  for (const char* name :
       {"compacted_through", "bunch_through", "bunch_series", "offered_through", "offering"}) {
    LANDER_TRY(set_meta(connection, name, 0));
  }
  return add_schema_3(connection);
}

Status add_schema_3(Connection& connection) {
  LANDER_TRY(connection.database().execute(kAdded3));
  LANDER_TRY(set_meta(connection, "pickup", 0));
  // As if an older release had run until now: load() settles what that left.
  LANDER_TRY(set_meta(connection, "outbox_offered", -1));
  LANDER_TRY(set_meta(connection, "outbox_epoch", 0));
  return set_meta(connection, "schema", kSchemaVersion);
}

Result<std::int64_t> pragma(Connection& connection, const char* sql) {
  LANDER_ASSIGN(Query query, connection.query(sql));
  LANDER_ASSIGN(const bool row, query->step());
  return row ? query->integer(0) : 0;
}

std::uint64_t fresh_epoch(os::Random& random) {
  for (;;) {
    const std::uint64_t epoch = random.next_u64() >> 1;
    if (epoch != 0) return epoch;
  }
}

Status set_meta(Connection& connection, std::string_view name, std::int64_t value) {
  LANDER_ASSIGN(Query query,
                connection.query("INSERT OR REPLACE INTO meta(name,value) VALUES(?,?)"));
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
  // What is deleted here is no secret from who can read the file, and overwriting it wears the
  // flash.
  LANDER_TRY(connection.database().execute("PRAGMA secure_delete=OFF"));
  LANDER_ASSIGN(const std::int64_t application, pragma(connection, "PRAGMA application_id"));
  LANDER_ASSIGN(const std::int64_t version, pragma(connection, "PRAGMA user_version"));
  LANDER_ASSIGN(const std::int64_t tables,
                pragma(connection, "SELECT count(*) FROM sqlite_schema"));
  if (tables == 0) return create(connection, random);
  LANDER_TRY(is_ours(application, version));
  if (version == 1) return migrate_from_1(connection);
  if (version != kLeastReader) {
    return Error(Code::kCorrupt, "schema " + std::to_string(version) + " never was");
  }
  LANDER_ASSIGN(const std::int64_t schema, meta(connection, "schema"));
  if (schema >= kSchemaVersion) return {};
  LANDER_ASSIGN(os::Transaction transaction, os::Transaction::begin(connection.database()));
  LANDER_TRY(add_schema_3(connection));
  return transaction.commit();
}

}  // namespace lander::store
