// Is the simulated disk one that SQLite, and the site's store over it, survive? Crashed at every
// write and sync of a workload, over and over.
#include "sim/vfs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "os/sqlite.h"
#include "sim/clock.h"
#include "sim/files.h"
#include "store/store.h"

namespace lander::sim {
namespace {

class Disks : public testing::Test {
 protected:
  static os::Database open(const SimVfs& vfs, int cache_kib = 64) {
    auto database = os::Database::open("/d/t.db", {.vfs = vfs.name(), .cache_kib = cache_kib});
    EXPECT_TRUE(database.ok()) << database.error().message();
    return std::move(*database);
  }
  static std::string integrity(os::Database& database) {
    auto check = database.prepare("PRAGMA integrity_check");
    if (!check.ok()) return check.error().message();
    if (auto row = check->step(); !row.ok() || !*row) return "no answer";
    return std::string(check->text(0));
  }
  static std::int64_t number(os::Database& database, const char* sql) {
    auto query = database.prepare(sql);
    EXPECT_TRUE(query.ok()) << query.error().message();
    auto row = query->step();
    EXPECT_TRUE(row.ok() && *row);
    return query->integer(0);
  }
};

TEST_F(Disks, WhatWasNotSyncedMayBeLostInAnyPartAndWhatWasSyncedStays) {
  int whole = 0, none = 0, partly = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimDisk disk(seed);
    SimFilePtr file;
    ASSERT_EQ(disk.create("/d/f", file), Io::kOk);
    ASSERT_EQ(disk.write(*file, 0, base::Bytes(2000, 1)), Io::kOk);
    ASSERT_EQ(disk.sync(*file, "/d/f"), Io::kOk);
    ASSERT_EQ(disk.write(*file, 1000, base::Bytes(4000, 2)), Io::kOk);
    disk.cut_now(Cut::kPower);
    EXPECT_EQ(disk.write(*file, 0, base::Bytes(1, 9)), Io::kDead);
    disk.revive();
    const base::Bytes data = disk.find("/d/f")->data;
    ASSERT_GE(data.size(), 2000u);
    EXPECT_EQ(disk.used(), data.size());
    for (std::size_t i = 0; i < 1000; ++i) ASSERT_EQ(data[i], 1) << seed;
    const auto twos = std::count(data.begin(), data.end(), 2);
    ++(twos == 0 ? none : twos == 4000 ? whole : partly);
  }
  EXPECT_GT(whole, 10);
  EXPECT_GT(none, 10);
  EXPECT_GT(partly, 10);
}

TEST_F(Disks, AKilledProcessLosesNothingThatItWroteAndANewFileWithoutASyncedFolderMayGo) {
  int gone = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimDisk disk(seed);
    SimFilePtr file;
    ASSERT_EQ(disk.create("/d/f", file), Io::kOk);
    ASSERT_EQ(disk.write(*file, 0, base::Bytes(100, 1)), Io::kOk);
    disk.cut_now(Cut::kProcess);
    disk.revive();
    ASSERT_EQ(disk.find("/d/f")->data, base::Bytes(100, 1));
    ASSERT_EQ(disk.sync(*file, ""), Io::kOk);
    disk.cut_now(Cut::kPower);
    disk.revive();
    if (!disk.find("/d/f")) ++gone;
  }
  EXPECT_GT(gone, 5);
  EXPECT_LT(gone, 45);
}

TEST_F(Disks, AFullDiskRefusesWhatGrowsAndTakesItAgainWhenThereIsRoom) {
  SimDisk disk(1);
  SimVfs vfs(disk);
  auto database = open(vfs);
  ASSERT_TRUE(database.execute("CREATE TABLE t(a)").ok());
  disk.limit(disk.used() + 8192);
  base::Status status;
  int rows = 0;
  for (; status.ok() && rows < 1000; ++rows) {
    status = database.execute("INSERT INTO t VALUES(zeroblob(1000))");
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), base::Code::kExhausted);
  disk.limit(1 << 30);
  EXPECT_TRUE(database.execute("INSERT INTO t VALUES(1)").ok());
  EXPECT_EQ(number(database, "SELECT count(*) FROM t"), rows);
  EXPECT_EQ(integrity(database), "ok");
}

TEST_F(Disks, ADatabaseThatCouldNotTurnToItsLogDoesNotOpen) {
  int refused = 0;
  for (int at = 1; at <= 20; ++at) {
    SimDisk disk(1);
    SimVfs vfs(disk);
    int call = 0;
    disk.on_call([&](Call) {
      if (++call == at) disk.fail({});
    });
    auto database = os::Database::open("/d/t.db", {.vfs = vfs.name()});
    disk.on_call({});
    if (!database.ok()) {
      ++refused;
      continue;
    }
    ASSERT_TRUE(database->execute("CREATE TABLE t(a)").ok()) << at;
    ASSERT_TRUE(disk.find("/d/t.db-wal")) << "call " << at;
  }
  EXPECT_GT(refused, 8);
}

TEST_F(Disks, TwoConnectionsSeeEachOthersCommits) {
  SimDisk disk(1);
  SimVfs vfs(disk);
  auto writer = open(vfs);
  ASSERT_TRUE(writer.execute("CREATE TABLE t(a);INSERT INTO t VALUES(1)").ok());
  auto reader = os::Database::open("/d/t.db", {.vfs = vfs.name(), .read_only = true});
  ASSERT_TRUE(reader.ok()) << reader.error().message();
  EXPECT_EQ(number(*reader, "SELECT count(*) FROM t"), 1);
  ASSERT_TRUE(writer.execute("INSERT INTO t VALUES(2)").ok());
  EXPECT_EQ(number(*reader, "SELECT count(*) FROM t"), 2);
  EXPECT_FALSE(reader->execute("INSERT INTO t VALUES(3)").ok());
}

// Rows carry their commit's number; a checkpoint comes every few commits, so that crashes hit it.
TEST_F(Disks, SqliteSurvivesACrashAtEveryWriteAndKeepsWhatItCommitted) {
  std::uint64_t points = 0;
  for (const Cut cut : {Cut::kPower, Cut::kProcess}) {
    for (std::uint64_t at = 0;; ++at, ++points) {
      SimDisk disk(at * 2 + (cut == Cut::kPower ? 1 : 0));
      SimVfs vfs(disk);
      disk.cut_after(at, cut);
      std::int64_t committed = 0;
      {
        auto opened = os::Database::open("/d/t.db", {.vfs = vfs.name(), .cache_kib = 16});
        if (opened.ok() && opened
                               ->execute("CREATE TABLE IF NOT EXISTS t(n INTEGER, body BLOB);"
                                         "PRAGMA wal_autocheckpoint=12")
                               .ok()) {
          for (std::int64_t n = 1; n <= 25; ++n) {
            const std::string sql = std::to_string(n);
            if (!opened
                     ->execute("BEGIN IMMEDIATE;INSERT INTO t VALUES(" + sql +
                               ",randomblob(3000));UPDATE t SET body=zeroblob(2000) WHERE n=" +
                               std::to_string(n / 2) + ";COMMIT")
                     .ok()) {
              break;
            }
            committed = n;
          }
        }
      }
      const bool finished = !disk.dead();
      disk.disarm();
      disk.revive();
      auto database = open(vfs);
      ASSERT_EQ(integrity(database), "ok") << "crash at operation " << at;
      ASSERT_TRUE(database.execute("CREATE TABLE IF NOT EXISTS t(n INTEGER, body BLOB)").ok());
      const std::int64_t kept = number(database, "SELECT count(*) FROM t");
      ASSERT_GE(kept, committed) << "crash at operation " << at;
      ASSERT_LE(kept, committed + 1) << "crash at operation " << at;
      ASSERT_EQ(number(database, "SELECT coalesce(max(n),0) FROM t"), kept);
      if (finished) break;
    }
  }
  EXPECT_GT(points, 300u);
}

// The same of the store: what commit() acknowledged is there, once, whatever the moment.
class StoreCrash : public Disks {
 protected:
  struct Acknowledged {
    std::uint64_t observations = 0, items = 0;
    bool record = false;
  };
  static constexpr std::uint64_t kCommits = 14, kPerCommit = 4;

  base::Result<std::unique_ptr<store::Store>> open_store(const SimVfs& vfs) {
    store::Store::Options options;
    options.path = "/d/site.db";
    options.vfs = vfs.name();
    options.clock = &clock_;
    options.random = &random_;
    options.raw_lane = 3;
    return store::Store::open(options);
  }
  // Goes on where the last run was cut, as a source does: from the first that was not acknowledged.
  void work(store::Store& store, Acknowledged& done) {
    sensing::Datastream d;
    d.id = "p";
    d.asset = "acme/p1";
    d.property = "pressure";
    d.policy.uplink = sensing::Uplink::kRaw;
    const auto key = store.declare(d);
    if (!key.ok()) return;
    while (done.observations < kCommits * kPerCommit) {
      now_ += 25 * base::kSecond;
      store::Batch batch;
      for (std::uint64_t i = 1; i <= kPerCommit; ++i) {
        const std::uint64_t n = done.observations + i;
        batch.observations.push_back(
            {*key, {}, kStart + static_cast<base::TimeUs>(n) * 1000, n, static_cast<double>(n)});
      }
      batch.items.push_back({0, "alert-event", {static_cast<std::uint8_t>(done.items)}});
      batch.records.push_back({"mark", "m", {1}});
      if (!store.commit(batch).ok()) return;
      done.observations += kPerCommit;
      ++done.items;
      done.record = true;
      if (done.items % 4 == 0 && !store.forget_items(3, done.items - 2).ok()) return;
    }
  }
  void check(store::Store& store, const Acknowledged& done, std::uint64_t at) {
    std::vector<double> values;
    if (const auto keys = store.keys("p"); !keys.empty()) {
      const auto status =
          store.read(keys[0], INT64_MIN, INT64_MAX, SIZE_MAX, [&](const store::Sample& sample) {
            values.push_back(std::get<double>(sample.observation.value));
            return true;
          });
      ASSERT_TRUE(status.ok()) << "crash at " << at << ": " << status.error().message();
    }
    ASSERT_GE(values.size(), done.observations) << "crash at " << at;
    ASSERT_LE(values.size(), done.observations + kPerCommit) << "crash at " << at;
    ASSERT_EQ(store.stats().observations, values.size()) << "crash at " << at;
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(values[i], static_cast<double>(i + 1)) << "crash at " << at;
    }
    const auto items = store.items(0, 0, 1000, 1 << 20);
    ASSERT_TRUE(items.ok());
    ASSERT_EQ(items->size(), values.size() / kPerCommit) << "all of a batch or none of it";
    for (std::size_t i = 0; i < items->size(); ++i) ASSERT_EQ((*items)[i].number, i + 1);
    if (done.record) {
      ASSERT_TRUE(store.record("mark", "m")->has_value());
    }
  }

  static constexpr base::TimeUs kStart = 1'795'000'000 * base::kSecond;
  base::TimeUs now_ = kStart;
  SimClock clock_{now_, "t", 0};
  SimRandom random_{7};
};

TEST_F(StoreCrash, NothingAcknowledgedIsLostAtAnyOfThousandsOfCrashPoints) {
  std::uint64_t points = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    for (std::uint64_t at = 0;; ++at, ++points) {
      SimDisk disk(seed * 100'000 + at);
      SimVfs vfs(disk);
      now_ = kStart;
      clock_.reboot(now_);
      Acknowledged done;
      disk.cut_after(at, seed % 4 == 3 ? Cut::kProcess : Cut::kPower);
      {
        auto store = open_store(vfs);
        if (store.ok()) work(**store, done);
      }
      const bool finished = !disk.dead();
      disk.disarm();
      disk.revive();
      now_ += base::kMinute;
      clock_.reboot(now_);
      {
        auto store = open_store(vfs);
        ASSERT_TRUE(store.ok()) << "crash at " << at << ": " << store.error().message();
        check(**store, done, at);
        if (testing::Test::HasFatalFailure()) return;
        if (at % 5 == 0) {  // and it goes on from there: the rest comes, repeats are dropped
          work(**store, done);
          done.items = done.observations / kPerCommit;
          ASSERT_EQ(done.observations, kCommits * kPerCommit);
          ASSERT_EQ((*store)->stats().observations, kCommits * kPerCommit);
        }
      }
      auto database = os::Database::open("/d/site.db", {.vfs = vfs.name()});
      ASSERT_TRUE(database.ok());
      ASSERT_EQ(integrity(*database), "ok") << "crash at " << at;
      if (finished) break;
    }
  }
  RecordProperty("crash_points", static_cast<int>(points));
  EXPECT_GT(points, 1500u);
}

}  // namespace
}  // namespace lander::sim
