// The tables of the store's database, and how an older one becomes the present one. Format and
// rules of compatibility: docs/formats/store.md.
#pragma once

#include "os/random.h"
#include "store/connection.h"

namespace lander::store {

// What wrote it, in `meta`: newer ones may have more tables, columns with a default and rows of
// `meta`.
inline constexpr std::int64_t kSchemaVersion = 3;
// The oldest version of this program that can open it, in `user_version`: raised only by what an
// older program would misread or break.
inline constexpr std::int64_t kLeastReader = 2;

// Those that schema 1 had too.
inline constexpr const char* kCommonTables = R"sql(
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE series(key INTEGER PRIMARY KEY, datastream TEXT NOT NULL, revision INTEGER NOT NULL,
  body BLOB NOT NULL, UNIQUE(datastream, revision));
CREATE TABLE boot(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE segment(id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE sequence_window(series INTEGER PRIMARY KEY, high INTEGER NOT NULL, bits BLOB NOT NULL);
CREATE TABLE record(kind TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(kind, key));
CREATE TABLE lane(lane INTEGER PRIMARY KEY, last INTEGER NOT NULL);
)sql";

inline constexpr const char* kTables = R"sql(
CREATE TABLE frame(id INTEGER PRIMARY KEY, boot INTEGER NOT NULL REFERENCES boot,
  monotonic INTEGER NOT NULL, wall INTEGER NOT NULL, t_first INTEGER NOT NULL,
  t_last INTEGER NOT NULL, count INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE chunk(series INTEGER NOT NULL, segment INTEGER NOT NULL, t_last INTEGER NOT NULL,
  part INTEGER NOT NULL, t_first INTEGER NOT NULL, count INTEGER NOT NULL, sequences BLOB,
  data BLOB NOT NULL, PRIMARY KEY(series, segment, t_last, part)) WITHOUT ROWID;
CREATE TABLE rollup(series INTEGER NOT NULL, segment INTEGER NOT NULL, level INTEGER NOT NULL,
  t INTEGER NOT NULL, count INTEGER NOT NULL, others INTEGER NOT NULL, least REAL NOT NULL,
  most REAL NOT NULL, sum REAL, PRIMARY KEY(series, segment, level, t)) WITHOUT ROWID;
CREATE TABLE extent(series INTEGER NOT NULL, segment INTEGER NOT NULL, t_first INTEGER NOT NULL,
  t_last INTEGER NOT NULL, count INTEGER NOT NULL, minutes_from INTEGER,
  PRIMARY KEY(series, segment)) WITHOUT ROWID;
CREATE TABLE thinned(series INTEGER NOT NULL, segment INTEGER NOT NULL, t_first INTEGER NOT NULL,
  t_last INTEGER NOT NULL, level INTEGER, count INTEGER NOT NULL,
  PRIMARY KEY(series, segment, t_first)) WITHOUT ROWID;
CREATE TABLE damaged(place TEXT PRIMARY KEY, observations INTEGER NOT NULL, series INTEGER,
  segment INTEGER, t_first INTEGER, t_last INTEGER, data BLOB) WITHOUT ROWID;
CREATE TABLE incident(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, time INTEGER NOT NULL,
  datastream TEXT NOT NULL, t_first INTEGER NOT NULL, t_last INTEGER NOT NULL,
  observations INTEGER NOT NULL, detail TEXT NOT NULL);
CREATE INDEX incident_datastream ON incident(datastream, kind, detail);
CREATE TABLE object(sha256 BLOB PRIMARY KEY, bytes INTEGER NOT NULL, media_type TEXT NOT NULL,
  uses INTEGER NOT NULL, put INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE item(lane INTEGER NOT NULL, number INTEGER NOT NULL, type TEXT NOT NULL,
  created INTEGER NOT NULL, raw INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY(lane, number));
)sql";

// What schema 3 added: an older program works on, and alters none of it but by its indices.
// `item_head` has all that is asked of an item without its body.
inline constexpr const char* kAdded3 = R"sql(
ALTER TABLE lane ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE item ADD COLUMN worth REAL NOT NULL DEFAULT 0;
ALTER TABLE item ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
ALTER TABLE item ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE item ADD COLUMN bytes INTEGER AS (length(body));
CREATE INDEX item_head ON item(lane, number, bytes, worth, created, expires, raw);
CREATE INDEX item_expires ON item(expires) WHERE expires>0;
CREATE INDEX item_subject ON item(lane, type, subject, number) WHERE subject<>'';
CREATE TABLE gone(lane INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  why INTEGER NOT NULL, PRIMARY KEY(lane, first)) WITHOUT ROWID;
CREATE TABLE receipt(lane INTEGER NOT NULL, through INTEGER NOT NULL, time INTEGER NOT NULL,
  PRIMARY KEY(lane, through)) WITHOUT ROWID;
CREATE TABLE offered(series INTEGER PRIMARY KEY, through INTEGER NOT NULL,
  incomplete INTEGER NOT NULL);
ALTER TABLE thinned ADD COLUMN wiped INTEGER NOT NULL DEFAULT 0;
)sql";

// Creates what is missing. kUnsupported when a newer program must read it, kCorrupt when it is none
// of ours.
base::Status prepare_schema(Connection& connection, os::Random& random);
// Changes nothing: kUnsupported and kCorrupt as above, and kUnsupported when it is to be migrated
// first.
base::Status expect_schema(Connection& connection);
base::Status create_tables(Connection& connection);  // kTables and their rows of meta
base::Status add_schema_3(Connection& connection);   // to schema 2, in the caller's transaction

std::uint64_t fresh_epoch(os::Random& random);  // 63 bits, never 0
base::Status set_meta(Connection& connection, std::string_view name, std::int64_t value);
base::Result<std::int64_t> meta(Connection& connection, std::string_view name);
base::Result<std::int64_t> pragma(Connection& connection, const char* sql);

}  // namespace lander::store
