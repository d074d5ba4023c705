// Databases of other releases: what an older one wrote is all there in this one, and this one works
// on what a newer one wrote that only added to it.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "os/sqlite.h"
#include "store/testing.h"

namespace lander::store {
namespace {

using base::kSecond;

class Releases : public StoreTest {
 protected:
  void make(const std::string& sql) {
    store_.reset();
    std::filesystem::remove(options_.path);
    auto database = os::Database::open(options_.path, {});
    ASSERT_TRUE(database.ok()) << database.error().message();
    const auto status = database->execute(sql);
    ASSERT_TRUE(status.ok()) << status.error().message();
  }
  static std::string golden(const std::string& schema = "schema1") {
    std::ifstream file("src/store/golden/" + schema + ".sql");
    EXPECT_TRUE(file) << "run this in the repository's root";
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // What /golden/schema1.sql holds: see its head.
  void expect_all_of_schema_1() {
    const SeriesKey number = store_->keys("number").at(0), integer = store_->keys("integer").at(0),
                    boolean = store_->keys("boolean").at(0), text = store_->keys("text").at(0);
    const auto numbers = all(number);
    ASSERT_EQ(numbers.size(), 40u);
    EXPECT_TRUE(gaps_.empty());
    EXPECT_EQ(numbers[0].observation.time, kNow + 5 * kSecond);
    for (std::size_t i = 0; i < 40; ++i) {
      EXPECT_EQ(std::get<double>(numbers[i].observation.value), 0.25 * static_cast<double>(i));
    }
    // The second boot began in 1970, and the hub told the time at its end.
    EXPECT_EQ(numbers[39].observation.time, kNow + 500 * kSecond);
    const auto integers = all(integer);
    ASSERT_EQ(integers.size(), 20u);
    EXPECT_EQ(std::get<std::int64_t>(integers[1].observation.value), -18);
    EXPECT_EQ(integers[0].observation.quality, sensing::Quality::kBad);
    ASSERT_EQ(all(boolean).size(), 8u);
    EXPECT_EQ(std::get<bool>(all(boolean)[2].observation.value), true);
    ASSERT_EQ(all(text).size(), 8u);
    EXPECT_EQ(std::get<std::string>(all(text)[7].observation.value), "step 35");
    std::int64_t count = 0;
    for (const Bucket& bucket :
         *store_->downsample(number, kNow - base::kDay, kNow + base::kDay, 48)) {
      count += bucket.summary.count;
    }
    EXPECT_EQ(count, 40);
    EXPECT_EQ(store_->stats().observations, 76u);
    EXPECT_EQ(store_->records("alert")->size(), 4u);
    EXPECT_EQ(store_->items(0, 0, 10, 1 << 20)->size(), 4u);
    const auto raw = *store_->items(3, 0, 100, 1 << 20);
    ASSERT_EQ(raw.size(), 35u);  // five were receipted
    EXPECT_EQ(raw[0].number, 6u);
    const auto blocks = *sensing::decode_blocks(raw.back().body);
    ASSERT_EQ(blocks.size(), 1u);
    EXPECT_EQ(blocks[0].datastream, "number");
    const auto block = *sensing::decode_block(blocks[0].block);
    EXPECT_EQ(block.times[0] + blocks[0].utc_offset, kNow + 500 * kSecond);
  }
};

TEST_F(Releases, TheFirstSchemaOpensWithEverythingInItAndGoesOn) {
  make(golden());
  open();
  expect_all_of_schema_1();
  const SeriesKey number = store_->keys("number")[0];
  // A source sends its last one again; it is known.
  EXPECT_EQ(commit({.observations = {at(number, kNow + 900 * kSecond, 9.75, 40)}}).duplicates, 1u);
  keep_up();
  expect_all_of_schema_1();
  open();
  expect_all_of_schema_1();
  EXPECT_EQ(commit({.observations = {at(number, kNow + 900 * kSecond, 10.0, 41)}}).stored, 1u);
  EXPECT_EQ(store_->items(3, 40, 10, 1 << 20)->size(), 0u);
  offer();
  EXPECT_EQ(store_->items(3, 40, 10, 1 << 20)->size(), 1u);
}

// What the release before wrote: src/store/golden/schema2.sql says what.
TEST_F(Releases, TheSecondSchemaOpensWithEverythingInItAndGoesOn) {
  make(golden("schema2"));
  EXPECT_EQ(Store::open_snapshot(options_).error().code(), base::Code::kUnsupported);
  options_.pickup_lane = 4;
  open();
  const SeriesKey raw = store_->keys("raw").at(0), summary = store_->keys("summary").at(0);
  EXPECT_EQ(all(raw).size(), 60u);
  EXPECT_EQ(store_->stats().observations, 180u);
  auto lanes = *store_->lanes();
  ASSERT_EQ(lanes.size(), 2u);
  EXPECT_EQ(lanes[0].floor, 2u);
  EXPECT_EQ(lanes[0].waiting, 4u);
  EXPECT_EQ(lanes[1].floor, 3u);
  EXPECT_EQ(lanes[1].last, 13u);  // four commits were not offered yet, and open() did so
  EXPECT_EQ(store_->items(0, 0, 10, 1 << 20)->size(), 4u);
  EXPECT_EQ((*store_->heads(3, 0, 100))[0].number, 4u);
  EXPECT_TRUE(store_->gone(3, 10)->empty());
  // What left already does not leave again; what was compacted before the first offer, nobody can
  // tell apart.
  offer();
  EXPECT_EQ((*store_->lanes())[1].last, 13u);
  const auto left = *sensing::decode_blocks(store_->items(3, 12, 1, 1 << 20)->at(0).body);
  EXPECT_EQ(sensing::decode_block(left.at(0).block)->size(), 4u);
  ASSERT_TRUE(store_->start_pickup().ok());
  offer();
  std::size_t picked_up = 0;
  for (const Item& item : *store_->items(4, 0, 100, 1 << 20)) {
    for (const auto& block : *sensing::decode_blocks(item.body)) {
      EXPECT_EQ(block.datastream, "summary");
      picked_up += sensing::decode_block(block.block)->size();
    }
  }
  EXPECT_EQ(picked_up, all(summary).size());
  ASSERT_TRUE(store_->forget_items(3, 13).ok());
  const auto wiped = store_->wipe(kNow + base::kDay);
  ASSERT_TRUE(wiped.ok()) << wiped.error().message();
  EXPECT_EQ(wiped->observations, 0u);  // of the last hour, and not receipted
  open();
  EXPECT_EQ(all(raw).size(), 60u);
}

// It deletes what is receipted, and takes no note of what it offered.
TEST_F(Releases, OneThatWasGoneBackFromFindsWhatTheOlderOneDidMeanwhile) {
  const SeriesKey key = declare("p", sensing::Kind::kNumber, sensing::Uplink::kRaw);
  for (int i = 0; i < 6; ++i) {
    commit({.observations = {at(key, kNow + i, 1.0)}, .items = {{0, "alert-event", {1}}}});
  }
  offer();
  ASSERT_TRUE(store_->forget_items(0, 2).ok());
  store_.reset();
  {
    auto database = os::Database::open(options_.path, {});
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database
                    ->execute("DELETE FROM item WHERE lane=0 AND number<=4;"
                              "UPDATE meta SET value=7 WHERE name='offered_through';"
                              "DELETE FROM offered")
                    .ok());
  }
  open();
  const auto lanes = *store_->lanes();
  EXPECT_EQ(lanes[0].floor, 4u);
  EXPECT_EQ(lanes[0].waiting, 2u);
  EXPECT_TRUE(store_->gone(0, 10)->empty());
  const std::uint64_t last = lanes[1].last;
  keep_up();
  offer();
  EXPECT_EQ((*store_->lanes())[1].last, last);  // p left already
}

TEST_F(Releases, AMigrationThatIsCutShortLeavesTheOldDatabaseAsItWas) {
  // A block of a series that is missing makes it fail at its end.
  make(golden() + "DELETE FROM series WHERE key=2; UPDATE segment SET body=x'00';");
  EXPECT_FALSE(Store::open(options_).ok());
  auto database = os::Database::open(options_.path, {});
  ASSERT_TRUE(database.ok());
  EXPECT_TRUE(
      database->execute("SELECT count(*) FROM block, commits, item WHERE block_first>0").ok());
}

TEST_F(Releases, ANewerOneThatOnlyAddedToTheTablesCanBeGoneBackFrom) {
  const SeriesKey key = declare("p");
  commit({.observations = {at(key, kNow, 1.0)}});
  keep_up();
  commit({.observations = {at(key, kNow + kSecond, 2.0)}, .items = {{0, "alert-event", {1}}}});
  store_.reset();
  {
    auto database = os::Database::open(options_.path, {});
    ASSERT_TRUE(database.ok());
    const auto status = database->execute(
        "UPDATE meta SET value=4 WHERE name='schema'; INSERT INTO meta VALUES('novelty', 7);"
        "CREATE TABLE novelty(a, b); INSERT INTO novelty VALUES(1, 2);"
        "ALTER TABLE frame ADD COLUMN extra INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE chunk ADD COLUMN extra TEXT;"
        "ALTER TABLE rollup ADD COLUMN extra REAL;"
        "ALTER TABLE extent ADD COLUMN extra INTEGER NOT NULL DEFAULT 1;"
        "ALTER TABLE item ADD COLUMN extra BLOB;"
        "ALTER TABLE incident ADD COLUMN extra INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE series ADD COLUMN extra TEXT;"
        "ALTER TABLE object ADD COLUMN extra TEXT;"
        "ALTER TABLE record ADD COLUMN extra TEXT;"
        "ALTER TABLE lane ADD COLUMN extra TEXT;"
        "ALTER TABLE segment ADD COLUMN extra TEXT;"
        "ALTER TABLE boot ADD COLUMN extra TEXT;"
        "ALTER TABLE thinned ADD COLUMN extra TEXT;"
        "ALTER TABLE damaged ADD COLUMN extra TEXT;"
        "ALTER TABLE sequence_window ADD COLUMN extra TEXT;"
        "ALTER TABLE meta ADD COLUMN extra TEXT");
    ASSERT_TRUE(status.ok()) << status.error().message();
  }
  clock_.boot = "boot-2";
  open();
  EXPECT_EQ(all(key).size(), 2u);
  declare("q");
  EXPECT_TRUE(store_->put_object(base::Bytes{1, 2}, "text/plain").ok());
  EXPECT_EQ(commit({.observations = {at(key, kNow + 2 * kSecond, 3.0, 5)},
                    .records = {{"k", "v", {1}}},
                    .items = {{0, "alert-event", {1}}}})
                .stored,
            1u);
  ASSERT_TRUE(store_->clock_reference(kNow, kSecond, "hub").ok());
  keep_up();
  EXPECT_EQ(all(key).size(), 3u);
  EXPECT_EQ(store_->items(0, 0, 10, 1 << 20)->size(), 2u);
}

}  // namespace
}  // namespace lander::store
