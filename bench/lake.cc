// How fast bundles become Delta rows, how many bytes they take, and how fast SQL answers for a
// site's day; beside it plain DuckDB, given the same bodies, in the same run.
//
//   bench_lake [FOLDER] [--rows N] [--data FOLDER] [--json]
//
// FOLDER (build/bench-lake) is emptied. --data: where `skab` stands (../shared/data); without it
// the pump runs are left out.
//
// Method: 10 sites x 100 datastreams, one value each 10 s, in bundles of an hour of one site (100
// chunks of 360 samples), as a site sends them. "ingest" is decode, check and journal, durable per
// bundle; "flush" is journal to Parquet and Delta, durable, once an hour of data; "compact" is all
// steps after that. One thread does it all; by the wall, and by the processor's time, which a busy
// machine does not change. "sql" is as the user waits for it: the child process is there, and used
// once; "cpu" is its child's processor time without what it spent before the question; "cold" is
// with a child started for it. "chart" is Lake::series. Medians of 11. The pump runs are SKAB's 35
// files of 8 sensors as one site's datastreams, through the same path; beside it DuckDB's COPY
// (zstd, its defaults) of the same rows in the same order.
#include "lake/lake.h"

#include <duckdb.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "os/clock.h"
#include "os/proc.h"
#include "os/process.h"
#include "sensing/chunk.h"

namespace {

using namespace lander;
using nlohmann::json;

constexpr int kSites = 10, kDatastreams = 100, kSamples = 360;
constexpr base::DurationUs kStep = 10 * base::kSecond;
constexpr base::TimeUs kStart = 1'700'006'400 * base::kSecond;  // a midnight

// Of work by the wall, and of this process's processors.
struct Spent {
  double wall = 0, cpu = 0;  // seconds
  void of(const std::function<void()>& work) {
    const base::TimeUs began = os::system_clock().monotonic_us();
    const std::clock_t before = std::clock();
    work();
    cpu += static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
    wall += static_cast<double>(os::system_clock().monotonic_us() - began) / 1e6;
  }
};
double rate(std::uint64_t rows, double seconds) {
  return std::round(static_cast<double>(rows) / seconds);
}
double rounded(double value) { return std::round(value * 100) / 100; }

double median_ms(
    const std::function<void()>& work, const std::function<void()>& before = [] {}) {
  std::vector<double> all;
  for (int i = 0; i < 11; ++i) {
    before();
    Spent spent;
    spent.of(work);
    all.push_back(1e3 * spent.wall);
  }
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
    series.push_back(
        {.datastream = datastream(n), .utc_error = 1000, .block = encode_chunk(blocks[n])});
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

void declare(lake::Lake& lake) {
  for (int s = 0; s < kSites; ++s) {
    std::vector<link::Item> items;
    for (int n = 0; n < kDatastreams; ++n)
      items.push_back({link::kLaneState, static_cast<std::uint64_t>(n + 1), "datastream", kStart,
                       sensing::encode(declared(s, n))});
    LANDER_CHECK(lake.ingest({"acme", site(s), 1, kStart}, items).ok());
  }
}

// Milliseconds of processor time of a query's child.
double child_ms(const std::string& tenant_folder, const std::string& sql) {
  const auto spent = [] {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    const auto ms = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
    };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
  };
  std::vector<double> all;
  for (int i = 0; i < 11; ++i) {
    const double before = spent();
    LANDER_CHECK(lake::run_sql(os::own_program().value(), tenant_folder, sql, {}).ok());
    all.push_back(spent() - before);
  }
  std::nth_element(all.begin(), all.begin() + 5, all.end());
  return all[5];
}

void compact(lake::Lake& lake, Spent& spent, std::uint64_t& rows, int& steps) {
  for (;;) {
    lake::Lake::Compacted done;
    spent.of([&] { done = lake.compact().value(); });
    if (done.files == 0) return;
    rows += done.rows;
    ++steps;
  }
}

json bench_lake(const std::string& folder, std::int64_t hours) {
  auto lake = lake::Lake::open({.folder = folder}).value();
  declare(*lake);
  Spent ingest, flush, compaction;
  std::uint64_t rows = 0, wire = 0, merged = 0;
  int steps = 0;
  for (std::int64_t h = 0; h < hours; ++h) {
    for (int s = 0; s < kSites; ++s) {
      const link::Item item = blocks_of({s, h});
      wire += item.body.size();
      ingest.of([&] { LANDER_CHECK(lake->ingest({"acme", site(s), 1, kStart}, {item}).ok()); });
      rows += kDatastreams * kSamples;
    }
    flush.of([&] { LANDER_CHECK(lake->flush().ok()); });
    compact(*lake, compaction, merged, steps);
  }
  const std::uint64_t peak = os::own_memory().value().rss_bytes >> 20;
  LANDER_CHECK(lake->stats().rows >= rows && lake->waiting_rows().value() == 0);
  const std::string program = os::own_program().value(), tenant = folder + "/acme";
  const std::string sql = day_sql("observation");
  lake::SqlRunner runner(program, {});
  const auto warm = [&] { LANDER_CHECK(runner.run(tenant, sql).ok()); };
  const auto ready = [&] {
    runner.start_next();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  };
  const auto cold = [&] { LANDER_CHECK(lake::run_sql(program, tenant, sql, {}).ok()); };
  const auto chart = [&] {
    LANDER_CHECK(
        lake->series("acme", "site-3", datastream(7), kStart, kStart + base::kDay, 500).ok());
  };
  return {{"rows", rows},
          {"ingest_rows_per_s", rate(rows, ingest.wall)},
          {"flush_rows_per_s", rate(rows, flush.wall)},
          {"bundle_to_delta_rows_per_s", rate(rows, ingest.wall + flush.wall)},
          {"bundle_to_delta_rows_per_cpu_s", rate(rows, ingest.cpu + flush.cpu)},
          {"body_bytes_per_row", rounded(static_cast<double>(wire) / static_cast<double>(rows))},
          {"parquet_bytes_per_row",
           rounded(static_cast<double>(lake->stats().bytes) / static_cast<double>(rows))},
          {"files_flushed", lake->stats().files},
          {"compact_steps", steps},
          {"compact_rows", merged},
          {"compact_rows_per_s", merged ? rate(merged, compaction.wall) : 0},
          {"sql_site_day_ms", rounded(median_ms(warm, ready))},
          {"sql_site_day_cpu_ms", rounded(child_ms(tenant, sql) - child_ms(folder, "SELECT 1"))},
          {"sql_site_day_cold_ms", rounded(median_ms(cold))},
          {"chart_site_day_ms", rounded(median_ms(chart))},
          {"rss_mb", peak}};
}

// --- The rival: DuckDB's own file, by its appender, one durable transaction for each hour
// ---------

class Duck {
 public:
  explicit Duck(const std::string& path) {
    LANDER_CHECK(duckdb_open(path.c_str(), &database_) == DuckDBSuccess);
    LANDER_CHECK(duckdb_connect(database_, &connection_) == DuckDBSuccess);
    run("SET threads=1");
    run("SET TimeZone='UTC'");
  }
  ~Duck() {
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
  }
  void run(const std::string& sql) {
    duckdb_result result;
    const bool done = duckdb_query(connection_, sql.c_str(), &result) == DuckDBSuccess;
    if (!done) std::fprintf(stderr, "%s: %s\n", sql.c_str(), duckdb_result_error(&result));
    LANDER_CHECK(done);
    duckdb_destroy_result(&result);
  }
  duckdb_connection connection() { return connection_; }

 private:
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

void append(duckdb_appender appender, const sensing::Datastream& of, const std::string& site,
            const link::SeriesBlock& series) {
  const auto block = sensing::decode_block(series.block).value();
  for (std::size_t i = 0; i < block.size(); ++i) {
    duckdb_append_varchar(appender, site.c_str());
    duckdb_append_varchar(appender, series.datastream.c_str());
    duckdb_append_int64(appender, series.revision);
    duckdb_append_varchar(appender, of.asset.c_str());
    duckdb_append_varchar(appender, of.property.c_str());
    duckdb_append_varchar(appender, of.unit.c_str());
    duckdb_append_timestamp(appender, {block.times[i] + series.utc_offset});
    duckdb_append_int64(appender, series.utc_error);
    duckdb_append_int64(appender, 0);
    duckdb_append_varchar(appender, "Good");
    duckdb_append_varchar(appender, "number");
    duckdb_append_double(appender, block.numbers[i]);
    duckdb_append_null(appender);
    duckdb_append_null(appender);
    LANDER_CHECK(duckdb_appender_end_row(appender) == DuckDBSuccess);
  }
}

json bench_duckdb(const std::string& path, std::int64_t hours) {
  Duck duck(path);
  duck.run(
      "CREATE TABLE observation(site VARCHAR, datastream VARCHAR, revision BIGINT, asset VARCHAR, "
      "property VARCHAR, unit VARCHAR, time TIMESTAMPTZ, time_error_us BIGINT, quality BIGINT, "
      "quality_name VARCHAR, kind VARCHAR, value DOUBLE, value_integer BIGINT, "
      "value_text VARCHAR)");
  Spent insert;
  std::uint64_t rows = 0;
  for (std::int64_t h = 0; h < hours; ++h) {
    std::vector<base::Bytes> bodies;
    for (int s = 0; s < kSites; ++s) bodies.push_back(blocks_of({s, h}).body);
    insert.of([&] {
      duck.run("BEGIN");
      duckdb_appender appender = nullptr;
      LANDER_CHECK(duckdb_appender_create(duck.connection(), nullptr, "observation", &appender) ==
                   DuckDBSuccess);
      for (int s = 0; s < kSites; ++s) {
        const auto blocks = link::decode_blocks(bodies[s]).value();
        for (int n = 0; n < kDatastreams; ++n) append(appender, declared(s, n), site(s), blocks[n]);
      }
      LANDER_CHECK(duckdb_appender_destroy(&appender) == DuckDBSuccess);
      duck.run("COMMIT");
    });
    rows += kSites * kDatastreams * kSamples;
  }
  duck.run("CHECKPOINT");
  const double day_ms = median_ms([&] { duck.run(day_sql("observation")); });
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  return {{"rows", rows},
          {"insert_rows_per_s", rate(rows, insert.wall)},
          {"insert_rows_per_cpu_s", rate(rows, insert.cpu)},
          {"file_bytes_per_row", rounded(bytes / static_cast<double>(rows))},
          {"sql_site_day_ms", rounded(day_ms)}};
}

// --- Bytes a sample of real pumps
// -----------------------------------------------------------------

base::TimeUs time_of(std::string text) {  // "2020-03-09 10:14:33"
  text[10] = 'T';
  return base::parse_rfc3339(text.substr(0, 19) + "Z").value();
}

// A file's columns but the last two, which are labels (one file has none).
std::map<std::string, sensing::Block> run_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line, cell;
  std::getline(file, line);
  std::vector<std::string> names;
  for (std::istringstream cells(line); std::getline(cells, cell, ';');) names.push_back(cell);
  std::vector<std::pair<base::TimeUs, std::vector<std::string>>> rows;
  while (std::getline(file, line)) {
    std::vector<std::string> row;
    for (std::istringstream cells(line); std::getline(cells, cell, ';');) row.push_back(cell);
    rows.emplace_back(time_of(row[0]), row);
  }
  std::stable_sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::map<std::string, sensing::Block> out;
  for (std::size_t i = 1; i < names.size(); ++i) {
    if (names[i].starts_with("anomaly") || names[i].starts_with("changepoint")) continue;
    std::string id;
    for (const char c : names[i])
      id += std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::tolower(c)) : '-';
    sensing::Block& block = out[id];
    for (const auto& [time, row] : rows) {
      if (row.size() <= i || row[i].empty()) continue;
      block.times.push_back(time);
      block.qualities.push_back(sensing::Quality::kGood);
      block.numbers.push_back(std::strtod(row[i].c_str(), nullptr));
    }
  }
  return out;
}

json bench_pumps(const std::string& folder, const std::filesystem::path& data) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data))
    if (entry.path().extension() == ".csv") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  auto lake = lake::Lake::open({.folder = folder}).value();
  std::uint64_t samples = 0, number = 0, wire = 0;
  Spent spent;
  std::map<std::string, bool> known;
  for (const auto& path : paths) {
    std::vector<link::Item> items;
    std::vector<link::SeriesBlock> series;
    for (const auto& [id, block] : run_of(path)) {
      if (!std::exchange(known[id], true)) {
        sensing::Datastream of = declared(0, 0);
        of.id = of.name = id;
        items.push_back(
            {link::kLaneState, known.size(), "datastream", kStart, sensing::encode(of)});
      }
      samples += block.size();
      series.push_back({.datastream = id, .utc_error = 1000, .block = encode_chunk(block)});
    }
    items.push_back({link::kLaneBulk, ++number, "blocks", kStart, link::encode_blocks(series)});
    wire += items.back().body.size();
    spent.of([&] { LANDER_CHECK(lake->ingest({"acme", site(0), 1, kStart}, items).ok()); });
  }
  spent.of([&] { LANDER_CHECK(lake->flush().ok()); });
  const std::string table = folder + "/acme/observation", rival = folder + "/rival.parquet";
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(table))
    if (entry.is_regular_file()) bytes += entry.file_size();
  Duck duck("");
  duck.run("COPY (FROM read_parquet('" + table + "/*.parquet')) TO '" + rival +
           "' (FORMAT parquet, COMPRESSION zstd)");
  const auto each = [&](std::uint64_t all) {
    return rounded(static_cast<double>(all) / static_cast<double>(samples));
  };
  return {{"samples", samples},
          {"body_bytes_per_sample", each(wire)},
          {"parquet_bytes_per_sample", each(bytes)},
          {"duckdb_parquet_bytes_per_sample", each(std::filesystem::file_size(rival))},
          {"bundle_to_delta_rows_per_s", rate(samples, spent.wall)},
          {"bundle_to_delta_rows_per_cpu_s", rate(samples, spent.cpu)}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "sql-worker") lake::sql_worker_main();
  std::string folder = "build/bench-lake", data = "../shared/data";
  std::int64_t rows = 20'160'000;
  bool as_json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json")
      as_json = true;
    else if (word == "--rows" && i + 1 < argc)
      rows = std::atoll(argv[++i]);
    else if (word == "--data" && i + 1 < argc)
      data = argv[++i];
    else if (!word.starts_with("-"))
      folder = word;
    else
      return std::fprintf(stderr,
                          "usage: bench_lake [FOLDER] [--rows N] [--data FOLDER] [--json]\n"),
             2;
  }
  const std::int64_t hours = std::max<std::int64_t>(1, rows / (kSites * kDatastreams * kSamples));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  folder = std::filesystem::canonical(folder);
  json out = {{"lake", bench_lake(folder + "/lake", hours)}};
  out["duckdb"] = bench_duckdb(folder + "/rival.duckdb", hours);
  if (std::filesystem::is_directory(data + "/skab"))
    out["pumps"] = bench_pumps(folder + "/pumps", data + "/skab");
  std::filesystem::remove_all(folder);
  if (as_json) {
    std::printf("%s\n", out.dump(2).c_str());
    return 0;
  }
  for (const auto& [part, figures] : out.items()) {
    std::printf("%s\n", part.c_str());
    for (const auto& [name, value] : figures.items())
      std::printf("  %-34s %s\n", name.c_str(), value.dump().c_str());
  }
  return 0;
}
