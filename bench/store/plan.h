// What is measured, and how it is told.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace bench {

struct Plan {
  std::string folder = "build/bench-store";
  double seconds = 10;                  // of each row of ingest
  double hours = 2;                     // of virtual time for each row of wear; rivals have a sixth
  double days = 365;                    // of the long series
  std::vector<int> sizes = {100, 300};  // MB, of the databases whose memory is measured
  std::vector<std::string> rivals = {"rows", "duckdb", "influxdb"};
  std::string only;  // one of the parts; empty: all
  bool brief = false;

  void quick();  // under a minute; says less about compaction, and nothing about a year
};

nlohmann::json measure(const Plan& plan);  // {"ingest": [...], ..., "limits": [...]}
void print(const nlohmann::json& result);  // as the tables of docs/benchmarks.md
bool met(const nlohmann::json& result);    // every limit that was measured

}  // namespace bench
