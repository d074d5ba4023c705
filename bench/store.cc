// Durable observations a second through the store, against plain SQLite rows in the same run.
//
//   bench_store FOLDER [--json]     FOLDER is made and emptied
//
// Method: each load is batches of one second of all its series, values of a 12-bit converter on a
// slow wave with noise; making a batch is not counted. Both sides commit each batch durably (WAL,
// synchronous=FULL) as fast as they can. The rival is one table of rows (series, time, quality,
// value) clustered by series and time, one prepared INSERT, one transaction a batch. "plot" is min,
// max and mean of 1,000 parts of 30 days of one series at 1 Hz (2,592,000 samples), median of 11;
// the rival groups its rows. "memory" is what the process holds more than before the load (resident
// set). "open" is opening the store again.
#include "store/store.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>

#include <nlohmann/json.hpp>

#include "os/clock.h"
#include "os/proc.h"
#include "os/sqlite.h"

namespace {

using namespace lander;
using nlohmann::json;

constexpr base::TimeUs kStart = 1'795'046'400 * base::kSecond;

// Says that a second passed with every batch, however fast they are written.
class BatchClock : public os::Clock {
 public:
  base::TimeUs wall_us() const override { return kStart + passed; }
  base::DurationUs monotonic_us() const override { return base::kSecond + passed; }
  std::string boot_id() const override { return "bench"; }
  base::DurationUs passed = 0;
};

struct Load {
  const char* name;
  int series, per_second, seconds;
};
constexpr Load kLoads[] = {{"100 series x 10 Hz", 100, 10, 120},
                           {"1,000 series x 10 Hz", 1000, 10, 120},
                           {"1,000 series x 100 Hz", 1000, 100, 40}};

double seconds(const std::function<void()>& work) {
  const base::TimeUs began = os::system_clock().monotonic_us();
  work();
  return static_cast<double>(os::system_clock().monotonic_us() - began) / 1e6;
}

template <class T>
T must(base::Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "bench_store: %s\n", result.error().message().c_str());
    std::exit(1);
  }
  return std::move(result).value();
}
void must(const base::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "bench_store: %s\n", status.error().message().c_str());
  std::exit(1);
}

double percentile(std::vector<double> all, double part) {
  std::sort(all.begin(), all.end());
  return all[std::min(all.size() - 1,
                      static_cast<std::size_t>(part * static_cast<double>(all.size())))];
}

double resident_mb() { return static_cast<double>(must(os::own_memory()).rss_bytes) / 1e6; }

double value_of(std::mt19937_64& random, int series, base::TimeUs time) {
  const double clean = 4 + std::sin(static_cast<double>(time) / 3e8 + series);
  return std::round((clean + static_cast<double>(random() % 64) / 1000) * 400) / 400;
}

std::vector<sensing::Observation> second_of(const Load& load, int second, std::mt19937_64& random) {
  std::vector<sensing::Observation> out;
  for (int i = 0; i < load.per_second; ++i) {
    const base::TimeUs time =
        kStart + second * base::kSecond + i * (base::kSecond / load.per_second);
    for (int s = 0; s < load.series; ++s) {
      out.push_back({static_cast<sensing::SeriesKey>(s + 1), sensing::Quality::kGood, time, 0,
                     value_of(random, s, time)});
    }
  }
  return out;
}

struct Ours {
  BatchClock clock;
  store::Store::Options options;
  std::unique_ptr<store::Store> store;

  Ours(const std::string& folder, int series) {
    options.path = folder + "/store.db";
    options.clock = &clock;
    store = must(store::Store::open(options));
    for (int s = 0; s < series; ++s) {
      sensing::Datastream d;
      d.id = "pressure-" + std::to_string(s);
      d.asset = "acme/north/pump-" + std::to_string(s / 10);
      d.property = "pressure";
      d.unit = "bar";
      must(store->declare(d));
    }
  }
  void commit(std::vector<sensing::Observation> observations, base::DurationUs passed) {
    clock.passed += passed;
    store::Batch batch;
    batch.observations = std::move(observations);
    must(store->commit(batch));
  }
};

struct Rows {
  os::Database database;
  os::Statement insert;

  explicit Rows(const std::string& folder)
      : database(must(os::Database::open(folder + "/rows.db", {}))), insert(prepare(database)) {}
  static os::Statement prepare(os::Database& database) {
    must(
        database.execute("CREATE TABLE observation(series INTEGER, time INTEGER, quality INTEGER,"
                         " value REAL, PRIMARY KEY(series, time)) WITHOUT ROWID"));
    return must(database.prepare("INSERT INTO observation VALUES(?,?,?,?)"));
  }
  void commit(const std::vector<sensing::Observation>& observations) {
    os::Transaction transaction = must(os::Transaction::begin(database));
    for (const auto& observation : observations) {
      insert.bind(1, std::int64_t{observation.series}).bind(2, observation.time);
      insert.bind(3, static_cast<std::int64_t>(observation.quality));
      insert.bind(4, std::get<double>(observation.value));
      must(insert.run());
    }
    must(transaction.commit());
  }
};

double bytes_per_sample(const std::string& path, double samples) {
  return static_cast<double>(std::filesystem::file_size(path)) / samples;
}

json measure(const Load& load,
             const std::function<void(std::vector<sensing::Observation>)>& commit) {
  std::mt19937_64 random(1);
  std::vector<double> times;
  double total = 0;
  const double before = resident_mb();
  double most = before;
  for (int second = 0; second < load.seconds; ++second) {
    auto batch = second_of(load, second, random);
    times.push_back(seconds([&] { commit(std::move(batch)); }));
    total += times.back();
    most = std::max(most, resident_mb());
  }
  const double samples = static_cast<double>(load.series) * load.per_second * load.seconds;
  return {{"observations_per_s", std::round(samples / total)},
          {"commit_p50_ms", 1e3 * percentile(times, 0.5)},
          {"commit_p99_ms", 1e3 * percentile(times, 0.99)},
          {"memory_mb", most - before}};
}

json run(const Load& load, const std::string& folder) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const double samples = static_cast<double>(load.series) * load.per_second * load.seconds;
  json out = {{"load", load.name}};
  {
    Ours ours(folder, load.series);
    out["store"] = measure(load, [&](std::vector<sensing::Observation> batch) {
      ours.commit(std::move(batch), base::kSecond);
    });
    ours.store.reset();
    out["store"]["bytes_per_sample"] = bytes_per_sample(ours.options.path, samples);
    out["store"]["open_ms"] =
        1e3 * seconds([&] { ours.store = must(store::Store::open(ours.options)); });
  }
  {
    auto rows = std::make_unique<Rows>(folder);
    out["rows"] =
        measure(load, [&](const std::vector<sensing::Observation>& batch) { rows->commit(batch); });
    rows.reset();
    out["rows"]["bytes_per_sample"] = bytes_per_sample(folder + "/rows.db", samples);
  }
  return out;
}

double median_ms(const std::function<void()>& work) {
  std::vector<double> all;
  for (int i = 0; i < 11; ++i) all.push_back(1e3 * seconds(work));
  return percentile(all, 0.5);
}

json plot(const std::string& folder) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  constexpr base::DurationUs kMonth = 30 * base::kDay, kBatch = 10 * base::kMinute;
  Ours ours(folder, 1);
  Rows rows(folder);
  std::mt19937_64 random(2);
  for (base::DurationUs at = 0; at < kMonth; at += kBatch) {
    std::vector<sensing::Observation> batch;
    for (base::DurationUs t = at; t < at + kBatch; t += base::kSecond) {
      batch.push_back({1, sensing::Quality::kGood, kStart + t, 0, value_of(random, 0, t)});
    }
    rows.commit(batch);
    ours.commit(std::move(batch), kBatch);
  }
  double sum = 0, rows_sum = 0;
  const double our_ms = median_ms([&] {
    sum = 0;
    for (const auto& bucket : must(ours.store->downsample(1, kStart, kStart + kMonth, 1000))) {
      sum += bucket.summary.sum;
    }
  });
  auto query = must(rows.database.prepare(
      "SELECT (time-?1)/?2, min(value), max(value), sum(value) FROM observation WHERE series=1"
      " AND time>=?1 AND time<?3 GROUP BY 1"));
  const double rows_ms = median_ms([&] {
    query.reset();
    query.bind(1, kStart).bind(2, kMonth / 1000).bind(3, kStart + kMonth);
    rows_sum = 0;
    while (must(query.step())) rows_sum += query.real(3);
  });
  if (std::fabs(sum - rows_sum) > 1e-6 * sum) {
    std::fprintf(stderr, "bench_store: the plots differ: %f and %f\n", sum, rows_sum);
    std::exit(1);
  }
  return {{"store_ms", our_ms}, {"rows_ms", rows_ms}};
}

void print(const json& result) {
  std::printf("%-24s %-6s %12s %10s %10s %8s %8s %8s\n", "load", "", "obs/s", "p50 ms", "p99 ms",
              "B/sample", "MB", "open ms");
  for (const json& load : result["loads"]) {
    for (const char* side : {"store", "rows"}) {
      const json& row = load[side];
      std::printf("%-24s %-6s %12.0f %10.2f %10.2f %8.1f %8.1f %8.1f\n",
                  load["load"].get<std::string>().c_str(), side,
                  row["observations_per_s"].get<double>(), row["commit_p50_ms"].get<double>(),
                  row["commit_p99_ms"].get<double>(), row["bytes_per_sample"].get<double>(),
                  row["memory_mb"].get<double>(), row.value("open_ms", 0.0));
    }
  }
  std::printf("plot of a month at 1 Hz: store %.2f ms, rows %.1f ms\n",
              result["plot"]["store_ms"].get<double>(), result["plot"]["rows_ms"].get<double>());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_store FOLDER [--json]\n");
    return 2;
  }
  const std::string folder = argv[1];
  json result = {{"loads", json::array()}};
  for (const Load& load : kLoads) result["loads"].push_back(run(load, folder));
  result["plot"] = plot(folder);
  std::filesystem::remove_all(folder);
  if (argc > 2 && std::strcmp(argv[2], "--json") == 0) {
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    print(result);
  }
  return 0;
}
