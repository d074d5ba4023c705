#include "os/sqlite.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace lander::os {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

Code code_of(int result) {
  switch (result & 0xFF) {  // the primary code of an extended one
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return Code::kExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::kCorrupt;
    case SQLITE_CONSTRAINT:
      return Code::kExists;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::kUnavailable;
    default:
      return Code::kIo;
  }
}

Error failed(sqlite3* database, int result, std::string_view sql) {
  constexpr std::size_t kShown = 80;
  std::string text = "SQLite: \"" + std::string(sql.substr(0, kShown));
  if (sql.size() > kShown) text += "...";
  const char* message = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(result);
  return {code_of(result), text + "\": " + message};
}

Error failed(sqlite3_stmt* statement, int result) {
  const char* sql = sqlite3_sql(statement);
  return failed(sqlite3_db_handle(statement), result, sql != nullptr ? sql : "");
}

constexpr int kMostLogPages = 8192;  // 32 MiB: nobody has made a checkpoint

int on_commit(void* pages, sqlite3* database, const char*, int in_log) {
  static_cast<std::atomic<std::uint64_t>*>(pages)->store(static_cast<std::uint64_t>(in_log));
  if (in_log >= kMostLogPages) {
    // What it could not do is done the next time; the commit itself is durable.
    (void)sqlite3_wal_checkpoint_v2(database, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  }
  return SQLITE_OK;
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      bind_result_(std::exchange(other.bind_result_, 0)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this != &other) {
    sqlite3_finalize(handle_);
    handle_ = std::exchange(other.handle_, nullptr);
    bind_result_ = std::exchange(other.bind_result_, 0);
  }
  return *this;
}

Statement::~Statement() { sqlite3_finalize(handle_); }

Statement& Statement::bound(int result) {
  // A parameter that does not exist, or one bound while rows are being read, is a mistake in our
  // code.
  LANDER_CHECK(result != SQLITE_RANGE && result != SQLITE_MISUSE);
  if (result != SQLITE_OK && bind_result_ == SQLITE_OK) bind_result_ = result;
  return *this;
}

Statement& Statement::bind(int at, std::int64_t value) {
  return bound(sqlite3_bind_int64(handle_, at, value));
}
Statement& Statement::bind(int at, double value) {
  return bound(sqlite3_bind_double(handle_, at, value));
}
Statement& Statement::bind(int at, std::string_view value) {
  const char* data = value.data() != nullptr ? value.data() : "";  // null would mean NULL
  return bound(sqlite3_bind_text64(handle_, at, data, value.size(), SQLITE_STATIC, SQLITE_UTF8));
}
Statement& Statement::bind(int at, base::ByteView value) {
  if (value.empty()) return bound(sqlite3_bind_zeroblob(handle_, at, 0));
  return bound(sqlite3_bind_blob64(handle_, at, value.data(), value.size(), SQLITE_STATIC));
}
Statement& Statement::bind_null(int at) { return bound(sqlite3_bind_null(handle_, at)); }

Result<bool> Statement::step() {
  if (bind_result_ != SQLITE_OK) return failed(handle_, bind_result_);
  const int result = sqlite3_step(handle_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return failed(handle_, result);
}

Status Statement::run() {
  Status status;
  for (bool more = true; more;) {
    auto row = step();
    if (!row.ok()) status = row.error();
    more = row.ok() && *row;
  }
  reset();
  return status;
}

void Statement::reset() {
  sqlite3_reset(handle_);  // repeats step()'s error, which the caller has
  sqlite3_clear_bindings(handle_);
  bind_result_ = SQLITE_OK;
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }
double Statement::real(int column) const { return sqlite3_column_double(handle_, column); }
std::string_view Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}
base::ByteView Statement::bytes(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}

Result<Database> Database::open(const std::string& path, const Options& options) {
  const int flags =
      SQLITE_OPEN_NOMUTEX |
      (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  sqlite3* handle = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &handle, flags,
                                     options.vfs.empty() ? nullptr : options.vfs.c_str());
  Database database(handle);  // SQLite wants a failed handle closed too
  if (result != SQLITE_OK) return failed(handle, result, "open " + path);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, options.busy_timeout_ms);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  if (options.secures_log) sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  Status status = database.configure(options);
  if (status.ok() && options.secures_log && !options.read_only) status = database.secure_log();
  if (!status.ok()) return status.error().context("opening " + path);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  return database;
}

Status Database::configure(const Options& options) {
  LANDER_TRY(execute("PRAGMA cache_size=-" + std::to_string(options.cache_kib) +
                     ";PRAGMA trusted_schema=OFF;PRAGMA foreign_keys=ON"));
  if (options.read_only) {
    LANDER_ASSIGN(Statement probe, prepare("SELECT count(*) FROM sqlite_schema"));
    return probe.run();  // says now, not at the first query, that this is no database
  }
  LANDER_ASSIGN(std::string mode, set_wal());
  if (mode != "wal" && mode != "memory") {
    // A VFS without shared memory can still do WAL when nobody else opens the file.
    LANDER_TRY(execute("PRAGMA locking_mode=EXCLUSIVE"));
    LANDER_ASSIGN(mode, set_wal());
    if (mode != "wal") {
      return Error(Code::kIo, "SQLite cannot use a write-ahead log here (journal mode stays \"" +
                                  mode + "\")");
    }
  }
  if (!options.checkpoints) {
    // Replaces SQLite's own hook, which would make checkpoints.
    sqlite3_wal_hook(handle_, on_commit, log_pages_.get());
  }
  // The log is cut back to this after a checkpoint: a burst must not hold disk space for ever.
  return execute("PRAGMA synchronous=FULL;PRAGMA journal_size_limit=16777216");
}

// After a sync that failed, Linux takes the pages for clean: they are read back, and no later sync
// writes them. A log that a process before this one left may be such a one, all or in part. Commits
// that came after it, and were synced, would go with it at a power cut; and a checkpoint of what is
// not on the disk would leave a mixture. So its bytes are written once more before anything is done
// with them, under the lock that keeps others from adding to it.
Status Database::secure_log() {
  LANDER_ASSIGN(Transaction transaction, Transaction::begin(*this));
  sqlite3_file* log = nullptr;
  sqlite3_file_control(handle_, nullptr, SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (log == nullptr || log->pMethods == nullptr) return {};  // in memory
  sqlite3_int64 size = 0;
  int result = log->pMethods->xFileSize(log, &size);
  std::vector<char> bytes(static_cast<std::size_t>(std::clamp<sqlite3_int64>(size, 0, 64 << 10)));
  for (sqlite3_int64 at = 0; at < size && result == SQLITE_OK;) {
    const int part = static_cast<int>(
        std::min<sqlite3_int64>(size - at, static_cast<sqlite3_int64>(bytes.size())));
    result = log->pMethods->xRead(log, bytes.data(), part, at);
    if (result == SQLITE_OK) result = log->pMethods->xWrite(log, bytes.data(), part, at);
    at += part;
  }
  if (size > 0 && result == SQLITE_OK) result = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  if (result == SQLITE_OK) return {};
  return Error(code_of(result), std::string("securing the log: ") + sqlite3_errstr(result));
}

Result<std::string> Database::set_wal() {
  LANDER_ASSIGN(Statement statement, prepare("PRAGMA journal_mode=WAL"));
  LANDER_ASSIGN(const bool row, statement.step());
  std::string mode = row ? std::string(statement.text(0)) : std::string();
  // The answer comes before the change commits: where that fails, a journal stays in use that is
  // not safe against a power cut, though the answer was "wal".
  LANDER_TRY(statement.run());
  return mode;
}

Status Database::checkpoint() {
  const int result =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  // Another connection's checkpoint is under way: that is as good.
  if (result == SQLITE_OK || (result & 0xFF) == SQLITE_BUSY) return {};
  return failed(handle_, result, "checkpoint");
}

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), log_pages_(other.log_pages_) {}
Database& Database::operator=(Database&& other) noexcept {
  if (this != &other) {
    sqlite3_close_v2(handle_);
    handle_ = std::exchange(other.handle_, nullptr);
    log_pages_ = other.log_pages_;
  }
  return *this;
}
Database::~Database() { sqlite3_close_v2(handle_); }

Status Database::execute(std::string_view sql) {
  while (!sql.empty()) {
    sqlite3_stmt* raw = nullptr;
    const char* tail = nullptr;
    const int result =
        sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &raw, &tail);
    if (result != SQLITE_OK) return failed(handle_, result, sql);
    sql = sql.substr(static_cast<std::size_t>(tail - sql.data()));
    if (raw == nullptr) continue;  // blanks or a comment
    Statement statement(raw);
    LANDER_TRY(statement.run());
  }
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  const int result = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, &tail);
  if (result != SQLITE_OK) return failed(handle_, result, sql);
  Statement statement(raw);
  LANDER_CHECK(raw != nullptr);  // an empty statement
  const std::string_view rest = sql.substr(static_cast<std::size_t>(tail - sql.data()));
  LANDER_CHECK(rest.find_first_not_of(" \t\r\n;") == std::string_view::npos);  // more than one
  return statement;
}

std::int64_t Database::last_insert_rowid() const { return sqlite3_last_insert_rowid(handle_); }
std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }

Result<Transaction> Transaction::begin(Database& database) {
  LANDER_TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  // Fails only when SQLite has rolled back already (a full disk): the state is the wanted one.
  [[maybe_unused]] const Status status = database_->execute("ROLLBACK");
}

Status Transaction::commit() {
  LANDER_CHECK(database_ != nullptr);
  LANDER_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace lander::os
