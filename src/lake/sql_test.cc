// What a user's SQL may and may not do. This binary is its own sql-worker: see main().
#include "lake/lake_fixture.h"

namespace lander::lake {
namespace {

using base::Code;
using nlohmann::json;

class SqlTest : public LakeTest {
 protected:
  void SetUp() override {
    LakeTest::SetUp();
    ingest(
        {declared(1, datastream("p1")), blocks(1, {series_block("p1", numbers(kNoon, {1, 2}))})});
    ASSERT_TRUE(lake_->ingest({"zeta", "s", 7, kNoon}, {raised(1, "secret")}).ok());
    flush();
  }
};

TEST_F(SqlTest, NothingOutsideTheTenantsFolderCanBeReadOrWritten) {
  std::filesystem::create_directory_symlink("/etc", folder_ + "/acme/link");
  const std::string zeta = folder_ + "/zeta", acme = folder_ + "/acme";
  const std::vector<std::string> attacks = {
      "SELECT * FROM read_text('/etc/passwd')",
      "SELECT * FROM '/etc/passwd'",
      "SELECT * FROM read_csv('/proc/self/environ')",
      "SELECT * FROM read_text('" + acme + "/link/passwd')",
      "SELECT * FROM read_text('" + acme + "/../../../../../../etc/passwd')",
      "SELECT * FROM glob('" + folder_ + "/*')",
      "SELECT * FROM read_text('" + folder_ + "/journal.db')",
      "SELECT * FROM read_parquet('" + zeta + "/*/*.parquet')",
      "SELECT * FROM read_parquet('" + acme + "/../zeta/alert_event/*.parquet')",
      "SELECT * FROM sqlite_scan('" + folder_ + "/journal.db', 'waiting')",
      "SELECT * FROM read_parquet('https://example.org/x.parquet')",
      "SELECT * FROM query('COPY (SELECT 1) TO ''" + acme + "/x.csv''')",
      "COPY (SELECT 1) TO '" + acme + "/x.csv'",
      "COPY observation TO '/tmp/lander-stolen.csv'",
      "EXPLAIN ANALYZE COPY (SELECT 1) TO '" + acme + "/x.csv'",
      "EXPORT DATABASE '" + acme + "/x'",
      "ATTACH '" + acme + "/x.db'",
      "ATTACH '" + folder_ + "/journal.db' AS j (TYPE sqlite)",
      "INSTALL httpfs",
      "LOAD httpfs",
      "LOAD '" + acme + "/x.duckdb_extension'",
      "SET memory_limit='100GB'",
      "SET enable_external_access=true",
      "RESET lock_configuration",
      "CALL pragma_version()",
      "CREATE TABLE t AS SELECT 1",
      "DROP VIEW observation",
      "DELETE FROM observation",
      "SELECT 1; COPY (SELECT 1) TO '" + acme + "/x.csv'",
      "SELECT getenv('PATH')",
  };
  for (const std::string& attack : attacks) {
    const auto result = try_sql(attack);
    EXPECT_FALSE(result.ok()) << attack << " gave " << result->json.substr(0, 200);
    if (!result.ok()) {
      EXPECT_TRUE(result.error().code() == Code::kInvalid || result.error().code() == Code::kDenied)
          << attack << ": " << result.error().message();
    }
  }
  EXPECT_FALSE(std::filesystem::exists(acme + "/x.csv"));
  EXPECT_FALSE(std::filesystem::exists("/tmp/lander-stolen.csv"));
  EXPECT_EQ(one("SELECT count(*) FROM observation"), 2);
}

TEST_F(SqlTest, AMistakeComesBackWithItsPlace) {
  const auto syntax = try_sql("SELECT site\nFROM observation WHRE 1");
  ASSERT_FALSE(syntax.ok());
  EXPECT_EQ(syntax.error().code(), Code::kInvalid);
  EXPECT_NE(syntax.error().message().find("LINE 2"), std::string::npos) << syntax.error().message();
  const auto column = try_sql("SELECT valu FROM observation");
  ASSERT_FALSE(column.ok());
  EXPECT_EQ(column.error().code(), Code::kInvalid);
  EXPECT_NE(column.error().message().find("\"value\""), std::string::npos);
  EXPECT_EQ(try_sql("").error().code(), Code::kInvalid);
  EXPECT_EQ(try_sql("SELECT 1; SELECT 2").error().code(), Code::kInvalid);
  EXPECT_EQ(try_sql("SELECT 'abc'::INTEGER").error().code(), Code::kInvalid);
  EXPECT_EQ(try_sql(std::string(300'000, ' ')).error().code(), Code::kInvalid);
}

TEST_F(SqlTest, ResultsAreCutAtTheLimitsAndSaySo) {
  SqlLimits limits;
  limits.rows = 10;
  const auto rows = json::parse(try_sql("SELECT * FROM range(10000000000)", limits).value().json);
  EXPECT_EQ(rows["rows"].size(), 10u);
  EXPECT_EQ(rows["truncated"], true);
  EXPECT_EQ(rows["columns"], json({{{"name", "range"}, {"type", "BIGINT"}}}));
  EXPECT_EQ(json::parse(try_sql("SELECT * FROM range(10)", limits).value().json)["truncated"],
            false);
  limits.rows = 1'000'000;
  limits.bytes = 10'000;
  const auto bytes = try_sql("SELECT repeat('x', 1000) FROM range(100)", limits).value().json;
  EXPECT_LT(bytes.size(), 10'100u);
  EXPECT_EQ(json::parse(bytes)["truncated"], true);
  EXPECT_EQ(json::parse(bytes)["rows"].size(), 9u);
}

TEST_F(SqlTest, AGreedyQueryHurtsOnlyItself) {
  SqlLimits limits;
  limits.memory_mb = 64;
  const auto greedy = try_sql("SELECT list(range) FROM range(500000000)", limits);
  ASSERT_FALSE(greedy.ok());
  EXPECT_EQ(greedy.error().code(), Code::kExhausted) << greedy.error().message();
  limits.time = 200 * base::kMillisecond;
  const auto slow = try_sql("SELECT count(*) FROM range(1000000) a, range(1000000) b", limits);
  ASSERT_FALSE(slow.ok());
  EXPECT_EQ(slow.error().code(), Code::kTimeout) << slow.error().message();
}

TEST_F(SqlTest, EveryTypeHasAFormInJson) {
  EXPECT_EQ(
      sql("SELECT 1::TINYINT, 2::UBIGINT, 9007199254740993, 'NaN'::DOUBLE, -1e999::DOUBLE, "
          "0.1::FLOAT, 1.5::DECIMAL(5,2), DATE '2026-01-02', [1, NULL], {'a': 'x'}, NULL, "
          "INTERVAL 3 DAYS, 170141183460469231731687303715884105727::HUGEINT, true, "
          "TIMESTAMP '2026-01-02 03:04:05.5', 'q\"\\'"),
      json({{1, 2, "9007199254740993", "NaN", "-Infinity", 0.1, "1.50", "2026-01-02", "[1, NULL]",
             "{'a': x}", nullptr, "3 days", "170141183460469231731687303715884105727", true,
             "2026-01-02T03:04:05.500000Z", "q\"\\"}}));
  EXPECT_EQ(sql("FROM (VALUES (1), (2)) t(a) ORDER BY a DESC"), json({{2}, {1}}));
  EXPECT_EQ(sql("DESCRIBE site")[0][0], "site");
  EXPECT_EQ(one("WITH x AS (SELECT 5 AS a) SELECT a FROM x;"), 5);
  EXPECT_EQ(one("SELECT date_trunc('hour', time) FROM observation LIMIT 1"),
            "2023-11-14T22:00:00Z");
}

TEST_F(SqlTest, AChildStartedAheadAnswersOneQueryOfOneTenantAndTheNextIsFresh) {
  SqlLimits limits;
  limits.time = 5 * base::kSecond;
  SqlRunner runner(os::own_program().value(), limits);
  const std::string acme = folder_ + "/acme", zeta = folder_ + "/zeta";
  const auto rows = [&](const std::string& folder, const std::string& sql) {
    const auto result = runner.run(folder, sql);
    runner.start_next();
    EXPECT_TRUE(result.ok()) << result.error().message();
    return result.ok() ? json::parse(result->json)["rows"] : json();
  };
  const std::string both =
      "SELECT (SELECT count(*) FROM observation), (FROM alert_event SELECT count(*))";
  EXPECT_EQ(rows(acme, both), json({{2, 0}})) << "without a child that waits";
  EXPECT_EQ(rows(acme, both), json({{2, 0}})) << "with one";
  EXPECT_EQ(rows(zeta, both), json({{0, 1}})) << "of another tenant";
  for (const std::string& other : {zeta, folder_})
    EXPECT_FALSE(runner.run(acme, "SELECT * FROM read_text('" + other + "/journal.db')").ok());
  EXPECT_FALSE(
      runner.run(acme, "SELECT * FROM read_parquet('" + zeta + "/alert_event/*.parquet')").ok());
  EXPECT_EQ(runner.run(acme, "SET memory_limit='100GB'").error().code(), Code::kDenied);
  EXPECT_EQ(runner.run(acme, std::string(300'000, ' ')).error().code(), Code::kInvalid);
  ingest({blocks(2, {series_block("p1", numbers(kNoon, {3}))})});
  flush();
  EXPECT_EQ(rows(acme, both), json({{3, 0}})) << "what was flushed while it waited";
  EXPECT_FALSE(SqlRunner("/nowhere/lander-hub", limits).run(acme, "SELECT 1").ok());
}

TEST_F(SqlTest, AProgramThatIsNotThereIsToldAsSuch) {
  EXPECT_FALSE(run_sql("/nowhere/lander-hub", folder_ + "/acme", "SELECT 1", {}).ok());
  EXPECT_FALSE(run_sql("/bin/true", folder_ + "/acme", "SELECT 1", {}).ok());
}

}  // namespace
}  // namespace lander::lake

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "sql-worker") lander::lake::sql_worker_main();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
