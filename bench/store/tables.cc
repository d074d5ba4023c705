// Markdown, as it stands in docs/benchmarks.md.
#include <cmath>
#include <cstdio>

#include "plan.h"

namespace bench {

using nlohmann::json;

namespace {

// 1234567 -> "1,235,000": four digits are more than such a figure has.
std::string grouped(double value) {
  if (std::isnan(value)) return "-";
  const double unit = value >= 1000 ? std::pow(10, std::floor(std::log10(value)) - 2) : 1;
  std::string digits = std::to_string(static_cast<long long>(std::round(value / unit) * unit));
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}
std::string fixed(double value, int places) {
  if (std::isnan(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", places, value);
  return text;
}
double number(const json& row, const char* field) {
  return row.contains(field) && row[field].is_number() ? row[field].get<double>() : NAN;
}
std::string ms(const json& row, const char* field) {
  const double value = number(row, field);
  return fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0);
}
std::string text(const json& row, const char* field) { return row.value(field, ""); }

void line(const std::vector<std::string>& cells) {
  for (const auto& cell : cells) std::printf("| %s ", cell.c_str());
  std::printf("|\n");
}
void head(const char* title, const std::vector<std::string>& cells) {
  std::printf("\n%s\n\n", title);
  line(cells);
  for (std::size_t i = 0; i < cells.size(); ++i) std::printf("|---");
  std::printf("|\n");
}

void ingest(const json& result) {
  head("Ingest", {"load", "", "samples/s", "with what it leaves to do", "commit p50, ms", "its CPU",
                  "p99", "worst", "CPU, us/sample", "bytes/sample"});
  for (const json& row : result["ingest"])
    line({text(row, "load"), text(row, "side"), grouped(number(row, "per_s")),
          grouped(number(row, "sustained_per_s")), ms(row, "p50_ms"), ms(row, "commit_cpu_ms"),
          ms(row, "p99_ms"), ms(row, "worst_ms"), fixed(number(row, "cpu_us"), 2),
          fixed(number(row, "bytes_per_sample"), 2)});
  for (const json& floor : result["floor"])
    line({"*floor*: " + text(floor, "load") + " and fdatasync", "", "", "", ms(floor, "p50_ms"), "",
          ms(floor, "p99_ms"), ms(floor, "worst_ms"), "", ""});
  for (const json& row : result["ingest"])
    if (row.contains("floor"))
      line({"*floor*, one each real second, between the commits", "", "", "",
            ms(row["floor"], "p50_ms"), "", ms(row["floor"], "p99_ms"),
            ms(row["floor"], "worst_ms"), "", ""});
}

void queries(const json& result) {
  head("One long series", {"series", "", "filled and compacted at, samples/s", "bytes/sample"});
  for (const json& row : result["fill"])
    line({text(row, "load"), text(row, "side"),
          grouped(number(row, "count") / number(row, "wall_s")),
          fixed(number(row, "bytes_per_sample"), 2)});
  head("Range read", {"series", "", "range", "samples", "ms", "CPU, ms", "samples/s"});
  for (const json& row : result["read"])
    line({text(row, "load"), text(row, "side"), text(row, "span"), grouped(number(row, "count")),
          ms(row, "ms"), ms(row, "cpu_ms"), grouped(number(row, "per_s"))});
  head("Plot in 1,000 parts", {"series", "", "range", "samples", "warm, ms", "its CPU, ms",
                               "cold, ms", "cold, with opening, ms"});
  for (const json& row : result["plot"]) {
    const json with_open = {{"ms", number(row, "cold_ms") + number(row, "cold_open_ms")}};
    line({text(row, "load"), text(row, "side"), text(row, "span"), grouped(number(row, "count")),
          ms(row, "ms"), ms(row, "cpu_ms"), ms(row, "cold_ms"), ms(with_open, "ms")});
  }
}

void memory(const json& result) {
  head("Memory",
       {"", "database, MB", "peak RSS, MB", "own", "file", "PSS", "RSS before it was opened"});
  for (const json& row : result["memory"]) {
    const json most = row.value("most", json::object());
    line({text(row, "side"), fixed(number(row, "mb"), 0), fixed(number(row, "peak_mb"), 1),
          fixed(number(most, "own_mb"), 1), fixed(number(most, "file_mb"), 1),
          fixed(number(most, "pss_mb"), 1),
          text(row, "side") == "influxdb"
              ? ""
              : fixed(number(row.value("before", json::object()), "rss_mb"), 1)});
  }
}

void wear_row(const json& row, const std::string& side) {
  line({text(row, "load"), side, fixed(number(row, "written"), 1), fixed(number(row, "log"), 1),
        fixed(number(row, "database"), 1), fixed(number(row, "blocks"), 1),
        fixed(number(row, "process_io"), 1), fixed(number(row, "syncs_per_commit"), 2),
        fixed(number(row, "bytes_per_sample"), 2)});
}
void wear(const json& result) {
  head("Flash wear, bytes a sample",
       {"load", "", "written", "to the log", "to the database", "in 4 KiB blocks",
        "by the kernel's count", "syncs a commit", "on disk"});
  for (const json& row : result["wear"]) wear_row(row, text(row, "side"));
  if (result.contains("wear_checked")) wear_row(result["wear_checked"], "store, with real syncs");
}

}  // namespace

void print(const json& result) {
  if (result.contains("ingest")) ingest(result);
  if (result.contains("fill")) queries(result);
  if (result.contains("memory")) memory(result);
  if (result.contains("wear")) wear(result);
  head("Limits", {"", "limit", "measured", ""});
  for (const json& limit : result["limits"]) {
    const double value = number(limit, "value"), bound = number(limit, "bound");
    line({text(limit, "what"), (limit["at_least"] ? ">= " : "<= ") + grouped(bound),
          value < 1000 ? fixed(value, 1) : grouped(value), limit["met"] ? "met" : "MISSED"});
  }
}

}  // namespace bench
