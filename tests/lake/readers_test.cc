// The lake's files are read by others: deltalake, Polars, DuckDB (tests/lake/readers.py), and each
// sees exactly the observations that went in.
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

  std::mt19937_64 random_{7};
};

TEST_F(ReadersTest, DeltalakePolarsAndDuckdbSeeEveryBitThatWentInEvenThroughOurCheckpoint) {
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

  const auto read = [&](std::vector<std::string> more) {
    os::ProcessOptions options;
    options.argv = {LANDER_VENV_PYTHON, "-B", LANDER_READERS, folder_ + "/acme"};
    options.argv.insert(options.argv.end(), more.begin(), more.end());
    options.time = 120 * base::kSecond;
    const auto result = os::run_process(options);
    EXPECT_TRUE(result.ok() && result->succeeded())
        << (result.ok() ? result->error_tail : result.error().message());
    return json::parse(base::as_text(result->output), nullptr, false);
  };
  const json seen = read({});
  EXPECT_EQ(seen["polars"], all.as_json());
  EXPECT_EQ(seen["duckdb"], all.as_json());
  EXPECT_EQ(seen["version"], 101);
  EXPECT_EQ(seen["tables"],
            json({{"summary", 1}, {"alert_event", 1}, {"datastream", 3}, {"site", 1}}));
  const json only = read({"number"});
  EXPECT_EQ(only["polars"], numbers.as_json());
  EXPECT_EQ(only["duckdb"], numbers.as_json());
  EXPECT_EQ(one("SELECT count(*) FROM observation"), all.rows) << "and our own SQL agrees";
}

}  // namespace
}  // namespace lander::lake

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "sql-worker") return lander::lake::sql_worker_main();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
