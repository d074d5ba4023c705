// A small door to DuckDB: bounded memory, queries with few results, and queries into a Parquet
// file. duck.cc and sql_worker.cc are the only places that include duckdb.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "lake/parquet.h"

// The names are DuckDB's own.
struct _duckdb_connection;
struct _duckdb_database;

namespace lander::lake {

// One in-memory DuckDB. Thread-safe; outlives its sessions.
class Duck {
 public:
  static base::Result<std::unique_ptr<Duck>> open(std::uint64_t memory_limit_mb);
  ~Duck();
  Duck(const Duck&) = delete;

 private:
  friend class Session;
  Duck() = default;
  _duckdb_database* database_ = nullptr;
};

using Value = std::variant<std::monostate, std::string, std::int64_t, double, bool>;

// One connection: one thread at a time.
class Session {
 public:
  static base::Result<std::unique_ptr<Session>> open(Duck& duck);
  ~Session();
  Session(const Session&) = delete;

  base::Status run(const std::string& sql);
  // Columns must be VARCHAR, INTEGER, BIGINT, DOUBLE, BOOLEAN or TIMESTAMP(TZ), else kUnsupported.
  base::Result<std::vector<std::vector<Value>>> query(const std::string& sql);
  // The rows of a query to the end of `out`, whose columns are `columns`; any may be null.
  base::Status write_query(const std::string& sql, std::span<const Column> columns,
                           ParquetWriter& out);
  _duckdb_connection* handle() const { return connection_; }  // for sql_worker.cc

 private:
  Session() = default;
  _duckdb_connection* connection_ = nullptr;
};

std::string sql_literal(std::string_view text);  // an SQL string literal

}  // namespace lander::lake
