// What stands in the tables after a crash at any step: everything that was taken, once.
#include <functional>

#include "lake/delta.h"
#include "lake/lake_fixture.h"

namespace lander::lake {
namespace {

using nlohmann::json;

// The power goes at the n-th change of the file system: before it or right after it.
class DyingFiles : public os::Files {
 public:
  DyingFiles(int changes_left, bool after) : left_(changes_left), after_(after) {}
  bool died() const { return left_ < 0; }
  void revive() { left_ = 1 << 30; }
  void die_after(int changes) { left_ = changes; }

  base::Status write_durably(const std::string& p, base::ByteView b, unsigned m) override {
    return change([&] { return real_.write_durably(p, b, m); });
  }
  base::Status create_durably(const std::string& p, base::ByteView b, unsigned m) override {
    return change([&] { return real_.create_durably(p, b, m); });
  }
  base::Status remove(const std::string& p) override {
    return change([&] { return real_.remove(p); });
  }
  base::Status make_folders(const std::string& p, unsigned m) override {
    return change([&] { return real_.make_folders(p, m); });
  }
  base::Result<base::Bytes> read(const std::string& p, std::uint64_t most) override {
    if (died()) return base::Error(base::Code::kIo, "the power is off");
    return real_.read(p, most);
  }
  bool exists(const std::string& p) override { return real_.exists(p); }
  base::Result<std::vector<std::string>> list(const std::string& p) override {
    return real_.list(p);
  }
  base::Result<std::uint64_t> size(const std::string& p) override { return real_.size(p); }
  base::Result<std::uint64_t> free_bytes(const std::string& p) override {
    return real_.free_bytes(p);
  }

 private:
  base::Status change(const std::function<base::Status()>& effect) {
    const base::Error off(base::Code::kIo, "the power is off");
    if (left_ < 0) return off;
    if (--left_ >= 0) return effect();
    if (after_) static_cast<void>(effect());
    return off;
  }
  os::Files& real_ = os::system_files();
  int left_;
  bool after_;
};

class CrashTest : public LakeTest {
 protected:
  std::vector<link::Item> load(std::uint64_t round) {
    return {
        raised(round, std::to_string(round)),
        blocks(round,
               {series_block("p1", numbers(kNoon + static_cast<base::TimeUs>(round) * base::kMinute,
                                           {1, 2}))}),
        summaries(round, {{.datastream = "p1", .from = kNoon}})};
  }
  void expect_rounds(std::uint64_t rounds, const std::string& when) {
    EXPECT_EQ(
        sql("SELECT (SELECT count(*) FROM observation), (SELECT sum(value) FROM observation), "
            "(SELECT count(*) FROM alert_event), (SELECT count(*) FROM summary), "
            "(SELECT count(*) FROM datastream), (SELECT count(*) FROM site)"),
        json({{2 * rounds, 3.0 * static_cast<double>(rounds), rounds, rounds, 1, 1}}))
        << when;
  }
};

TEST_F(CrashTest, EveryStepOfAFlushMayBeItsLastAndNothingIsLostOrRepeated) {
  for (const bool after : {false, true}) {
    for (const bool restart : {true, false}) {
      for (int step = 0;; ++step) {
        const std::string when = "step " + std::to_string(step) + (after ? " after" : " before") +
                                 (restart ? " restart" : " go on");
        lake_.reset();
        std::filesystem::remove_all(folder_);
        open();
        ingest({declared(1, datastream("p1"))});
        ingest(load(1));
        flush();
        DyingFiles files(step + 1, after);  // the first is opening's own folder
        open(&files);
        ingest(load(2));
        const bool failed = !lake_->flush().ok();
        ASSERT_EQ(failed, files.died()) << when;
        if (!failed) {
          ASSERT_GT(step, 5) << "a flush of three tables changes more files than that";
          break;
        }
        if (restart)
          open();
        else
          files.revive();
        if (step % 2) ingest(load(3));  // with and without new rows beside the old batch
        flush();
        expect_rounds(step % 2 ? 3 : 2, when);
        EXPECT_EQ(lake_->waiting_rows().value(), 0u);
        if (HasFailure()) return;
        lake_.reset();  // before `files` goes
      }
    }
  }
}

TEST_F(CrashTest, TheVeryFirstFlushMayDieAtEveryStepToo) {
  for (int step = 0;; ++step) {
    lake_.reset();
    std::filesystem::remove_all(folder_);
    DyingFiles files(step + 1, step % 2);
    open(&files);
    ingest({declared(1, datastream("p1"))});
    ingest(load(1));
    const bool failed = !lake_->flush().ok();
    open();
    flush();
    expect_rounds(1, "step " + std::to_string(step));
    if (!failed || HasFailure()) return;
  }
}

TEST_F(CrashTest, AnotherWriterInTheSameTableLosesNothingAndCostsNothing) {
  ingest({declared(1, datastream("p1"))});
  ingest(load(1));
  flush();
  const std::string table = folder_ + "/acme/observation";
  const std::string rival = R"({"txn":{"appId":"rival","version":1}})"
                            "\n";
  ASSERT_TRUE(os::system_files().create_durably(log_path(table, 2), base::as_bytes(rival)).ok());
  ingest(load(2));
  flush();
  expect_rounds(2, "after a rival's commit");
  EXPECT_TRUE(os::system_files().exists(log_path(table, 3)));
}

TEST_F(CrashTest, AJournalFromABackupNeitherDropsNewRowsNorStops) {
  ingest({declared(1, datastream("p1"))});
  ingest(load(1));
  flush();
  lake_.reset();
  const std::string journal = folder_ + "/journal.db", copy = folder_ + "/backup";
  std::filesystem::copy_file(journal, copy);
  open();
  for (std::uint64_t round : {2, 3, 4}) {
    ingest(load(round));
    flush();
  }
  lake_.reset();
  std::filesystem::copy_file(copy, journal, std::filesystem::copy_options::overwrite_existing);
  for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(journal + suffix);
  open();
  ingest(load(5));  // 2 to 4 were receipted: the site does not send them again
  flush();
  expect_rounds(5, "after the restore");
}

TEST_F(CrashTest, ALostJournalStartsANewOneOnTheSameTables) {
  ingest({declared(1, datastream("p1"))});
  ingest(load(1));
  flush();
  lake_.reset();
  for (const char* suffix : {"", "-wal", "-shm"})
    std::filesystem::remove(folder_ + "/journal.db" + suffix);
  open();
  ingest(load(2));
  for (int i = 0; i < 6; ++i) flush();  // the datastream's declaration went with the journal
  EXPECT_EQ(one("SELECT count(*) FROM observation"), 4);
}

TEST_F(CrashTest, EveryStepOfACompactionMayBeItsLastAndNothingIsLostOrRepeated) {
  ingest({declared(1, datastream("p1"))});
  for (std::uint64_t round = 1; round <= 8; ++round) {
    ingest(load(round));
    flush();
  }
  lake_.reset();
  const std::string before = folder_ + "-before";
  std::filesystem::remove_all(before);
  std::filesystem::rename(folder_, before);
  for (int step = 0;; ++step) {
    const bool after = step % 2, restart = step / 2 % 2;
    const std::string when = "step " + std::to_string(step);
    lake_.reset();
    std::filesystem::remove_all(folder_);
    std::filesystem::copy(before, folder_, std::filesystem::copy_options::recursive);
    DyingFiles files(1 << 30, after);
    open(&files);
    ingest(load(9));
    flush();
    files.die_after(step / 2);
    bool failed = false;
    for (std::uint64_t merged = 1; merged > 0 && !failed;) {
      const auto done = lake_->compact();
      failed = !done.ok();
      merged = done.ok() ? done->files : 0;
    }
    ASSERT_EQ(failed, files.died()) << when;
    expect_rounds(9, when + ", seen before the next step");
    files.revive();
    if (restart) open(&files);
    ingest(load(10));
    flush();
    expect_rounds(10, when);
    compact();
    expect_rounds(10, when + ", compacted");
    EXPECT_EQ(
        lake_->series("acme", "north", "p1", kNoon, kNoon + base::kDay, 1).value()[0].second.count,
        20);
    // 10 parts, of which 9 or all are in one, and nothing that no log knows.
    EXPECT_EQ(parquet_files("observation").size(), 11u) << when;
    clock_.now += kKeepRemoved + base::kSecond;
    compact();
    EXPECT_LE(parquet_files("observation").size(), 2u) << when;
    expect_rounds(10, when + ", the old files deleted");
    lake_.reset();  // before `files` goes
    if (!failed) {
      EXPECT_GT(step, 8) << "the compaction of three tables changes more files than that";
    }
    if (HasFailure() || !failed) break;
  }
  std::filesystem::remove_all(before);
}

TEST_F(CrashTest, WhoReadsTheOldVersionKeepsItsFilesForADay) {
  ingest({declared(1, datastream("p1"))});
  for (std::uint64_t round = 1; round <= 8; ++round) {
    ingest(load(round));
    flush();
  }
  const auto before = parquet_files("observation");
  EXPECT_EQ(compact(), 24u) << "of observation, summary and alert_event";
  const auto holds = [&](const std::set<std::string>& all) {
    const auto now = parquet_files("observation");
    return std::includes(now.begin(), now.end(), all.begin(), all.end());
  };
  EXPECT_TRUE(holds(before));
  clock_.now += kKeepRemoved - base::kMinute;
  compact();
  EXPECT_TRUE(holds(before));
  clock_.now += 2 * base::kMinute;
  compact();
  EXPECT_EQ(parquet_files("observation").size(), 1u);
  expect_rounds(8, "after the old files went");
}

TEST_F(CrashTest, AnotherWriterThatTookAFileMakesTheCompactionGiveWay) {
  ingest({declared(1, datastream("p1"))});
  for (std::uint64_t round = 1; round <= 8; ++round) {
    ingest(load(round));
    flush();
  }
  const std::string table = folder_ + "/acme/observation";
  const std::string taken = *parquet_files("observation").begin();
  const std::string rival = R"({"remove":{"path":")" + taken +
                            R"(","deletionTimestamp":1,"dataChange":true}})"
                            "\n";
  ASSERT_TRUE(os::system_files().create_durably(log_path(table, 9), base::as_bytes(rival)).ok());
  compact();
  EXPECT_EQ(one("SELECT count(*) FROM observation"), 14) << "the rival's rows stay away";
  EXPECT_EQ(parquet_files("observation").size(), 8u) << "and no file of ours is left over";
}

TEST_F(CrashTest, AHundredCommitsLaterTheCheckpointStandsForTheLog) {
  ingest({declared(1, datastream("p1"))});
  for (std::uint64_t round = 1; round <= 103; ++round) {
    ingest(load(round));
    flush();
  }
  const std::string table = folder_ + "/acme/observation";
  ASSERT_TRUE(os::system_files().exists(table + "/_delta_log/_last_checkpoint"));
  for (std::int64_t version = 0; version < 100; ++version)
    ASSERT_TRUE(os::system_files().remove(log_path(table, version)).ok());
  expect_rounds(103, "with the checkpoint only");
  lake_.reset();
  std::filesystem::remove(folder_ + "/journal.db");
  open();
  ingest({declared(1, datastream("p1"))});
  ingest(load(104));
  flush();
  EXPECT_EQ(one("SELECT count(*) FROM observation"), 208);
  EXPECT_EQ(
      lake_->series("acme", "north", "p1", kNoon, kNoon + base::kDay, 1).value()[0].second.count,
      208);
}

}  // namespace
}  // namespace lander::lake
