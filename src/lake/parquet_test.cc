// What the writer writes is what DuckDB reads, to the bit, and what its statistics promise holds.
#include "lake/parquet.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <random>

#include "lake/duck.h"
#include "lake/parquet_file.h"
#include "os/files.h"

namespace lander::lake {
namespace {

constexpr Column kColumns[] = {{"a_text", ColumnType::kText, "", true},
                               {"a_long", ColumnType::kLong, ""},
                               {"a_double", ColumnType::kDouble, ""},
                               {"a_boolean", ColumnType::kBoolean, ""},
                               {"a_time", ColumnType::kTime, ""}};
using Row = std::vector<Value>;

bool same_bits(const Value& a, const Value& b) {
  const auto* x = std::get_if<double>(&a);
  const auto* y = std::get_if<double>(&b);
  if (x && y) return std::bit_cast<std::uint64_t>(*x) == std::bit_cast<std::uint64_t>(*y);
  return a == b;
}

Cell cell_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return std::string_view(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean;
  return {};
}

class ParquetTest : public testing::Test {
 protected:
  void SetUp() override {
    // Tests run side by side, each in a process of its own.
    path_ = testing::TempDir() + "lander-parquet-test-" + std::to_string(::getpid()) + ".parquet";
    duck_ = Duck::open(256).value();
    session_ = Session::open(*duck_).value();
  }
  void TearDown() override { ASSERT_TRUE(os::system_files().remove(path_).ok()); }

  void write(const std::vector<Row>& rows) {
    base::Bytes bytes;
    ParquetWriter writer(kColumns, [&](base::ByteView more) -> base::Status {
      bytes.insert(bytes.end(), more.begin(), more.end());
      return {};
    });
    for (const Row& row : rows) {
      for (std::size_t i = 0; i < row.size(); ++i) writer.same(i, cell_of(row[i]));
      ASSERT_TRUE(writer.settle(row[0] != rows.front()[0]).ok());
    }
    ASSERT_TRUE(writer.end_rows().ok());
    ASSERT_EQ(writer.extent().rows, rows.size());
    ASSERT_TRUE(writer.finish({{"key", "value"}, {"empty", ""}}).ok());
    ASSERT_TRUE(os::system_files().write_durably(path_, bytes).ok());
  }
  std::vector<Row> read(const std::string& where = "") {
    auto rows = session_->query("SELECT * FROM read_parquet(" + sql_literal(path_) + ") " + where);
    EXPECT_TRUE(rows.ok()) << rows.error().message();
    return rows.ok() ? *rows : std::vector<Row>();
  }
  void expect_same(const std::vector<Row>& rows) {
    const auto got = read();
    ASSERT_EQ(got.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      for (std::size_t k = 0; k < rows[i].size(); ++k)
        ASSERT_TRUE(same_bits(got[i][k], rows[i][k])) << "row " << i << " column " << k;
  }

  std::string path_;
  std::unique_ptr<Duck> duck_;
  std::unique_ptr<Session> session_;
};

// How values come: all alike, few, many, in runs, with nulls.
Value value_of(std::mt19937_64& random, std::size_t column, unsigned spread) {
  if (spread > 2 && random() % 5 == 0) return {};
  const std::uint64_t one = spread == 0 ? 7 : spread == 1 ? random() % 3 : random();
  switch (column) {
    case 0:
      return spread > 3 ? std::string(one % 300, 'x') : "text " + std::to_string(one % 1000);
    case 2:
      return spread > 1 ? std::bit_cast<double>(one) : static_cast<double>(one) / 4;
    case 3:
      return one % 2 == 0;
    default:
      return spread > 3 ? std::bit_cast<std::int64_t>(one) / 1000
                        : static_cast<std::int64_t>(one % 100);
  }
}

TEST_F(ParquetTest, EveryMixOfRunsNullsAndValuesIsReadToTheBit) {
  std::mt19937_64 random{1};
  for (int round = 0; round < 60; ++round) {
    std::vector<Row> rows;
    const std::size_t count = round < 20 ? static_cast<std::size_t>(round) + 1 : random() % 3000;
    unsigned spreads[5];
    for (unsigned& spread : spreads) spread = static_cast<unsigned>(random() % 5);
    while (rows.size() < count) {
      Row row;
      for (std::size_t k = 0; k < 5; ++k) row.push_back(value_of(random, k, spreads[k]));
      rows.insert(rows.end(), random() % 2 ? 1 : random() % 40, row);
    }
    if (rows.empty()) continue;
    write(rows);
    expect_same(rows);
    if (HasFatalFailure()) FAIL() << "round " << round;
  }
}

TEST_F(ParquetTest, ExtremesNaNsAndZerosSurviveAndAreFound) {
  std::vector<Row> rows;
  for (const std::int64_t whole : {INT64_MIN, INT64_MAX, INT64_MIN, std::int64_t{0}, INT64_MAX})
    for (const double real : {-0.0, 0.0, 1e308, -std::numeric_limits<double>::infinity(), 5e-324})
      rows.push_back({"a", whole, real, true, std::int64_t{0}});
  write(rows);
  expect_same(rows);
  EXPECT_EQ(read("WHERE a_double = 0").size(), 10u);
  EXPECT_EQ(read("WHERE a_long = 9223372036854775807").size(), 10u);
  rows.push_back(
      {"a", std::int64_t{1}, std::bit_cast<double>(0x7ff8000000000123u), false, std::int64_t{0}});
  write(rows);
  expect_same(rows);
  EXPECT_EQ(read("WHERE isnan(a_double)").size(), 1u);
}

TEST_F(ParquetTest, RowGroupsEndBetweenSeriesAndAReaderOfOneReadsLittleElse) {
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < 300'000; ++i)
    rows.push_back(
        {"series " + std::to_string(i / 50'000), i, static_cast<double>(i % 100), true, i});
  write(rows);
  expect_same(rows);
  const auto groups = session_
                          ->query(
                              "SELECT DISTINCT row_group_id, row_group_num_rows FROM "
                              "parquet_metadata(" +
                              sql_literal(path_) + ") ORDER BY 1")
                          .value();
  EXPECT_GE(groups.size(), 3u);
  EXPECT_EQ(read("WHERE a_text = 'series 4'").size(), 50'000u);
  EXPECT_EQ(read("WHERE a_long BETWEEN 123456 AND 123460").size(), 5u);
  const auto pairs = session_->query("SELECT decode(key), decode(value) FROM parquet_kv_metadata(" +
                                     sql_literal(path_) + ")");
  ASSERT_TRUE(pairs.ok()) << pairs.error().message();
  EXPECT_EQ((*pairs)[0], (Row{std::string("key"), std::string("value")}));
}

TEST_F(ParquetTest, AnExportHoldsItsBlocksInTheirOrder) {
  sensing::Datastream of;
  of.id = "p1";
  of.asset = "acme/north/p-101";
  of.unit = "bar";
  auto file = ParquetFile::create(path_).value();
  for (const auto kind : {sensing::Kind::kNumber, sensing::Kind::kInteger, sensing::Kind::kBoolean,
                          sensing::Kind::kText}) {
    sensing::Block block;
    block.kind = of.kind = kind;
    block.times = {1, 2};
    block.qualities = {sensing::Quality::kGood, sensing::Quality::kBad};
    if (kind == sensing::Kind::kNumber) block.numbers = {0.5, -1};
    if (kind == sensing::Kind::kInteger) block.integers = {7, INT64_MAX};
    if (kind == sensing::Kind::kBoolean) block.booleans = {true, false};
    if (kind == sensing::Kind::kText) block.strings = {"open", "\xff"};
    ASSERT_TRUE(file->add(of, kind == sensing::Kind::kText ? INT64_MAX : 500, block).ok());
  }
  EXPECT_FALSE(os::system_files().exists(path_)) << "not before it is whole";
  ASSERT_TRUE(file->finish().ok());
  const auto rows = session_
                        ->query(
                            "SELECT kind, value, value_integer, value_text, quality, "
                            "time_error_us, epoch_us(time), unit FROM read_parquet(" +
                            sql_literal(path_) + ")")
                        .value();
  ASSERT_EQ(rows.size(), 8u);
  const auto text = [](const char* it) { return std::string(it); };
  const std::int64_t error = 500;
  EXPECT_EQ(rows[0],
            (Row{text("number"), 0.5, {}, {}, text("Good"), error, std::int64_t{1}, text("bar")}));
  EXPECT_EQ(rows[3], (Row{text("integer"),
                          9223372036854775807.0,
                          INT64_MAX,
                          {},
                          text("Bad"),
                          error,
                          std::int64_t{2},
                          text("bar")}));
  EXPECT_EQ(rows[4],
            (Row{text("boolean"), 1.0, {}, {}, text("Good"), error, std::int64_t{1}, text("bar")}));
  EXPECT_EQ(rows[7], (Row{text("text"),
                          {},
                          {},
                          text("\xEF\xBF\xBD"),
                          text("Bad"),
                          {},
                          std::int64_t{2},
                          text("bar")}));
}

}  // namespace
}  // namespace lander::lake
