// The lake's files are read by others: deltalake, Polars, DuckDB, ClickHouse
// (tests/lake/readers.py), and each sees exactly the observations that went in.
#include <bit>
#include <filesystem>
#include <random>

#include "lake/delta.h"
#include "lake/lake_fixture.h"

namespace lander::lake {
namespace {

using nlohmann::json;

struct Expected {
  std::uint64_t rows = 0, value_bits = 0, integer_bits = 0, texts = 0;
  base::TimeUs least = INT64_MAX, most = INT64_MIN;

  void add(const sensing::Block& block, base::DurationUs offset) {
    rows += block.size();
    for (const base::TimeUs time : block.times) {
      least = std::min(least, time + offset);
      most = std::max(most, time + offset);
    }
    for (const double value : block.numbers) value_bits += std::bit_cast<std::uint64_t>(value);
    for (const std::int64_t value : block.integers) {
      integer_bits += static_cast<std::uint64_t>(value);
      value_bits += std::bit_cast<std::uint64_t>(static_cast<double>(value));
    }
    for (const std::string& text : block.strings)
      for (std::size_t i = 0; i < text.size(); ++i)
        texts += (i + 1) * static_cast<unsigned char>(text[i]);
  }
  json as_json() const {
    return {{"rows", rows},
            {"value_bits", value_bits},
            {"integer_bits", integer_bits},
            {"texts", texts},
            {"time_min", least},
            {"time_max", most},
            {"units", {"bar"}},
            {"assets", {"acme/north/pumps/line-1/p-101"}}};
  }
};

class ReadersTest : public LakeTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(LANDER_VENV_PYTHON))
      GTEST_SKIP() << "no Python readers at " << LANDER_VENV_PYTHON << ": run ./dev setup test";
    LakeTest::SetUp();
  }

  sensing::Block random_block(sensing::Kind kind, base::TimeUs from) {
    sensing::Block block;
    block.kind = kind;
    for (std::size_t i = 0; i < 50; ++i) {
      block.times.push_back(from + static_cast<base::TimeUs>(i) * 100'000);
      block.qualities.push_back(i % 7 ? sensing::Quality::kGood : sensing::Quality::kBad);
      if (kind == sensing::Kind::kNumber)  // every pattern of bits: NaN payloads, infinities, -0
        block.numbers.push_back(i % 5 ? std::bit_cast<double>(random_()) : i % 2 ? -0.0 : 1e42);
      if (kind == sensing::Kind::kInteger)
        block.integers.push_back(static_cast<std::int64_t>(random_()));
      if (kind == sensing::Kind::kText)
        block.strings.push_back("état " + std::to_string(random_()));
    }
    return block;
  }

  json read(std::vector<std::string> arguments) {
    os::ProcessOptions options;
    options.argv = {LANDER_VENV_PYTHON, "-B", LANDER_READERS};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.time = 120 * base::kSecond;
    const auto result = os::run_process(options);
    EXPECT_TRUE(result.ok() && result->succeeded())
        << (result.ok() ? result->error_tail : result.error().message());
    return json::parse(base::as_text(result->output), nullptr, false);
  }

  std::mt19937_64 random_{7};
};

TEST_F(ReadersTest, PolarsDuckdbAndClickhouseSeeEveryBitThatWentInThroughCheckpointAndCompaction) {
  ingest({declared(1, datastream("number")),
          declared(2, datastream("integer", sensing::Kind::kInteger)),
          declared(3, datastream("text", sensing::Kind::kText))});
  Expected all, numbers;
  for (std::uint64_t round = 1; round <= 101; ++round) {
    const base::TimeUs from = kNoon + static_cast<base::TimeUs>(round % 13) * base::kMinute;
    const auto number = random_block(sensing::Kind::kNumber, from);
    const auto integer = random_block(sensing::Kind::kInteger, from + 1);
    const auto text = random_block(sensing::Kind::kText, from + 2);
    ingest({blocks(round, {series_block("text", text), series_block("number", number, 250'000),
                           series_block("integer", integer)})});
    for (const auto& block : {integer, text}) all.add(block, 0);
    all.add(number, 250'000);
    numbers.add(number, 250'000);
    flush();
  }
  ingest({raised(1, "a"), summaries(1, {{.datastream = "number", .from = kNoon}})});
  flush();
  const std::string table = folder_ + "/acme/observation";
  for (std::int64_t version = 0; version < 100; ++version)
    ASSERT_TRUE(os::system_files().remove(log_path(table, version)).ok());

  const auto expect_all = [&](std::int64_t version) {
    const json seen = read({folder_ + "/acme"});
    for (const char* reader : {"polars", "duckdb", "clickhouse"})
      EXPECT_EQ(seen[reader], all.as_json()) << reader;
    EXPECT_EQ(seen["version"], version);
    EXPECT_EQ(seen["tables"],
              json({{"summary", 1}, {"alert_event", 1}, {"datastream", 3}, {"site", 1}}));
  };
  expect_all(101);
  const json only = read({folder_ + "/acme", "number"});
  for (const char* reader : {"polars", "duckdb", "clickhouse"})
    EXPECT_EQ(only[reader], numbers.as_json()) << reader;
  EXPECT_GE(compact(), 101u);
  expect_all(103);
  EXPECT_EQ(one("SELECT count(*) FROM observation"), all.rows) << "and our own SQL agrees";
}

TEST_F(ReadersTest, OneFileAloneTellsSensorUnitAndCalibration) {
  sensing::Datastream pressure = datastream("pressure");
  pressure.calibration = {0.5, -1, "2026-03-01", "DKD-4711"};
  pressure.location = sensing::Location{48.1, 11.6, 520};
  ingest({declared(1, pressure)});
  for (std::uint64_t round = 1; round <= 8; ++round) {
    ingest({blocks(round, {series_block("pressure", numbers(kNoon, {1, 2, 3}))})});
    flush();
  }
  compact();
  for (const std::string& name : parquet_files("observation")) {
    const std::string alone = testing::TempDir() + "lander-alone.parquet";
    std::filesystem::rename(folder_ + "/acme/observation/" + name, alone);
    const json seen = read({alone});
    std::filesystem::remove(alone);
    EXPECT_EQ(seen["units"], json({"bar"}));
    EXPECT_EQ(seen["assets"], json({"acme/north/pumps/line-1/p-101"}));
    const json& about = seen["lander"];
    EXPECT_EQ(about["tenant"], "acme");
    EXPECT_EQ(about["table"], "observation");
    EXPECT_EQ(about["sites"], json({"north"}));
    EXPECT_EQ(about["from"], "2023-11-14T22:13:20.000000Z");
    EXPECT_EQ(about["to"], "2023-11-14T22:13:22.000000Z");
    for (const auto& column : seen["columns"])
      EXPECT_FALSE(about["columns"][column.get<std::string>()].get<std::string>().empty());
    ASSERT_EQ(seen["lander.datastreams"].size(), 1u) << name;
    const json& of = seen["lander.datastreams"][0];
    EXPECT_EQ(of["datastream"], "pressure");
    EXPECT_EQ(of["sensor"], json({{"name", "PT-1"}, {"model", "Cerabar"}, {"serial", "0815"}}));
    EXPECT_EQ(of["calibration"], json({{"scale", 0.5},
                                       {"offset", -1.0},
                                       {"date", "2026-03-01"},
                                       {"certificate", "DKD-4711"}}));
    EXPECT_EQ(of["location"]["latitude"], 48.1);
    EXPECT_EQ(of["policy"]["uplink"], "summary");
  }
}

}  // namespace
}  // namespace lander::lake

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "sql-worker") lander::lake::sql_worker_main();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
