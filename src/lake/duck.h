// A small door to DuckDB: bounded memory, Parquet files written from a stream of rows, and queries
// with few results. duck.cc and sql_worker.cc are the only places that include duckdb.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "lake/tables.h"

// The names are DuckDB's own.
struct _duckdb_connection;
struct _duckdb_database;

namespace lander::lake {

// monostate is NULL; an int64 fills kLong and kTime (µs since 1970).
using Cell = std::variant<std::monostate, std::string_view, std::int64_t, double, bool>;

inline constexpr std::size_t kChunkRows = 2048;

// Up to kChunkRows rows, by column. Borrowed for the time of one RowSource::next().
class Chunk {
 public:
  void same(std::size_t column, const Cell& value);  // in every row; cheap
  void cell(std::size_t column, std::size_t row, const Cell& value);
  void longs(std::size_t column, std::span<const std::int64_t> values);  // kLong, kTime
  void doubles(std::size_t column, std::span<const double> values);

 private:
  friend class Session;
  Chunk(void* handle, std::span<const Column> columns) : handle_(handle), columns_(columns) {}
  void* handle_;
  std::span<const Column> columns_;
};

class RowSource {
 public:
  virtual ~RowSource() = default;
  // Sets every column of the rows it adds, and returns how many: 0 is the end.
  virtual base::Result<std::size_t> next(Chunk& chunk) = 0;
};

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
  // Runs `sql` with "{rows}" standing for the source's rows.
  base::Status run_with(const std::string& sql, std::span<const Column> columns, RowSource& source);
  // Replaces `path`; not synced. zstd, row groups of 122,880, in the order of the source.
  base::Status write_parquet(const std::string& path, std::span<const Column> columns,
                             RowSource& source);

  _duckdb_connection* handle() const { return connection_; }  // for sql_worker.cc

  struct Feed;  // what DuckDB's table function reads from

 private:
  Session() = default;
  base::Status register_feed();
  static void fill(void* info, void* output);

  _duckdb_connection* connection_ = nullptr;
  std::unique_ptr<Feed> feed_;
};

std::string sql_literal(std::string_view text);  // an SQL string literal

}  // namespace lander::lake
