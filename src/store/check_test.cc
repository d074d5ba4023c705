#include "store/check.h"

#include <gtest/gtest.h>

#include <fstream>

#include "os/sqlite.h"
#include "store/testing.h"
#include "store/usage.h"

namespace lander::store {
namespace {

using base::kHour;
using base::kMinute;
using base::kSecond;

class Checks : public StoreTest {
 protected:
  CheckReport check() {
    auto report = store::check({.path = options_.path});
    EXPECT_TRUE(report.ok()) << report.error().message();
    return report.ok() ? *report : CheckReport();
  }
  void change(const std::string& sql) {
    auto database = os::Database::open(options_.path, {});
    ASSERT_TRUE(database.ok());
    const auto status = database->execute(sql);
    ASSERT_TRUE(status.ok()) << status.error().message();
  }
  static std::string texts(const CheckReport& report) {
    std::string out;
    for (const auto& f : report.findings)
      out += f.place + " (" + f.datastream + "): " + f.what + "\n";
    return out;
  }
  // Three series of 400 samples over seven hours, in chunks, and some more in frames.
  void fill() {
    number_ = declare("n", sensing::Kind::kNumber, sensing::Uplink::kRaw);
    text_ = declare("t", sensing::Kind::kText);
    object_ = declare("o", sensing::Kind::kObject);
    const auto object = *store_->put_object(base::as_bytes("a picture"), "image/png");
    for (int i = 0; i < 400; ++i) {
      Batch batch;
      const base::TimeUs time = kNow + i * kMinute;
      batch.observations = {at(number_, time, i / 8.0, 1 + i),
                            at(text_, time, "t" + std::to_string(i)),
                            at(object_, time, std::make_shared<const sensing::Object>(object))};
      batch.items = {{1, "x", {1}}};
      commit(batch);
      if (i == 390) keep_up();
    }
    offer();
  }
  SeriesKey number_ = 0, text_ = 0, object_ = 0;
};

TEST_F(Checks, AreCleanWhileTheSiteRunsOnItAndAfterwards) {
  fill();
  for (int round = 0; round < 2; ++round, store_.reset()) {
    std::uint64_t last = 0, whole = 0;
    const auto report =
        store::check({.path = options_.path, .progress = [&](auto done, auto total) {
                        EXPECT_GE(done, last);
                        EXPECT_LE(done, total);
                        last = done;
                        whole = total;
                      }});
    ASSERT_TRUE(report.ok()) << report.error().message();
    EXPECT_TRUE(report->clean()) << texts(*report);
    EXPECT_EQ(report->observations, 1200u);
    EXPECT_EQ(report->frames, 9u);
    EXPECT_GE(report->chunks, 3u);
    EXPECT_EQ(report->objects, 1u);
    EXPECT_GE(report->items, 401u);
    EXPECT_EQ(last, whole);
  }
}

TEST_F(Checks, FindEveryFlippedByteOfAChunkAndOfAFrame) {
  fill();
  store_.reset();
  auto database = os::Database::open(options_.path, {});
  ASSERT_TRUE(database.ok());
  struct Blob {
    const char *select, *update;
  };
  const Blob blobs[] = {{"SELECT data FROM chunk WHERE series=1 LIMIT 1",
                         "UPDATE chunk SET data=? WHERE (series,segment,t_last,part) IN (SELECT "
                         "series,segment,t_last,"
                         "part FROM chunk WHERE series=1 LIMIT 1)"},
                        {"SELECT data FROM frame ORDER BY id DESC LIMIT 1",
                         "UPDATE frame SET data=? WHERE id=(SELECT max(id) FROM frame)"}};
  for (const Blob& blob : blobs) {
    base::Bytes bytes;
    {
      auto select = *database->prepare(blob.select);
      ASSERT_TRUE(*select.step());
      bytes.assign(select.bytes(0).begin(), select.bytes(0).end());
    }
    const auto write = [&](const base::Bytes& data) {
      auto update = *database->prepare(blob.update);
      update.bind(1, base::ByteView(data));
      ASSERT_TRUE(update.run().ok());
    };
    ASSERT_GT(bytes.size(), 20u);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      base::Bytes broken = bytes;
      broken[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
      write(broken);
      const auto report = check();
      ASSERT_EQ(report.findings.size(), 1u) << i << "\n" << texts(report);
      ASSERT_GT(report.findings[0].observations, 0u);
    }
    write(bytes);
    EXPECT_TRUE(check().clean()) << texts(check());
  }
}

TEST_F(Checks, NameTheDatastreamAndTheTimeOfWhatIsLost) {
  fill();
  store_.reset();
  change("UPDATE chunk SET data=zeroblob(50) WHERE series=1");
  const auto report = check();
  ASSERT_FALSE(report.clean());
  EXPECT_EQ(report.findings[0].datastream, "n");
  EXPECT_EQ(report.findings[0].from, kNow);
  EXPECT_GT(report.findings[0].to, kNow);
  EXPECT_EQ(report.findings[0].place.substr(0, 8), "chunk 1/");
  EXPECT_EQ(report.observations + report.findings[0].observations, 1200u) << texts(report);
}

TEST_F(Checks, FindWhatCountsAndNamesWrongly) {
  fill();
  store_.reset();
  const struct {
    const char *sql, *undo, *says;
  } cases[] = {
      {"UPDATE rollup SET others=others+1 WHERE series=1 AND level=1 AND t=(SELECT min(t) FROM "
       "rollup)",
       "UPDATE rollup SET others=others-1 WHERE series=1 AND level=1 AND t=(SELECT min(t) FROM "
       "rollup)",
       "rollup hour"},
      {"UPDATE extent SET count=count+1 WHERE series=2",
       "UPDATE extent SET count=count-1 WHERE series=2", "extent 2/"},
      {"UPDATE extent SET t_last=t_last-1 WHERE series=2",
       "UPDATE extent SET t_last=t_last+1 WHERE series=2", "beyond"},
      {"UPDATE chunk SET count=count+1 WHERE series=2",
       "UPDATE chunk SET count=count-1 WHERE series=2", "its row tells"},
      {"UPDATE chunk SET t_first=t_first-1 WHERE series=2",
       "UPDATE chunk SET t_first=t_first+1 WHERE series=2", "other times"},
      {"UPDATE item SET number=number+1000 WHERE lane=1 AND number=400",
       "UPDATE item SET number=number-1000 WHERE lane=1 AND number=1400", "items of lane 1"},
      {"UPDATE lane SET last=last+1 WHERE lane=1", "UPDATE lane SET last=last-1 WHERE lane=1",
       "401 numbers"},
      {"UPDATE frame SET count=count+1", "UPDATE frame SET count=count-1", "frame"},
      {"INSERT INTO gone VALUES(1,400,400,0)", "DELETE FROM gone", "told twice"},
      {"INSERT INTO thinned VALUES(1,0,5,3,NULL,1,0)", "DELETE FROM thinned", "thinned"},
      {"INSERT INTO thinned VALUES(1,0,3,5,NULL,1,2)", "DELETE FROM thinned", "wiped"},
  };
  for (const auto& one : cases) {
    change(one.sql);
    const auto report = check();
    EXPECT_NE(texts(report).find(one.says), std::string::npos) << one.sql << "\n" << texts(report);
    change(one.undo);
  }
  EXPECT_TRUE(check().clean()) << texts(check());
}

TEST_F(Checks, FindAnObjectThatIsGoneOrAnother) {
  fill();
  store_.reset();
  std::filesystem::path file;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "objects")) {
    if (entry.is_regular_file()) file = entry.path();
  }
  std::ofstream(file) << "a Picture";
  ASSERT_EQ(check().findings.size(), 1u);
  EXPECT_EQ(check().findings[0].observations, 391u + 9u);
  std::filesystem::remove(file);
  ASSERT_EQ(check().findings.size(), 1u);
  change("DELETE FROM object");
  EXPECT_NE(texts(check()).find("refers to object"), std::string::npos);
}

TEST_F(Checks, FindDamageOfTheFileItself) {
  fill();
  store_.reset();
  const auto size = std::filesystem::file_size(options_.path);
  int found = 0;
  for (std::uint64_t page = 2; page * 4096 < size; ++page) {
    std::fstream file(options_.path, std::ios::in | std::ios::out | std::ios::binary);
    char header[64];
    file.seekg(static_cast<std::streamoff>(page * 4096)).read(header, sizeof header);
    file.seekp(static_cast<std::streamoff>(page * 4096)).write(std::string(64, '\x7f').data(), 64);
    file.close();
    const auto report = store::check({.path = options_.path});
    found += !report.ok() || !report->clean();
    std::fstream(options_.path, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>(page * 4096))
        .write(header, sizeof header);
  }
  const auto unused = usage(options_.path);  // of these the content does not matter
  ASSERT_TRUE(unused.ok());
  EXPECT_GE(found, static_cast<int>((size - unused->unused) / 4096) - 2);
  EXPECT_TRUE(check().clean());
}

TEST_F(Checks, SayWhatIsNoStore) {
  const auto code = [](const std::string& path) {
    return store::check({.path = path}).error().code();
  };
  EXPECT_EQ(code(folder_ / "nothing.db"), base::Code::kNotFound);
  std::ofstream(folder_ / "text.db") << "Not a database, but a text that is long enough.";
  EXPECT_EQ(code(folder_ / "text.db"), base::Code::kCorrupt);
  {
    auto other = os::Database::open(folder_ / "other.db", {});
    ASSERT_TRUE(other.ok() && other->execute("CREATE TABLE x(y)").ok());
  }
  EXPECT_EQ(code(folder_ / "other.db"), base::Code::kCorrupt);
  store_.reset();
  change("PRAGMA user_version=3");
  EXPECT_EQ(code(options_.path), base::Code::kUnsupported);
  EXPECT_EQ(usage(options_.path).error().code(), base::Code::kUnsupported);
  EXPECT_EQ(Store::open_snapshot(options_).error().code(), base::Code::kUnsupported);
}

TEST_F(Checks, ASnapshotReadsWhatStandsThereWhileTheSiteGoesOn) {
  fill();
  const auto snapshot = Store::open_snapshot(options_);
  ASSERT_TRUE(snapshot.ok()) << snapshot.error().message();
  commit({.observations = {at(number_, kNow + 500 * kMinute, 7.0, 900)}});
  keep_up();
  std::size_t count = 0;
  const auto gaps =
      (*snapshot)->read(number_, INT64_MIN, INT64_MAX, SIZE_MAX, [&](const Sample& s) {
        EXPECT_EQ(s.observation.time, kNow + static_cast<std::int64_t>(count) * kMinute);
        ++count;
        return true;
      });
  ASSERT_TRUE(gaps.ok()) << gaps.error().message();
  EXPECT_TRUE(gaps->empty());
  EXPECT_EQ(count, 400u);
  EXPECT_EQ((*snapshot)->stats().observations, 1200u);
  EXPECT_EQ((*(*snapshot)->latest(text_))->observation.time, kNow + 399 * kMinute);
  EXPECT_EQ(all(number_).size(), 401u);
}

TEST_F(Checks, UsageTellsWhatTakesTheRoom) {
  fill();
  const auto told = usage(options_.path);
  ASSERT_TRUE(told.ok()) << told.error().message();
  EXPECT_EQ(told->file, told->chunks + told->frames + told->rollups + told->items + told->records +
                            told->other + told->unused);
  EXPECT_GT(told->chunks, 0u);
  EXPECT_EQ(told->objects, 9u);
  ASSERT_EQ(told->datastreams.size(), 3u);
  std::uint64_t observations = 0;
  for (const auto& d : told->datastreams) observations += d.observations;
  EXPECT_EQ(observations, 3 * 391u);
}

}  // namespace
}  // namespace lander::store
