// A thin, typed door to SQLite: the only place that includes sqlite3.h besides sim's VFS.
//
// Database is used by one thread at a time (the owner locks); Statement belongs to its Database and
// must not outlive it. Every failure is an Error with the SQL's start and SQLite's message:
// SQLITE_FULL -> kExhausted, CORRUPT/NOTADB -> kCorrupt, CONSTRAINT -> kExists, BUSY ->
// kUnavailable, others -> kIo.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace lander::os {

class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Parameters are numbered from 1. Text and bytes are borrowed until the next reset().
  Statement& bind(int at, std::int64_t value);
  Statement& bind(int at, double value);
  Statement& bind(int at, std::string_view value);
  Statement& bind(int at, base::ByteView value);
  Statement& bind_null(int at);

  base::Result<bool> step();  // true: a row stands ready; false: done
  base::Status run();         // steps to the end, then resets
  void reset();               // also clears the bindings

  // Columns are numbered from 0. Views are valid until the next step() or reset().
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;
  base::ByteView bytes(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}
  Statement& bound(int result);
  sqlite3_stmt* handle_ = nullptr;
  int bind_result_ = 0;  // the first bind that failed (too large, no memory): step() returns it
};

class Database {
 public:
  struct Options {
    std::string vfs;  // empty: the system's
    bool read_only = false;
    int cache_kib = 2048;  // page cache, bounded
    int busy_timeout_ms = 5000;
    // False: a commit moves no log into the database before the log has 32 MiB; somebody calls
    // checkpoint() of another connection when log_pages() are many.
    bool checkpoints = true;
    // Makes a log that is there durable before it is used (one write of its bytes): what a process
    // before left may not be on the disk. False: another connection of this process did.
    bool secures_log = true;
  };
  // Opens or creates; WAL, synchronous=FULL, foreign keys on. A VFS without shared memory gets
  // exclusive locking: then one connection a file.
  static base::Result<Database> open(const std::string& path, const Options& options);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  base::Status execute(std::string_view sql);  // may hold several statements
  base::Result<Statement> prepare(std::string_view sql);
  std::int64_t last_insert_rowid() const;
  std::int64_t changes() const;

  // In the log after this connection's last commit, when it makes no checkpoints. Any thread.
  std::uint64_t log_pages() const { return *log_pages_; }
  // Moves of the log into the database what no reader needs; waits for nobody.
  base::Status checkpoint();

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  base::Status configure(const Options& options);
  base::Result<std::string> set_wal();
  base::Status secure_log();
  sqlite3* handle_ = nullptr;
  std::shared_ptr<std::atomic<std::uint64_t>> log_pages_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
};

// Rolls back in its destructor unless commit() returned ok.
class Transaction {
 public:
  static base::Result<Transaction> begin(Database& database);  // IMMEDIATE
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  base::Status commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace lander::os
