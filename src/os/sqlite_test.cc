#include "os/sqlite.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "os/files.h"

namespace lander::os {
namespace {

using base::as_bytes;
using base::Bytes;
using base::Code;

class SqliteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lander-sqlite-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    path_ = folder_ + "/t.db";
  }
  void TearDown() override {
    for (const std::string& name : *system_files().list(folder_)) {
      EXPECT_TRUE(system_files().remove(folder_ + "/" + name).ok());
    }
    EXPECT_TRUE(system_files().remove(folder_).ok());
  }

  Database open() {
    auto database = Database::open(path_, {});
    EXPECT_TRUE(database.ok()) << database.error().message();
    return std::move(*database);
  }
  static std::int64_t count(Database& database) {
    auto statement = database.prepare("SELECT count(*) FROM t");
    EXPECT_TRUE(*statement->step());
    return statement->integer(0);
  }

  std::string folder_, path_;
};

TEST_F(SqliteTest, EveryKindOfValueSurvives) {
  Database db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(i, r, s, b, n); -- a comment\n ").ok());
  auto insert = db.prepare("INSERT INTO t VALUES(?1, ?2, ?3, ?4, ?5)");
  ASSERT_TRUE(insert.ok());
  insert->bind(1, std::int64_t{-7}).bind(2, 2.5).bind(3, std::string_view("a\0b", 3));
  insert->bind(4, base::ByteView(as_bytes("\xFF"))).bind_null(5);
  ASSERT_TRUE(insert->run().ok());
  EXPECT_EQ(db.changes(), 1);
  EXPECT_EQ(db.last_insert_rowid(), 1);
  // Empty text and bytes are empty, not NULL.
  insert->bind(3, std::string_view()).bind(4, base::ByteView());
  ASSERT_TRUE(insert->run().ok());

  auto select = db.prepare("SELECT i, r, s, b, n FROM t ORDER BY rowid");
  ASSERT_TRUE(*select->step());
  EXPECT_EQ(select->integer(0), -7);
  EXPECT_EQ(select->real(1), 2.5);
  EXPECT_EQ(select->text(2), std::string_view("a\0b", 3));
  EXPECT_EQ(select->bytes(3)[0], 0xFF);
  EXPECT_TRUE(select->is_null(4));
  ASSERT_TRUE(*select->step());
  EXPECT_TRUE(select->is_null(0));  // bindings do not outlive a run
  EXPECT_FALSE(select->is_null(2));
  EXPECT_FALSE(select->is_null(3));
  EXPECT_FALSE(*select->step());
}

TEST_F(SqliteTest, ErrorsSayWhatTheCallerCanDo) {
  Database db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY)").ok());
  ASSERT_TRUE(db.execute("INSERT INTO t VALUES(1)").ok());
  const auto twice = db.execute("INSERT INTO t VALUES(1)");
  EXPECT_EQ(twice.error().code(), Code::kExists);
  EXPECT_EQ(twice.error().message(),
            "SQLite: \"INSERT INTO t VALUES(1)\": UNIQUE constraint failed: t.id");
  EXPECT_EQ(db.prepare("SELECT nothing").error().code(), Code::kIo);

  Database::Options impatient;
  impatient.busy_timeout_ms = 0;
  auto other = Database::open(path_, impatient);
  ASSERT_TRUE(other.ok());
  auto held = Transaction::begin(db);
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(Transaction::begin(*other).error().code(), Code::kUnavailable);

  EXPECT_EQ(Database::open(folder_ + "/no/such.db", {}).error().code(), Code::kIo);
  ASSERT_TRUE(system_files().write_durably(folder_ + "/text.db", Bytes(9000, 'x')).ok());
  EXPECT_EQ(Database::open(folder_ + "/text.db", {}).error().code(), Code::kCorrupt);
}

TEST_F(SqliteTest, AFullDiskIsToldAndTheTransactionIsGone) {
  Database db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(b); PRAGMA max_page_count=16").ok());
  {
    auto transaction = Transaction::begin(db);
    ASSERT_TRUE(transaction.ok());
    EXPECT_EQ(db.execute("INSERT INTO t VALUES(zeroblob(1000000))").error().code(),
              Code::kExhausted);
  }
  EXPECT_EQ(count(db), 0);
  EXPECT_TRUE(db.execute("INSERT INTO t VALUES(1)").ok());
}

TEST_F(SqliteTest, ATransactionThatIsNotCommittedNeverHappened) {
  Database db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(i)").ok());
  {
    auto transaction = Transaction::begin(db);
    ASSERT_TRUE(db.execute("INSERT INTO t VALUES(1)").ok());
  }
  EXPECT_EQ(count(db), 0);
  auto transaction = Transaction::begin(db);
  ASSERT_TRUE(db.execute("INSERT INTO t VALUES(2)").ok());
  ASSERT_TRUE(transaction->commit().ok());
  EXPECT_EQ(count(db), 1);
}

TEST_F(SqliteTest, AReaderCannotWriteAndSeesWhatIsCommitted) {
  Database db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(i); INSERT INTO t VALUES(1)").ok());
  Database::Options reading;
  reading.read_only = true;
  auto reader = Database::open(path_, reading);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(count(*reader), 1);
  EXPECT_FALSE(reader->execute("INSERT INTO t VALUES(2)").ok());
  EXPECT_FALSE(Database::open(folder_ + "/none.db", reading).ok());
}

TEST_F(SqliteTest, WhatWasCommittedBeforeAKillIsThereAfterwards) {
  open().execute("CREATE TABLE t(i)").ok();
  std::int64_t told = 0;
  for (int round = 0; round < 5; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto db = Database::open(path_, {});
      for (;;) {
        if (!db->execute("INSERT INTO t VALUES(1)").ok()) ::_exit(1);
        if (::write(ends[1], "c", 1) != 1) ::_exit(1);
      }
    }
    ::close(ends[1]);
    char one = 0;
    for (int i = 0; i < 20 && ::read(ends[0], &one, 1) == 1; ++i) ++told;
    ::kill(child, SIGKILL);
    while (::read(ends[0], &one, 1) == 1) ++told;
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    Database db = open();
    const std::int64_t stored = count(db);
    EXPECT_GE(stored, told);
    EXPECT_LE(stored,
              told + round + 1);  // at most the one of each round that could not tell any more
  }
}

}  // namespace
}  // namespace lander::os
