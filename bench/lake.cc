// How fast bundles become Delta rows, and how fast SQL answers for a site's day, against a plain
// DuckDB table that is given the same rows by DuckDB's own appender.
//
//   bench_lake FOLDER [ROWS]     FOLDER is emptied; prints one JSON object
//
// Method: 10 sites x 100 datastreams, one value each 10 s, in bundles of an hour of one site (100
// blocks of 360 samples). "ingest" is decode, check and journal, durable per bundle; "flush" is
// journal to Parquet and Delta, durable. "sql" runs the child process anew each time; "chart" is
// Lake::series. Medians of 11.
#include "lake/lake.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <random>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "lake/duck.h"
#include "lake/rows.h"
#include "os/clock.h"
#include "os/proc.h"
#include "os/process.h"

namespace {

using namespace lander;
using nlohmann::json;

constexpr int kSites = 10, kDatastreams = 100, kSamples = 360;
constexpr base::DurationUs kStep = 10 * base::kSecond;
constexpr base::TimeUs kStart = 1'700'006'400 * base::kSecond;  // a midnight

double seconds(const std::function<void()>& work) {
  const base::TimeUs began = os::system_clock().monotonic_us();
  work();
  return static_cast<double>(os::system_clock().monotonic_us() - began) / 1e6;
}

double median_ms(const std::function<void()>& work) {
  std::vector<double> all;
  for (int i = 0; i < 11; ++i) all.push_back(1e3 * seconds(work));
  std::nth_element(all.begin(), all.begin() + 5, all.end());
  return all[5];
}

std::string site(int n) { return "site-" + std::to_string(n); }
std::string datastream(int n) {
  return "pump-" + std::to_string(n / 10) + ".pressure-" + std::to_string(n % 10);
}

// The value of a datastream at a sample, with the resolution of a 12-bit converter.
double value_at(std::mt19937_64& random, int n, std::int64_t sample) {
  const double clean = 4 + std::sin(static_cast<double>(sample) / 300 + n);
  return std::round((clean + static_cast<double>(random() % 64) / 1000) * 400) / 400;
}

struct Hour {
  int site;
  std::int64_t hour;
};
template <class Each>  // (datastream, time, value)
void each_row(const Hour& hour, Each each) {
  std::mt19937_64 random(static_cast<std::uint64_t>(hour.hour * kSites + hour.site));
  for (int n = 0; n < kDatastreams; ++n)
    for (std::int64_t i = 0; i < kSamples; ++i) {
      const std::int64_t sample = hour.hour * kSamples + i;
      each(n, kStart + sample * kStep, value_at(random, n, sample));
    }
}

link::Item blocks_of(const Hour& hour) {
  std::vector<sensing::Block> blocks(kDatastreams);
  each_row(hour, [&](int n, base::TimeUs time, double value) {
    blocks[n].times.push_back(time);
    blocks[n].qualities.push_back(sensing::Quality::kGood);
    blocks[n].numbers.push_back(value);
  });
  std::vector<link::SeriesBlock> series;
  for (int n = 0; n < kDatastreams; ++n)
    series.push_back({.datastream = datastream(n), .utc_error = 1000, .block = encode(blocks[n])});
  return {link::kLaneBulk, static_cast<std::uint64_t>(hour.hour + 1), "blocks", kStart,
          link::encode_blocks(series)};
}

std::string day_sql(const std::string& table) {
  return "SELECT datastream, count(*), avg(value), max(value) FROM " + table +
         " WHERE site = 'site-3' AND time >= '2023-11-15 00:00:00Z' AND time < '2023-11-16 "
         "00:00:00Z' "
         "GROUP BY datastream ORDER BY datastream";
}

sensing::Datastream declared(int s, int n) {
  sensing::Datastream out;
  out.id = out.name = datastream(n);
  out.asset = "acme/" + site(s) + "/hall-1/line-2/pump-" + std::to_string(n / 10);
  out.property = "pressure";
  out.unit = "bar";
  return out;
}

lake::Context context_of() {
  lake::Context out;
  for (int s = 0; s < kSites; ++s)
    for (int n = 0; n < kDatastreams; ++n) out[{site(s), datastream(n), 1}] = declared(s, n);
  return out;
}

void declare(lake::Lake& lake) {
  for (int s = 0; s < kSites; ++s) {
    std::vector<link::Item> items;
    for (int n = 0; n < kDatastreams; ++n)
      items.push_back({link::kLaneState, static_cast<std::uint64_t>(n + 1), "datastream", kStart,
                       sensing::encode(declared(s, n))});
    LANDER_CHECK(lake.ingest({"acme", site(s), 1, kStart}, items).ok());
  }
}

json bench_lake(const std::string& folder, std::int64_t hours) {
  auto lake = lake::Lake::open({.folder = folder}).value();
  declare(*lake);
  double ingest = 0, flush = 0;
  std::uint64_t rows = 0, wire = 0;
  for (std::int64_t h = 0; h < hours; ++h) {
    for (int s = 0; s < kSites; ++s) {
      const link::Item item = blocks_of({s, h});
      wire += item.body.size();
      ingest += seconds([&] {
        LANDER_CHECK(lake->ingest({"acme", site(s), 1, kStart}, {item}).ok());
      });
      rows += kDatastreams * kSamples;
    }
    flush += seconds([&] { LANDER_CHECK(lake->flush().ok()); });
  }
  LANDER_CHECK(lake->stats().rows >= rows && lake->waiting_rows().value() == 0);
  const auto sql = [&] {
    LANDER_CHECK(
        lake::run_sql(os::own_program().value(), folder + "/acme", day_sql("observation"), {})
            .ok());
  };
  const auto chart = [&] {
    LANDER_CHECK(
        lake->series("acme", "site-3", datastream(7), kStart, kStart + base::kDay, 500).ok());
  };
  const auto number = [&](double value) { return std::round(value * 10) / 10; };
  return {{"rows", rows},
          {"ingest_rows_per_s", std::round(static_cast<double>(rows) / ingest)},
          {"flush_rows_per_s", std::round(static_cast<double>(rows) / flush)},
          {"bundle_to_delta_rows_per_s", std::round(static_cast<double>(rows) / (ingest + flush))},
          {"body_bytes_per_row", number(static_cast<double>(wire) / static_cast<double>(rows))},
          {"parquet_bytes_per_row",
           number(static_cast<double>(lake->stats().bytes) / static_cast<double>(rows))},
          {"files", lake->stats().files},
          {"sql_site_day_ms", number(median_ms(sql))},
          {"chart_site_day_ms", number(median_ms(chart))},
          {"rss_mb", os::own_memory().value().rss_bytes >> 20}};
}

// The rival: the same bodies, decoded by the same code, one durable transaction for each hour, into
// DuckDB's own file.
json bench_duckdb(const std::string& path, std::int64_t hours) {
  const auto duck = lake::Duck::open(512).value();
  const auto session = lake::Session::open(*duck).value();
  const auto run = [&](const std::string& sql) { LANDER_CHECK(session->run(sql).ok()); };
  run("ATTACH " + lake::sql_literal(path) + " AS rival");
  run("CREATE TABLE rival.observation AS " + lake::empty_select(lake::Table::kObservation));
  const lake::Context context = context_of();
  double insert = 0;
  std::uint64_t rows = 0;
  for (std::int64_t h = 0; h < hours; ++h) {
    std::vector<base::Bytes> bodies;
    for (int s = 0; s < kSites; ++s) bodies.push_back(blocks_of({s, h}).body);
    insert += seconds([&] {
      lake::Contents contents;
      for (int s = 0; s < kSites; ++s)
        for (auto& block : link::decode_blocks(bodies[s]).value())
          contents.raw.push_back({site(s), std::move(block)});
      const auto source = lake::observation_rows(contents.raw, context);
      LANDER_CHECK(session
                       ->run_with("INSERT INTO rival.observation SELECT * FROM {rows}",
                                  lake::columns_of(lake::Table::kObservation), *source)
                       .ok());
      rows += source->extent().rows;
    });
  }
  run("CHECKPOINT rival");
  const auto query = [&] { LANDER_CHECK(session->query(day_sql("rival.observation")).ok()); };
  const double day_ms = median_ms(query);
  run("DETACH rival");
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  return {{"rows", rows},
          {"insert_rows_per_s", std::round(static_cast<double>(rows) / insert)},
          {"file_bytes_per_row", std::round(bytes / static_cast<double>(rows) * 10) / 10},
          {"sql_site_day_ms", std::round(day_ms * 10) / 10}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "sql-worker") return lake::sql_worker_main(argv[2]);
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_lake FOLDER [ROWS]\n");
    return 2;
  }
  const std::string folder = argv[1];
  const std::int64_t rows = argc > 2 ? std::atoll(argv[2]) : 8'640'000;
  const std::int64_t hours = std::max<std::int64_t>(1, rows / (kSites * kDatastreams * kSamples));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  json out = {{"lake", bench_lake(folder + "/lake", hours)}};
  out["duckdb"] = bench_duckdb(folder + "/rival.duckdb", hours);
  std::printf("%s\n", out.dump(2).c_str());
  std::filesystem::remove_all(folder);
  return 0;
}
