// One SQLite connection with its prepared statements, and the mutex of whoever uses it.
#pragma once

#include <mutex>
#include <unordered_map>

#include "os/sqlite.h"

namespace lander::store {

// A statement on loan: reset when it goes, whatever happened.
class Query {
 public:
  explicit Query(os::Statement& statement) : statement_(&statement) {}
  Query(Query&& other) noexcept : statement_(other.statement_) { other.statement_ = nullptr; }
  Query& operator=(Query&& other) noexcept {
    std::swap(statement_, other.statement_);
    return *this;
  }
  ~Query() {
    if (statement_ != nullptr) statement_->reset();
  }
  os::Statement* operator->() { return statement_; }
  os::Statement& operator*() { return *statement_; }

 private:
  os::Statement* statement_;
};

inline constexpr std::uint64_t kPageBytes = 4096;

class Connection {
 public:
  explicit Connection(os::Database database) : database_(std::move(database)) {}

  // `sql` is a literal: its address names the statement, which is prepared once. Not nested.
  base::Result<Query> query(const char* sql) {
    auto found = statements_.find(sql);
    if (found == statements_.end()) {
      LANDER_ASSIGN(os::Statement statement, database_.prepare(sql));
      found = statements_.emplace(sql, std::move(statement)).first;
    }
    return Query(found->second);
  }
  os::Database& database() { return database_; }
  std::mutex& mutex() { return mutex_; }

 private:
  os::Database database_;
  std::unordered_map<const char*, os::Statement> statements_;  // before database_ in destruction
  std::mutex mutex_;
};

}  // namespace lander::store
