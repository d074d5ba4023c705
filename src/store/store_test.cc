#include "store/store.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "os/sqlite.h"
#include "store/testing.h"

namespace lander::store {
namespace {

using base::kHour;
using base::kMinute;
using base::kSecond;

class Keeps : public Everywhere {};

TEST_P(Keeps, ValuesOfEveryKindInTheOrderOfTheirTime) {
  const SeriesKey number = declare("n"), integer = declare("i", sensing::Kind::kInteger),
                  boolean = declare("b", sensing::Kind::kBoolean),
                  text = declare("t", sensing::Kind::kText);
  commit({.observations = {at(number, kNow + 2, -0.0), at(number, kNow, 1.5),
                           at(integer, kNow, std::int64_t{INT64_MIN}), at(boolean, kNow, true),
                           at(text, kNow, std::string("öl\0x", 5)),
                           at(number, kNow + 1, 7.0, 0, sensing::Quality::kBadOutOfRange)}});
  for (int round = 0; round < 2; ++round, open()) {
    const auto samples = all(number);
    ASSERT_EQ(samples.size(), 3u);
    EXPECT_EQ(std::get<double>(samples[0].observation.value), 1.5);
    EXPECT_EQ(samples[1].observation.quality, sensing::Quality::kBadOutOfRange);
    EXPECT_TRUE(std::signbit(std::get<double>(samples[2].observation.value)));
    EXPECT_EQ(std::get<std::int64_t>(all(integer)[0].observation.value), INT64_MIN);
    EXPECT_EQ(std::get<bool>(all(boolean)[0].observation.value), true);
    EXPECT_EQ(std::get<std::string>(all(text)[0].observation.value), std::string("öl\0x", 5));
    EXPECT_EQ((*store_->latest(number))->observation.time, kNow + 2);
    EXPECT_EQ(store_->stats().observations, 6u);
    EXPECT_GT(store_->stats().file_bytes, 0u);
  }
}

TEST_P(Keeps, LateAndOutOfOrderAndAbsurdTimes) {
  const SeriesKey key = declare("p");
  const std::vector<base::TimeUs> times = {
      kNow, INT64_MAX, kNow - 40 * base::kDay, INT64_MIN, kNow + kHour, kNow - 1, 0};
  for (const base::TimeUs time : times) commit({.observations = {at(key, time, 1.0)}});
  Batch together;
  for (const base::TimeUs time : times) together.observations.push_back(at(key, time, 2.0));
  EXPECT_EQ(commit(together).stored, times.size());
  EXPECT_EQ(all(key).size(), 2 * times.size() - 2);  // [from, to) cannot name the last microsecond
  EXPECT_EQ(all(key, kNow - 1, kNow + 1).size(), 4u);
  clock_.pass(2 * kMinute);
  commit({.observations = {at(key, kNow + 5, 3.0)}});
  open();
  EXPECT_EQ(all(key, kNow - 1, kNow + 10).size(), 5u);
  EXPECT_TRUE(store_->downsample(key, INT64_MIN, INT64_MAX, 10000).ok());
}

TEST_P(Keeps, NothingOfABatchThatIsRefused) {
  const SeriesKey key = declare("p"), text = declare("t", sensing::Kind::kText);
  const auto refused = [&](Batch batch, base::Code code) {
    batch.records.push_back({"k", "v", {1}});
    auto result = store_->commit(batch);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), code) << result.error().message();
  };
  refused({.observations = {at(key, kNow, 1.0), at(99, kNow, 1.0)}}, base::Code::kInvalid);
  refused({.observations = {at(key, kNow, 1.0), at(0, kNow, 1.0)}}, base::Code::kInvalid);
  refused({.observations = {at(key, kNow, 1.0), at(key, kNow, true)}}, base::Code::kInvalid);
  refused({.observations = {at(text, kNow, std::string(5000, 'x'))}}, base::Code::kInvalid);
  refused({.items = {{0, "alert-event", base::Bytes(kMaxItemBytes + 1)}}}, base::Code::kInvalid);
  refused({.items = {{0, "", {1}}}}, base::Code::kInvalid);
  EXPECT_TRUE(all(key).empty());
  EXPECT_TRUE(store_->records("k")->empty());
  EXPECT_TRUE(store_->lanes()->empty());
}

TEST_P(Keeps, TheReserveOfTheDiskForAlertsAndRecords) {
  const SeriesKey key = declare("p");
  std::uint64_t free = 100;
  options_.reserve_bytes = 1000;
  options_.free_bytes = [&]() -> base::Result<std::uint64_t> { return free; };
  open();
  auto full = store_->commit({.observations = {at(key, kNow, 1.0)}});
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), base::Code::kExhausted);
  EXPECT_EQ(commit({.records = {{"alert", "1", {1}}}, .items = {{0, "alert-event", {1}}}})
                .item_numbers[0],
            1u);
  free = 1000;
  EXPECT_EQ(commit({.observations = {at(key, kNow, 1.0)}}).stored, 1u);
}

TEST_P(Keeps, RecordsReplacedAndDeletedWithTheirBatch) {
  commit({.records = {{"twin", "b", {2}}, {"twin", "a", {1}}, {"model", "a", {9}}}});
  commit({.records = {{"twin", "b", {3, 4}}, {"model", "a", {}}}});
  open();
  const auto twins = *store_->records("twin");
  ASSERT_EQ(twins.size(), 2u);
  EXPECT_EQ(twins[0].key, "a");
  EXPECT_EQ(twins[1].body, (base::Bytes{3, 4}));
  EXPECT_FALSE(store_->record("model", "a")->has_value());
  EXPECT_EQ(**store_->record("twin", "a"), base::Bytes{1});
}

TEST_P(Keeps, RevisionsOfADatastreamApart) {
  sensing::Datastream d;
  d.id = "p1";
  d.asset = "a/b";
  d.property = "pressure";
  d.unit = "bar";
  const SeriesKey first = *store_->declare(d);
  EXPECT_EQ(*store_->declare(d), first);
  d.policy.uplink = sensing::Uplink::kNever;
  EXPECT_EQ(*store_->declare(d), first);
  EXPECT_EQ(store_->datastream(first)->policy.uplink, sensing::Uplink::kNever);
  d.unit = "kPa";
  const SeriesKey second = *store_->declare(d);
  EXPECT_NE(second, first);
  open();
  EXPECT_EQ(store_->keys("p1"), (std::vector<SeriesKey>{first, second}));
  EXPECT_EQ(store_->datastream(second)->revision, 2u);
  EXPECT_EQ(store_->datastream(first)->unit, "bar");
  EXPECT_EQ(*store_->declare(d), second);
  EXPECT_TRUE(store_->keys("p2").empty());
  d.unit = "furlong";
  EXPECT_EQ(store_->declare(d).error().code(), base::Code::kInvalid);
  EXPECT_EQ(store_->datastreams().size(), 2u);
}

TEST_P(Keeps, ReadingWhileItIsWritten) {
  const SeriesKey key = declare("p");
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) {
      clock_.pass(kSecond);
      commit({.observations = {at(key, kNow + i * kSecond, 1.0),
                               at(key, kNow + i * kSecond + 1, 1.0)}});
    }
  });
  std::size_t last = 0;
  while (last < 600) {
    const auto buckets = *store_->downsample(key, kNow, kNow + kHour, 60);
    std::int64_t count = 0;
    for (const Bucket& bucket : buckets) count += bucket.summary.count;
    EXPECT_EQ(count % 2, 0);  // batches are seen whole, in tables and memory together
    EXPECT_GE(static_cast<std::size_t>(count), last);
    last = static_cast<std::size_t>(count);
    EXPECT_EQ(all(key).size() % 2, 0u);
  }
  writer.join();
}

TEST_P(Keeps, ADatabaseOfANewerVersionFromBeingHarmed) {
  store_.reset();
  {
    auto database = os::Database::open(options_.path, {});
    ASSERT_TRUE(database.ok() && database->execute("PRAGMA user_version=99").ok());
  }
  auto opened = Store::open(options_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), base::Code::kUnsupported);
  EXPECT_NE(opened.error().message().find("newer version"), std::string::npos);
  options_.path = folder_ / "other.db";
  {
    auto database = os::Database::open(options_.path, {});
    ASSERT_TRUE(database.ok() && database->execute("CREATE TABLE x(y)").ok());
  }
  EXPECT_EQ(Store::open(options_).error().code(), base::Code::kCorrupt);
}

TEST_P(Keeps, TellingOfWhatIsDamagedAndReadingAllElse) {
  const SeriesKey key = declare("p", sensing::Kind::kNumber, sensing::Uplink::kRaw);
  // Days apart in clock segments of their own, so that each is a chunk of its own where it is one.
  for (int day = 0; day < 3; ++day) {
    for (int i = 0; i < 3; ++i) {
      clock_.pass(kMinute);
      commit({.observations = {at(key, clock_.wall, 1.0 * day)}});
    }
    clock_.pass(base::kDay);
    clock_.boot += "'";
  }
  offer();
  store_.reset();
  const bool chunks = GetParam() != 0;
  {
    auto database = os::Database::open(options_.path, {});
    ASSERT_TRUE(database.ok());
    const auto status =
        database->execute(chunks ? "UPDATE chunk SET data=zeroblob(30) WHERE segment=1"
                                 : "UPDATE frame SET data=zeroblob(30) WHERE id BETWEEN 4 AND 6");
    ASSERT_TRUE(status.ok()) << status.error().message();
  }
  open();
  const base::TimeUs damaged = kNow + base::kDay + 4 * kMinute;
  EXPECT_EQ(all(key).size(), 6u);
  std::uint64_t lost = 0;
  for (const Gap& gap : gaps_) {
    EXPECT_EQ(gap.why, Gap::Why::kDamaged);
    EXPECT_GE(gap.from, damaged);
    EXPECT_LE(gap.to, damaged + 2 * kMinute);
    lost += gap.observations;
  }
  EXPECT_EQ(lost, 3u);
  EXPECT_EQ(all(key, damaged + kHour, INT64_MAX).size(), 3u);
  EXPECT_TRUE(gaps_.empty());
  EXPECT_FALSE(store_->items(3, 0, 10, 1 << 20)->empty());  // the lane is not held up
  keep_up();
  std::uint64_t told = 0;
  for (const Incident& incident : *store_->incidents(0, 10)) {
    EXPECT_EQ(incident.kind, Incident::Kind::kDamaged);
    EXPECT_NE(incident.detail.find(chunks ? "chunk 1/1/" : "frame "), std::string::npos);
    told += incident.observations;
  }
  EXPECT_EQ(told, 3u);
  open();
  EXPECT_EQ(all(key).size(), 6u);
  keep_up();
  EXPECT_EQ(store_->stats().damaged, 3u);
  EXPECT_LE(store_->incidents(0, 10)->size(), 3u);  // told once
  EXPECT_EQ(commit({.observations = {at(key, clock_.wall, 3.0)}}).stored, 1u);
}

TEST_P(Keeps, EveryByteOfAChunkThatFlipsIsFound) {
  const SeriesKey key = declare("p");
  Batch batch;
  for (int i = 0; i < 50; ++i) batch.observations.push_back(at(key, kNow + i * kSecond, 0.1 * i));
  commit(batch);
  keep_up();
  auto database = os::Database::open(options_.path, {});
  ASSERT_TRUE(database.ok());
  base::Bytes good;
  {
    auto row = *database->prepare("SELECT data FROM chunk");
    ASSERT_TRUE(*row.step());
    good.assign(row.bytes(0).begin(), row.bytes(0).end());
  }
  auto write = *database->prepare("UPDATE chunk SET data=?");
  const auto put = [&](const base::Bytes& bytes) {
    write.bind(1, base::ByteView(bytes));
    ASSERT_TRUE(write.run().ok());
  };
  for (std::size_t byte = 0; byte < good.size(); ++byte) {
    base::Bytes bad = good;
    bad[byte] ^= static_cast<std::uint8_t>(1u << byte % 8);
    put(bad);
    EXPECT_TRUE(all(key).empty()) << byte;
    ASSERT_EQ(gaps_.size(), 1u) << byte;
    EXPECT_EQ(gaps_[0].observations, 50u);
  }
  put(good);
  EXPECT_EQ(all(key).size(), 50u);
}

// --- Repeats -----------------------------------------------------------------------------------

class Repeats : public Everywhere {};

TEST_P(Repeats, BySequenceAreStoredOnceOverAThousandBackAndAfterARestart) {
  const SeriesKey key = declare("p");
  Batch batch;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    batch.observations.push_back(at(key, kNow + static_cast<std::int64_t>(i), 1.0 * i, i));
  }
  EXPECT_EQ(commit(batch).stored, 1000u);
  EXPECT_EQ(commit(batch).duplicates, 1000u);
  open();
  EXPECT_EQ(commit(batch).duplicates, 1000u);
  EXPECT_EQ(all(key).size(), 1000u);
}

TEST_P(Repeats, StampedOnArrivalAreKnownByTheirSequence) {
  const SeriesKey key = declare("p");
  commit({.observations = {at(key, kNow, 5.0, 41), at(key, kNow + 1, 5.0, 42)}});
  open();
  clock_.pass(kHour);
  EXPECT_EQ(commit({.observations = {at(key, kNow + kHour, 5.0, 42)}}).duplicates, 1u);
  EXPECT_EQ(commit({.observations = {at(key, kNow + kHour, 5.0, 43)}}).stored, 1u);
}

// A site that was killed gets hundreds of messages again that it had stored but not acknowledged.
TEST_P(Repeats, ThatABrokerSendsAgainAfterACrashAreKnownThoughTheyAreStampedAnew) {
  const SeriesKey key = declare("p");
  Batch first, again;
  for (std::uint64_t i = 1; i <= 900; ++i) {
    first.observations.push_back(at(key, kNow + static_cast<std::int64_t>(i), 0.5 * i, i));
    again.observations.push_back(at(key, kNow + kHour + static_cast<std::int64_t>(i), 0.5 * i, i));
  }
  EXPECT_EQ(commit(first).stored, 900u);
  open();
  clock_.pass(kHour);
  EXPECT_EQ(commit(again).duplicates, 900u);
  EXPECT_EQ(commit({.observations = {at(key, kNow + kHour + 901, 450.5, 901)}}).stored, 1u);
  EXPECT_EQ(all(key).size(), 901u);
}

TEST_P(Repeats, OfASourceThatBeganToCountAnewAreNotSuchAndNothingIsLost) {
  const SeriesKey key = declare("p");
  std::size_t expected = 0;
  base::TimeUs time = kNow;
  for (int life = 0; life < 3; ++life) {
    for (std::uint64_t i = 1; i <= 150; ++i, ++expected) {
      time += kSecond;
      EXPECT_EQ(commit({.observations = {at(key, time, 0.1 * expected, i)}}).stored, 1u);
    }
  }
  EXPECT_EQ(all(key).size(), expected);
}

TEST_P(Repeats, WithoutSequenceAreKnownByTimeAndBits) {
  const SeriesKey key = declare("p"), text = declare("t", sensing::Kind::kText);
  const Batch batch{.observations = {at(key, kNow, 1.0), at(key, kNow, 2.0), at(key, kNow + 1, 1.0),
                                     at(text, kNow, std::string("on"))}};
  EXPECT_EQ(commit(batch).stored, 4u);
  EXPECT_EQ(commit(batch).duplicates, 4u);
  open();
  EXPECT_EQ(commit(batch).duplicates, 4u);
  EXPECT_EQ(commit({.observations = {at(key, kNow, 0.0), at(key, kNow, -0.0), at(key, kNow, -0.0)}})
                .stored,
            2u);
}

TEST_P(Repeats, AreForgottenWithTheBatchThatFailed) {
  const SeriesKey key = declare("p");
  std::uint64_t free = 0;
  options_.reserve_bytes = 10;
  options_.free_bytes = [&]() -> base::Result<std::uint64_t> { return free; };
  open();
  const Batch batch{.observations = {at(key, kNow, 1.0, 7)}};
  EXPECT_FALSE(store_->commit(batch).ok());
  free = 100;
  EXPECT_EQ(commit(batch).stored, 1u);
}

// --- Items -------------------------------------------------------------------------------------

class Outbox : public Everywhere {};

TEST_P(Outbox, NumbersHaveNoGapsAndAreNeverUsedAgain) {
  EXPECT_EQ(
      commit({.items = {{0, "alert-event", {1}}, {1, "reported", {2}}, {0, "alert-event", {3}}}})
          .item_numbers,
      (std::vector<std::uint64_t>{1, 1, 2}));
  EXPECT_FALSE(store_->commit({.observations = {at(9, 0, 1.0)}, .items = {{0, "x", {}}}}).ok());
  EXPECT_EQ(commit({.items = {{0, "alert-event", {4}}}}).item_numbers[0], 3u);
  const std::uint64_t epoch = store_->epoch();
  ASSERT_TRUE(store_->forget_items(0, 3).ok());
  open();
  EXPECT_EQ(store_->epoch(), epoch);
  EXPECT_EQ(commit({.items = {{0, "alert-event", {5}}}}).item_numbers[0], 4u);
  const auto lanes = *store_->lanes();
  ASSERT_EQ(lanes.size(), 2u);
  EXPECT_EQ(lanes[0].last, 4u);
  EXPECT_EQ(lanes[0].waiting, 1u);
  EXPECT_EQ(lanes[1].waiting, 1u);
  EXPECT_EQ(lanes[1].oldest, kNow);
}

TEST_P(Outbox, GivesItemsInOrderWithinItsBounds) {
  Batch batch;
  for (std::uint8_t i = 0; i < 10; ++i) batch.items.push_back({2, "summary", base::Bytes(100, i)});
  commit(batch);
  const auto some = *store_->items(2, 3, 100, 450);
  ASSERT_EQ(some.size(), 4u);
  EXPECT_EQ(some[0].number, 4u);
  EXPECT_EQ(some[0].body, base::Bytes(100, 3));
  EXPECT_EQ(store_->items(2, 0, 2, 1 << 20)->size(), 2u);
  EXPECT_TRUE(store_->items(2, 0, 10, 99)->empty());
  EXPECT_TRUE(store_->items(2, 10, 10, 1 << 20)->empty());
}

TEST_P(Outbox, RawBlocksLeaveOnlyWherePolicyAllows) {
  const SeriesKey raw = declare("raw", sensing::Kind::kNumber, sensing::Uplink::kRaw),
                  kept = declare("kept", sensing::Kind::kNumber, sensing::Uplink::kNever),
                  summary = declare("summary");
  commit({.observations = {at(kept, kNow, 1.0), at(raw, kNow, 2.5), at(summary, kNow, 3.0)}});
  commit({.observations = {at(kept, kNow + 1, 1.0)}});  // nothing to send: no item
  offer();
  auto items = *store_->items(3, 0, 10, 1 << 20);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].type, "blocks");
  const auto blocks = *sensing::decode_blocks(items[0].body);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].datastream, "raw");
  EXPECT_EQ(sensing::decode_block(blocks[0].block)->numbers, std::vector<double>{2.5});
  declare("raw", sensing::Kind::kNumber, sensing::Uplink::kNever);  // forbidden before it was sent
  items = *store_->items(3, 0, 10, 1 << 20);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_TRUE(sensing::decode_blocks(items[0].body)->empty());
}

TEST_P(Outbox, AFloodOfRawSamplesIsSplitIntoItemsThatALinkTakes) {
  Batch batch;
  std::vector<SeriesKey> keys;
  for (int s = 0; s < 20; ++s) {
    keys.push_back(declare("s" + std::to_string(s), sensing::Kind::kNumber, sensing::Uplink::kRaw));
  }
  for (int i = 0; i < 200'000; ++i) {
    batch.observations.push_back(at(keys[i % 20], kNow + i, 1.0 / (i + 1)));
  }
  commit(batch);
  offer();
  std::size_t samples = 0, items = 0;
  for (std::uint64_t after = 0;; ++after, ++items) {
    const auto next = *store_->items(3, after, 1, kMaxItemBytes);
    if (next.empty()) break;
    const auto blocks = *sensing::decode_blocks(next[0].body);
    for (const auto& block : blocks) samples += sensing::decode_block(block.block)->size();
  }
  EXPECT_GT(items, 1u);
  EXPECT_EQ(items, (*store_->lanes())[0].waiting);
  EXPECT_EQ(samples, 200'000u);
}

TEST_P(Outbox, ACloneGetsAnEpochOfItsOwnAndNumbersFromOne) {
  Batch batch;
  for (std::uint8_t i = 0; i < 5; ++i) batch.items.push_back({0, "alert-event", {i}});
  batch.items.push_back({1, "reported", {9}});
  commit(batch);
  ASSERT_TRUE(store_->forget_items(0, 2).ok());
  const std::uint64_t before = store_->epoch();
  ASSERT_TRUE(store_->renew_epoch().ok());
  EXPECT_NE(store_->epoch(), before);
  open();
  const auto items = *store_->items(0, 0, 10, 1 << 20);
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0].number, 1u);
  EXPECT_EQ(items[0].body, base::Bytes{2});
  EXPECT_EQ(commit({.items = {{0, "alert-event", {7}}, {1, "reported", {8}}}}).item_numbers,
            (std::vector<std::uint64_t>{4, 2}));
}

LANDER_EVERYWHERE(Keeps);
LANDER_EVERYWHERE(Repeats);
LANDER_EVERYWHERE(Outbox);

}  // namespace
}  // namespace lander::store
