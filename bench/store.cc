// The site's store: rates, percentiles, memory, queries and flash wear, against plain rows in
// SQLite, DuckDB and InfluxDB in the same run.
//
//   bench_store [FOLDER] [--quick] [--json] [--seconds S] [--hours H] [--days D] [--sizes MB,...]
//               [--rivals rows,duckdb,influxdb] [--only ingest|query|memory|wear]
//
// FOLDER (build/bench-store) is emptied; it must be on the disk that is meant, since a memory's
// filesystem syncs at once. Exits 1 when a limit is missed. Methods: docs/benchmarks.md; what
// stands here does not differ.
//
// Every measurement is a process of its own, this program with --case: what one leaves in memory,
// in caches or in /proc/PID/io is not in the figures of another.
#include <cstring>
#include <sstream>

#include "measure.h"
#include "store/cases.h"
#include "store/plan.h"

namespace {

using nlohmann::json;

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) out.push_back(part);
  return out;
}

[[noreturn]] void usage() {
  std::fprintf(stderr,
               "usage: bench_store [FOLDER] [--quick] [--json] [--seconds S] [--hours H] [--days D]"
               " [--sizes MB,...] [--rivals rows,duckdb,influxdb]"
               " [--only ingest|query|memory|wear]\n");
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  bench::Plan plan;
  bool as_json = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> std::string {
      if (++i >= argc) usage();
      return argv[i];
    };
    if (word == "--case") {
      std::printf("%s\n", bench::run_case(json::parse(value())).dump().c_str());
      return 0;
    }
    if (word == "--quick") {
      plan.quick();
    } else if (word == "--json") {
      as_json = true;
    } else if (word == "--seconds") {
      plan.seconds = std::atof(value().c_str());
    } else if (word == "--hours") {
      plan.hours = std::atof(value().c_str());
    } else if (word == "--days") {
      plan.days = std::atof(value().c_str());
    } else if (word == "--sizes") {
      plan.sizes.clear();
      for (const auto& size : list_of(value())) plan.sizes.push_back(std::atoi(size.c_str()));
    } else if (word == "--rivals") {
      plan.rivals = list_of(value());
    } else if (word == "--only") {
      plan.only = value();
    } else if (word.starts_with("-")) {
      usage();
    } else {
      plan.folder = word;
    }
  }
  const json result = bench::measure(plan);
  if (as_json) {
    std::printf("%s\n", result.dump(2).c_str());
  } else {
    bench::print(result);
  }
  return bench::met(result) ? 0 : 1;
}
