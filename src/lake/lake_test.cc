#include "lake/lake.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "lake/lake_fixture.h"

namespace lander::lake {
namespace {

using nlohmann::json;

TEST_F(LakeTest, ObservationsStandInTheTableWithTheirContextAndTrueTime) {
  ingest({declared(1, datastream("p1")),
          blocks(1, {series_block("p1", numbers(kNoon, {1.5, 2.5}), 250'000)})});
  flush();
  const auto rows =
      sql("SELECT site, datastream, revision, asset, property, unit, time, "
          "time_error_us, quality_name, kind, value FROM observation ORDER BY time");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0], json({"north", "p1", 1, "acme/north/pumps/line-1/p-101", "pressure", "bar",
                           "2023-11-14T22:13:20.250000Z", 500, "Good", "number", 1.5}));
  EXPECT_EQ(lake_->stats().rows, 4u);  // and the datastream's, and the site's
  EXPECT_EQ(lake_->waiting_rows().value(), 0u);
}

TEST_F(LakeTest, EveryKindOfValueIsKeptToTheBit) {
  using sensing::Kind;
  sensing::Block reals = numbers(kNoon, {std::nan("7"), -0.0, 1e42, 5e-324});
  reals.qualities[0] = sensing::Quality::kBadSensorFailure;
  sensing::Block integers = numbers(kNoon, {});
  integers.kind = Kind::kInteger;
  integers.times = {kNoon, kNoon + 1};
  integers.qualities = {sensing::Quality::kGood, sensing::Quality::kUncertain};
  integers.integers = {(1ll << 53) + 1, INT64_MIN};
  sensing::Block booleans = integers;
  booleans.kind = Kind::kBoolean;
  booleans.integers.clear();
  booleans.booleans = {true, false};
  sensing::Block texts = booleans;
  texts.kind = Kind::kText;
  texts.booleans.clear();
  texts.strings = {"läuft", std::string("a\xff"
                                        "b\xc3",
                                        4)};
  ingest({declared(1, datastream("r")), declared(2, datastream("i", Kind::kInteger)),
          declared(3, datastream("b", Kind::kBoolean)), declared(4, datastream("t", Kind::kText)),
          blocks(1, {series_block("r", reals), series_block("i", integers),
                     series_block("b", booleans), series_block("t", texts)})});
  flush();
  EXPECT_EQ(sql("SELECT value, quality_name FROM observation WHERE datastream = 'r' ORDER BY time"),
            json({{"NaN", "BadSensorFailure"}, {-0.0, "Good"}, {1e42, "Good"}, {5e-324, "Good"}}));
  EXPECT_EQ(one("SELECT signbit(value) FROM observation WHERE datastream = 'r' AND value = 0"),
            true);
  EXPECT_EQ(
      sql("SELECT value_integer, quality FROM observation WHERE datastream = 'i' ORDER BY time"),
      json::parse(R"([["9007199254740993", 0], ["-9223372036854775808", 1073741824]])"));
  EXPECT_EQ(sql("SELECT value, kind FROM observation WHERE datastream = 'b' ORDER BY time"),
            json({{1.0, "boolean"}, {0.0, "boolean"}}));
  EXPECT_EQ(sql("SELECT value, value_text FROM observation WHERE datastream = 't' ORDER BY time"),
            json({{nullptr, "läuft"},
                  {nullptr,
                   "a\xEF\xBF\xBD"
                   "b\xEF\xBF\xBD"}}));
}

TEST_F(LakeTest, SummariesAlertsDatastreamsAndSitesHaveTablesOfTheirOwn) {
  sensing::Summary summary;
  for (double value : {1.0, 2.0, 6.0}) summary.add(value, sensing::Quality::kGood);
  auto placed = datastream("p1");
  placed.location = sensing::Location{52.5, 13.4, 34};
  ingest({declared(1, placed), raised(1, "a"),
          summaries(1, {{.datastream = "p1", .from = kNoon, .summary = summary}})});
  flush();
  EXPECT_EQ(sql("SELECT datastream, unit, span_us, good_count, min_value, max_value, sum_value "
                "FROM summary"),
            json({{"p1", "bar", 60'000'000, 3, 1.0, 6.0, 9.0}}));
  EXPECT_EQ(sql("SELECT asset, title, severity, kind, actor, causes->0->>'datastream' FROM "
                "(SELECT *  REPLACE (causes::JSON AS causes) FROM alert_event)"),
            json({{"acme/north/pumps/line-1/p-101", "Bearing wear",
                   alert::to_string(alert::Severity::kHigh),
                   alert::to_string(alert::EventKind::kRaise), "site", "vibration"}}));
  EXPECT_EQ(sql("SELECT datastream, name, sensor_model, latitude, pickup, address FROM datastream"),
            json({{"p1", "Datastream p1", "Cerabar", 52.5, true, "1/holding/0:float32"}}));
  EXPECT_EQ(sql("SELECT site, epoch FROM site"), json::parse(R"([["north", "0000000000000007"]])"));
}

TEST_F(LakeTest, AnItemIsStoredOnceInWhateverOrderAndHoweverOftenItComes) {
  ingest({declared(1, datastream("p1"))});
  const std::vector<std::uint64_t> arrivals = {5, 1, 3, 2, 5, 4, 1, 9, 7, 8, 3, 9, 6, 2};
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    ingest({blocks(arrivals[i],
                   {series_block("p1", numbers(kNoon + static_cast<base::TimeUs>(arrivals[i]),
                                               {double(arrivals[i])}))})});
    if (i % 4 == 0) flush();
    if (i % 5 == 0) open();
  }
  flush();
  EXPECT_EQ(sql("SELECT count(*), sum(value) FROM observation"), json({{9, 45.0}}));
  EXPECT_EQ(lake_->stats().duplicates, arrivals.size() - 9);
  EXPECT_EQ(lake_->stats().ingested, 10u);
}

TEST_F(LakeTest, RowsAreSortedBySiteDatastreamAndTimeThoughBlocksOverlap) {
  ingest({declared(1, datastream("a")), declared(2, datastream("b")),
          blocks(1, {series_block("b", numbers(kNoon + 5, {6, 7}, 10)),
                     series_block("a", numbers(kNoon, {1, 3}, 2))}),
          blocks(2, {series_block("a", numbers(kNoon + 1, {2, 4}, 2))})});
  flush();
  EXPECT_EQ(sql("SELECT value FROM observation"), json({{1.0}, {2.0}, {3.0}, {4.0}, {6.0}, {7.0}}));
}

TEST_F(LakeTest, ObservationsWaitForTheirContextButNotForEver) {
  ingest({blocks(1, {series_block("p1", numbers(kNoon, {1}))}),
          blocks(2, {series_block("stranger", numbers(kNoon, {2}))})});
  flush();
  EXPECT_EQ(one("SELECT count(*) FROM observation"), 0);
  EXPECT_EQ(lake_->waiting_rows().value(), 2u);
  ingest({declared(1, datastream("p1"))});
  flush();
  EXPECT_EQ(sql("SELECT value, unit FROM observation"), json({{1.0, "bar"}}));
  for (int i = 0; i < 5; ++i) flush();
  EXPECT_EQ(sql("SELECT value, unit FROM observation WHERE datastream = 'stranger'"),
            json({{2.0, nullptr}}));
  EXPECT_EQ(lake_->waiting_rows().value(), 0u);
}

TEST_F(LakeTest, ABodyThatDoesNotDecodeIsSetAsideAndCountedAndNothingElseStops) {
  const auto good = blocks(1, {series_block("p1", numbers(kNoon, {1, 2, 3}))});
  std::uint64_t number = 1;
  std::vector<link::Item> hostile = {declared(1, datastream("p1")), good};
  for (std::size_t i = 0; i < good.body.size(); ++i) {
    auto flipped = good.body;
    flipped[i] ^= 0x41;
    hostile.push_back(item(link::kLaneBulk, ++number, "blocks", flipped));
    hostile.push_back(item(link::kLaneBulk, ++number, "blocks",
                           {good.body.begin(), good.body.begin() + static_cast<long>(i)}));
  }
  for (const char* type : {"summary", "alert-event", "datastream"})
    hostile.push_back(item(link::kLaneBulk, ++number, type, {0xFF, 0x00, 0x13}));
  ingest(hostile);
  for (int i = 0; i < 7; ++i) flush();
  EXPECT_GT(lake_->stats().parked, good.body.size());
  EXPECT_EQ(lake_->stats().ingested, number + 1);
  EXPECT_EQ(one("SELECT sum(value) FROM observation WHERE datastream = 'p1' AND unit = 'bar' AND "
                "time < '2023-11-14 22:13:23Z' AND time_error_us = 500"),
            6.0);
  ingest(hostile);
  EXPECT_EQ(lake_->stats().duplicates, number + 1) << "parked items are receipted, too";
}

TEST_F(LakeTest, KindsThatTheTablesHaveNoColumnForAreSetAsideAndTheRestGoesOn) {
  auto one_block = numbers(kNoon, {1});
  auto refused = series_block("p1", one_block);
  std::vector<link::Item> items = {declared(1, datastream("p1"))};
  for (std::uint8_t kind = 4; kind < 8; ++kind) {
    base::Bytes& bytes = refused.block;
    bytes[3] = kind;
    bytes.resize(bytes.size() - 4);
    const std::uint32_t crc = base::crc32c(bytes);
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(crc >> (8 * i)));
    items.push_back(blocks(kind, {refused}));
  }
  items.push_back(blocks(9, {series_block("p1", numbers(kNoon, {7}))}));
  items.push_back(declared(10, datastream("burst", sensing::Kind::kWaveform)));
  ingest(items);
  flush();
  EXPECT_EQ(lake_->stats().parked, 4u);
  EXPECT_EQ(one("SELECT sum(value) FROM observation"), 7.0);
  EXPECT_EQ(one("SELECT kind FROM datastream WHERE datastream = 'burst'"), "waveform");
  const auto parked = lake_->stats().parked;
  ingest(items);
  EXPECT_EQ(lake_->stats().parked, parked) << "they are receipted: nobody sends them again";
}

TEST_F(LakeTest, TimesThatNoReaderCanHoldAreSetAside) {
  ingest({declared(1, datastream("p1")),
          blocks(1, {series_block("p1", numbers(INT64_MAX - 5, {1}))}),
          blocks(2, {series_block("p1", numbers(kNoon, {1}), INT64_MAX)}),
          blocks(3, {series_block("p1", numbers(0, {1}))})});
  flush();
  EXPECT_EQ(lake_->stats().parked, 2u);
  EXPECT_EQ(one("SELECT time FROM observation"), "1970-01-01T00:00:00Z");
}

TEST_F(LakeTest, OriginsThatAreNoNamesAndImpossibleNumbersAreRefused) {
  const std::vector<link::Item> items = {declared(1, datastream("p1"))};
  for (const char* bad : {"", "..", "../x", "a/b", ".tmp", "_delta_log", "A"}) {
    EXPECT_EQ(lake_->ingest({bad, "north", 1, 0}, items).error().code(), base::Code::kInvalid)
        << bad;
    EXPECT_EQ(lake_->ingest({"acme", bad, 1, 0}, items).error().code(), base::Code::kInvalid)
        << bad;
  }
  EXPECT_FALSE(lake_->ingest({"journal.db", "north", 1, 0}, items).ok());
  EXPECT_FALSE(lake_->ingest({"acme", "north", 1, 0}, {item(9, 1, "blocks", {})}).ok());
  EXPECT_FALSE(lake_->ingest({"acme", "north", 1, 0}, {item(0, 0, "blocks", {})}).ok());
  EXPECT_FALSE(lake_->ingest({"acme", "north", 1, 0}, {item(0, UINT64_MAX, "blocks", {})}).ok());
  EXPECT_EQ(lake_->stats().ingested, 0u);
}

TEST_F(LakeTest, TablesWithoutRowsAnswerQueriesBeforeAndAfterTheFirstFlush) {
  const char* query =
      "SELECT (SELECT count(*) FROM observation) + (SELECT count(*) FROM summary) + "
      "(SELECT count(*) FROM alert_event) + (SELECT count(*) FROM datastream)";
  EXPECT_EQ(one(query), 0);
  ingest({});
  flush();
  EXPECT_EQ(one(query), 0);
  ingest({raised(1, "a")});
  flush();
  EXPECT_EQ(one(query), 1);
  EXPECT_EQ(one("SELECT max(time) FROM observation"), nullptr);
}

TEST_F(LakeTest, EachTenantHasItsOwnTables) {
  ingest({raised(1, "a")});
  ASSERT_TRUE(lake_->ingest({"zeta", "north", 7, kNoon}, {raised(1, "a"), raised(2, "b")}).ok());
  flush();
  EXPECT_EQ(one("SELECT count(*) FROM alert_event"), 1);
  const auto other =
      run_sql(os::own_program().value(), folder_ + "/zeta", "SELECT count(*) FROM alert_event", {});
  EXPECT_EQ(json::parse(other.value().json)["rows"], json({{2}}));
}

// --- Charts --------------------------------------------------------------------------------------

using Points = std::vector<std::pair<base::TimeUs, sensing::Summary>>;

double total(const Points& points) {
  double sum = 0;
  for (const auto& [time, summary] : points) sum += summary.sum;
  return sum;
}

TEST_F(LakeTest, AChartShowsTheSameBeforeAndAfterTheFlush) {
  ingest({declared(1, datastream("p1")), declared(2, datastream("q")),
          blocks(1, {series_block("p1", numbers(kNoon, {1, 2, 3, 4, 5, 6})),
                     series_block("q", numbers(kNoon, {100}))})});
  const auto chart = [&] {
    return lake_->series("acme", "north", "p1", kNoon, kNoon + 6 * base::kSecond, 3).value();
  };
  const Points before = chart();
  flush();
  const Points after = chart();
  ASSERT_EQ(before.size(), 3u);
  ASSERT_EQ(after.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(before[i].first, kNoon + static_cast<base::TimeUs>(i) * 2 * base::kSecond);
    EXPECT_EQ(after[i].first, before[i].first);
    EXPECT_EQ(after[i].second.count, 2);
    EXPECT_EQ(before[i].second.count, 2);
    EXPECT_EQ(after[i].second.most, before[i].second.most);
    EXPECT_EQ(after[i].second.mean(), 1.5 + 2 * static_cast<double>(i));
  }
  ingest({blocks(2, {series_block("p1", numbers(kNoon + base::kSecond, {10}))})});
  EXPECT_EQ(total(chart()), 31) << "half in the table, half waiting";
  flush();
  EXPECT_EQ(total(chart()), 31);
}

TEST_F(LakeTest, AChartNeverCountsASummaryAndItsObservationsTwice) {
  sensing::Summary minute;
  sensing::Block raw = numbers(kNoon, {});
  for (int i = 0; i < 60; ++i) {
    minute.add(1, sensing::Quality::kGood);
    raw.times.push_back(kNoon + i * base::kSecond);
    raw.qualities.push_back(sensing::Quality::kGood);
    raw.numbers.push_back(1);
  }
  const auto chart = [&](std::size_t buckets) {
    return lake_->series("acme", "north", "p1", kNoon, kNoon + 10 * base::kMinute, buckets).value();
  };
  ingest({declared(1, datastream("p1")),
          summaries(1, {{.datastream = "p1", .from = kNoon, .summary = minute},
                        {.datastream = "p1", .from = kNoon + base::kMinute, .summary = minute}})});
  EXPECT_EQ(total(chart(10)), 120);
  ingest({blocks(1, {series_block("p1", raw)})});
  for (std::size_t buckets : {1u, 2u, 10u, 20u, 600u})
    EXPECT_EQ(total(chart(buckets)), 120) << buckets;
  flush();
  for (std::size_t buckets : {1u, 2u, 10u, 20u, 600u})
    EXPECT_EQ(total(chart(buckets)), 120) << buckets;
}

TEST_F(LakeTest, AChartOfNothingIsEmptyAndAnImpossibleOneIsRefused) {
  EXPECT_TRUE(lake_->series("acme", "north", "p1", kNoon, kNoon + 1, 100).value().empty());
  EXPECT_FALSE(lake_->series("acme", "north", "p1", kNoon, kNoon, 100).ok());
  EXPECT_FALSE(lake_->series("acme", "north", "p1", INT64_MIN, INT64_MAX, 100).ok());
  EXPECT_FALSE(lake_->series("acme", "north", "p1", kNoon, kNoon + 1, 0).ok());
  EXPECT_FALSE(lake_->series("../acme", "north", "p1", kNoon, kNoon + 1, 1).ok());
}

}  // namespace
}  // namespace lander::lake
