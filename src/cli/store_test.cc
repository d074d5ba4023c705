// What an operator asks of a site's database itself.
#include "store/store.h"

#include "cli/peer_test.h"
#include "os/sqlite.h"

namespace lander::cli {
namespace {

class StoreCommand : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    data_ = folder_ + "/site";
    ASSERT_TRUE(os::system_files().make_folders(data_).ok());
    for (const char* left : {"/site.db", "/site.db-wal", "/site.db-shm"}) {
      ASSERT_TRUE(os::system_files().remove(data_ + left).ok());
    }
    store::Store::Options options;
    options.path = data_ + "/site.db";
    options.clock = &clock_;
    options.compact_frames = 1;
    auto opened = store::Store::open(options);
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    store_ = std::move(*opened);
    fill();
  }
  void fill() {
    const auto vibration = declare("p1-vibration", "vibration-velocity", sensing::Kind::kNumber);
    const auto state = declare("p1-state", "state", sensing::Kind::kText);
    const auto burst = declare("p1-burst", "vibration", sensing::Kind::kWaveform);
    store::Batch batch;
    for (int i = 0; i < 100; ++i) {
      batch.observations.push_back({vibration, sensing::Quality::kGood, time(i), 0, i / 10.0});
    }
    batch.observations.push_back(
        {state, sensing::Quality::kBad, time(0), 0, std::string("a, \"b\"")});
    batch.observations.push_back(
        {burst, sensing::Quality::kGood, time(1), 0,
         std::make_shared<const sensing::Waveform>(sensing::Waveform{8, {1, 2.5}})});
    ASSERT_TRUE(store_->commit(batch).ok());
    while (*store_->upkeep()) {
    }
  }
  base::TimeUs time(int second) const { return clock_.wall + second * base::kSecond; }
  sensing::SeriesKey declare(const char* id, const char* property, sensing::Kind kind) {
    sensing::Datastream d;
    d.id = id;
    d.asset = "acme/oslo/p1";
    d.property = property;
    d.unit = kind == sensing::Kind::kText ? "1" : "mm/s";
    d.kind = kind;
    const auto key = store_->declare(d);
    EXPECT_TRUE(key.ok()) << key.error().message();
    return key.ok() ? *key : 0;
  }
  int of(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--data", data_});
    arguments.insert(arguments.begin(), "store");
    return lander(std::move(arguments));
  }
  void damage() {
    store_.reset();
    auto database = os::Database::open(data_ + "/site.db", {});
    ASSERT_TRUE(database.ok() &&
                database->execute("UPDATE chunk SET data=zeroblob(99) WHERE series=1").ok());
  }
  std::string data_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(StoreCommand, CheckIsCleanBesideARunningSiteAndNamesWhatIsLost) {
  EXPECT_EQ(of({"check"}), 0) << err_;
  EXPECT_NE(out_.find("Clean. 102 observations in 3 chunks"), std::string::npos) << out_;
  EXPECT_EQ(of({"check", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_)["clean"], true);
  damage();
  EXPECT_EQ(of({"check"}), 1);
  EXPECT_NE(out_.find("p1-vibration"), std::string::npos) << out_;
  EXPECT_NE(err_.find("does not verify: 1 finding"), std::string::npos) << err_;
  EXPECT_EQ(of({"check", "--json"}), 1);
  const Json found = Json::parse(out_)["findings"];
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["observations"], 100);
  EXPECT_EQ(found[0]["from"], "2026-11-22T12:00:00Z");
}

TEST_F(StoreCommand, StatsTellWhatTakesTheRoomOrWhatARunningSiteSays) {
  EXPECT_EQ(of({"stats"}), 0) << err_;
  EXPECT_NE(out_.find("bytes an observation"), std::string::npos) << out_;
  EXPECT_NE(out_.find("p1-burst"), std::string::npos) << out_;
  EXPECT_EQ(of({"stats", "--json"}), 0);
  const Json told = Json::parse(out_);
  EXPECT_EQ(told["observations"], 102);
  EXPECT_GT(told["bytes_per_observation"], 0);
  EXPECT_EQ(told["datastreams"].size(), 3u);
}

TEST_F(StoreCommand, ExportWritesCsvWithItsContextAndTellsWhatIsMissing) {
  const std::string file = folder_ + "/out.csv";
  EXPECT_EQ(of({"export", "--meaning", "vibration", "--to", "2026-11-22T12:00:03Z", "-o", file}), 0)
      << err_;
  EXPECT_EQ(read("out.csv"),
            "datastream,revision,asset,property,unit,time,time_error_us,value,quality\n"
            "p1-vibration,1,acme/oslo/p1,vibration-velocity,mm/s,2026-11-22T12:00:00Z,,0,Good\n"
            "p1-vibration,1,acme/oslo/p1,vibration-velocity,mm/s,2026-11-22T12:00:01Z,,0.1,Good\n"
            "p1-vibration,1,acme/oslo/p1,vibration-velocity,mm/s,2026-11-22T12:00:02Z,,0.2,Good\n"
            "p1-burst,1,acme/oslo/p1,vibration,mm/s,2026-11-22T12:00:01Z,,"
            "\"{\"\"rate_hz\"\":8.0,\"\"samples\"\":[1.0,2.5]}\",Good\n");
  EXPECT_EQ(of({"export", "--datastream", "p1-state", "-o", file, "--json"}), 0) << err_;
  EXPECT_EQ(Json::parse(out_)["observations"], 1);
  EXPECT_NE(read("out.csv").find("\"a, \"\"b\"\"\",Bad"), std::string::npos) << read("out.csv");
  damage();
  EXPECT_EQ(of({"export", "-o", file}), 0);
  EXPECT_NE(err_.find("missing: p1-vibration, 2026-11-22T12:00:00Z to 2026-11-22T12:01:39Z, 100 "
                      "observations: damaged"),
            std::string::npos)
      << err_;
  EXPECT_EQ(of({"export", "-o", file, "--json"}), 0);
  EXPECT_EQ(Json::parse(out_)["gaps"][0]["why"], "damaged");
}

TEST_F(StoreCommand, AnExportThatFailsLeavesWhatStoodThere) {
  write("out.csv", "mine\n");
  const std::string file = folder_ + "/out.csv";
  EXPECT_EQ(of({"export", "--datastream", "p2", "-o", file}), 1);
  EXPECT_NE(err_.find("no datastream \"p2\""), std::string::npos) << err_;
  EXPECT_NE(err_.find("p1-vibration"), std::string::npos) << err_;
  EXPECT_EQ(read("out.csv"), "mine\n");
  EXPECT_FALSE(os::system_files().exists(folder_ + "/.out.csv.tmp"));
  EXPECT_EQ(of({"export", "-o", folder_ + "/nowhere/out.csv"}), 1);
  EXPECT_EQ(of({"export", "-o", "/dev/full"}), 2);
  EXPECT_EQ(of({"export", "-o", folder_ + "/out.xlsx"}), 2);
  EXPECT_EQ(of({"export", "-o", folder_ + "/out.parquet"}), 1);
  EXPECT_NE(err_.find("cannot write Parquet"), std::string::npos) << err_;
}

TEST_F(StoreCommand, WhatIsNoStoreIsSaidPlainly) {
  store_.reset();
  EXPECT_EQ(lander({"store", "check", "--data", folder_}), 1);
  EXPECT_NE(err_.find("there is no store in"), std::string::npos) << err_;
  EXPECT_EQ(lander({"store", "check", "--data", folder_ + "/nowhere"}), 1);
  EXPECT_NE(err_.find("there is no"), std::string::npos) << err_;
  write("text.db", std::string(5000, 'x'));
  EXPECT_EQ(lander({"store", "stats", "--data", folder_ + "/text.db"}), 1);
  EXPECT_NE(err_.find("not a database"), std::string::npos) << err_;
  {
    auto database = os::Database::open(data_ + "/site.db", {});
    ASSERT_TRUE(database.ok() && database->execute("PRAGMA user_version=9").ok());
  }
  for (const char* command : {"check", "stats"}) {
    EXPECT_EQ(of({command}), 1);
    EXPECT_NE(err_.find("newer version"), std::string::npos) << err_;
  }
}

}  // namespace
}  // namespace lander::cli
