// For the lake's tests: one site with one datastream of each kind, and a lake in a folder of its
// own.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "lake/lake.h"
#include "os/process.h"

namespace lander::lake {

inline constexpr base::TimeUs kNoon = 1'700'000'000 * base::kSecond;

inline sensing::Datastream datastream(const std::string& id,
                                      sensing::Kind kind = sensing::Kind::kNumber) {
  sensing::Datastream out;
  out.id = id;
  out.name = "Datastream " + id;
  out.asset = "acme/north/pumps/line-1/p-101";
  out.property = "pressure";
  out.unit = "bar";
  out.kind = kind;
  out.sensor = {"PT-1", "Cerabar", "0815"};
  out.binding.source = "plc";
  out.binding.address = "1/holding/0:float32";
  return out;
}

inline sensing::Block numbers(base::TimeUs from, std::vector<double> values,
                              base::DurationUs step = base::kSecond) {
  sensing::Block block;
  for (std::size_t i = 0; i < values.size(); ++i) {
    block.times.push_back(from + static_cast<base::TimeUs>(i) * step);
    block.qualities.push_back(sensing::Quality::kGood);
  }
  block.numbers = std::move(values);
  return block;
}

inline link::SeriesBlock series_block(const std::string& id, const sensing::Block& block,
                                      base::DurationUs offset = 0) {
  return {
      .datastream = id, .utc_offset = offset, .utc_error = 500, .block = sensing::encode(block)};
}

inline link::Item item(std::uint8_t lane, std::uint64_t number, std::string type,
                       base::Bytes body) {
  return {lane, number, std::move(type), kNoon, std::move(body)};
}
inline link::Item declared(std::uint64_t number, const sensing::Datastream& datastream) {
  return item(link::kLaneState, number, "datastream", sensing::encode(datastream));
}
inline link::Item blocks(std::uint64_t number, const std::vector<link::SeriesBlock>& list) {
  return item(link::kLaneBulk, number, "blocks", link::encode_blocks(list));
}
inline link::Item summaries(std::uint64_t number, const std::vector<link::SeriesSummary>& list) {
  return item(link::kLaneSummary, number, "summary", link::encode_summaries(list));
}
inline link::Item raised(std::uint64_t number, const std::string& id) {
  alert::Event event;
  event.id = "event-" + id;
  event.alert = "alert-" + id;
  event.time = kNoon;
  event.actor = "site";
  event.info = alert::Info{.asset = "acme/north/pumps/line-1/p-101",
                           .title = "Bearing wear",
                           .detail = "vibration 9.1 mm/s",
                           .severity = alert::Severity::kHigh,
                           .rule = "watch",
                           .causes = {{"vibration", 0.9, 9.1, 2.0, "mm/s"}}};
  return item(link::kLaneAlert, number, "alert-event", alert::encode(event));
}

class HandClock : public os::Clock {
 public:
  base::TimeUs now = 1'700'100'000 * base::kSecond;
  base::TimeUs wall_us() const override { return now; }
  base::DurationUs monotonic_us() const override { return now; }
  std::string boot_id() const override { return "boot"; }
};

class LakeTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = testing::TempDir() + "lander-lake-" + info->name();
    std::filesystem::remove_all(folder_);
    open();
  }
  void TearDown() override {
    lake_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open(os::Files* files = nullptr) {
    lake_.reset();
    Lake::Options options;
    options.folder = folder_;
    options.files = files;
    options.clock = &clock_;
    auto opened = Lake::open(options);
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    lake_ = std::move(opened).value();
  }
  void ingest(const std::vector<link::Item>& items, const std::string& site = "north") {
    const auto status = lake_->ingest({"acme", site, 7, kNoon}, items);
    ASSERT_TRUE(status.ok()) << status.error().message();
  }
  void flush() {
    const auto flushed = lake_->flush();
    ASSERT_TRUE(flushed.ok()) << flushed.error().message();
  }

  base::Result<SqlResult> try_sql(const std::string& query, const SqlLimits& limits = {}) {
    return run_sql(os::own_program().value(), folder_ + "/acme", query, limits);
  }
  nlohmann::json sql(const std::string& query) {  // the rows
    const auto result = try_sql(query);
    EXPECT_TRUE(result.ok()) << query << ": " << result.error().message();
    return result.ok() ? nlohmann::json::parse(result->json)["rows"] : nlohmann::json();
  }
  nlohmann::json one(const std::string& query) {  // the first value
    const auto rows = sql(query);
    return rows.empty() ? nlohmann::json() : rows[0][0];
  }

  std::uint64_t compact() {  // until nothing is to do; the files that became fewer
    for (std::uint64_t files = 0;;) {
      const auto done = lake_->compact();
      EXPECT_TRUE(done.ok()) << done.error().message();
      if (!done.ok() || done->files == 0) return files;
      files += done->files;
    }
  }
  std::set<std::string> parquet_files(const std::string& table) {  // in the folder
    std::set<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/acme/" + table))
      if (entry.is_regular_file()) out.insert(entry.path().filename());
    return out;
  }

  HandClock clock_;
  std::string folder_;
  std::unique_ptr<Lake> lake_;
};

}  // namespace lander::lake
