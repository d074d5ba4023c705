#include "plan.h"

#include "../measure.h"
#include "engine.h"

namespace bench {

using nlohmann::json;

namespace {

constexpr double kHour = 3600, kDay = 24 * kHour;

// This program again, with one case; its figures, or {"failed": ...}.
json child(json with) {
  const auto began = Steady::now();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("no pipe");
  const std::string text = with.dump();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(ends[1], 1);
    ::execl("/proc/self/exe", "bench_store", "--case", text.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string out;
  char bytes[4096];
  for (ssize_t got; (got = ::read(ends[0], bytes, sizeof bytes)) > 0;)
    out.append(bytes, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  json result = json::parse(out, nullptr, false);
  if (status != 0 || result.is_discarded()) result = {{"failed", status}};
  result["load"] = with.value("load", "");
  result["side"] = with.value("side", "");
  std::fprintf(stderr, "%-7s %-9s %-30s %-5s %7.1f s\n", with["what"].get<std::string>().c_str(),
               with.value("side", "").c_str(), with.value("load", "").c_str(),
               with.value("query", "").c_str(), us_since(began) / 1e6);
  return result;
}

std::string days_of(double seconds) {
  const auto days = static_cast<int>(seconds / kDay);
  return days == 1 ? "a day" : days > 1 ? std::to_string(days) + " days" : "an hour";
}

class Run {
 public:
  explicit Run(const Plan& plan) : plan_(plan) {
    sides_.push_back("store");
    for (const auto& rival : plan.rivals) {
      const std::string why = missing(rival);
      if (why.empty()) {
        sides_.push_back(rival);
      } else {
        std::fprintf(stderr, "%s is not measured: %s\n", rival.c_str(), why.c_str());
        out["not_measured"][rival] = why;
      }
    }
  }
  void ingest();
  void query();
  void memory();
  void wear();
  void limits();
  bool wanted(const char* part) const { return plan_.only.empty() || plan_.only == part; }

  json out = json::object();

 private:
  // A folder of its own, empty.
  std::string fresh(const std::string& name) const {
    const std::string folder = std::filesystem::absolute(plan_.folder) / name;
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    return folder;
  }
  json in_fresh(json with) const {
    with["folder"] = fresh("case");
    json result = child(with);
    std::filesystem::remove_all(with["folder"].get<std::string>());
    return result;
  }
  void query_long(const std::string& side, const json& filled, json with);
  void limit(const char* what, double most, const json& row, const char* field, bool at_least);

  const Plan& plan_;
  std::vector<std::string> sides_;
};

void Run::ingest() {
  struct Load {
    const char* name;
    int series;
    double hz;
    bool rivals;
  };
  const Load loads[] = {{"1,000 series, 1 Hz", 1000, 1, true},
                        {"1,000 series, 10 Hz", 1000, 10, false},
                        {"1,000 series, 250 Hz", 1000, 250, !plan_.brief},
                        {"100 series, 10 Hz", 100, 10, false},
                        {"1 series, 1 kHz", 1, 1000, false}};
  const auto floor = [&] {
    for (const int kib : {8, 1024})
      out["floor"].push_back(in_fresh({{"what", "floor"},
                                       {"load", std::to_string(kib) + " KiB"},
                                       {"bytes", kib * 1024},
                                       {"seconds", plan_.brief ? 0.5 : 2}}));
  };
  floor();
  for (const Load& load : loads) {
    for (const auto& side : sides_) {
      const bool ours = side == "store";
      if (!ours && !load.rivals) continue;
      json with = {{"what", "ingest"},
                   {"side", side},
                   {"load", load.name},
                   {"series", load.series},
                   {"hz", load.hz},  // So many samples a second take as long again to compact.
                   {"seconds", ours && load.hz < 100 ? plan_.seconds : plan_.seconds / 2}};
      out["ingest"].push_back(in_fresh(with));
      if (!ours || load.series * load.hz != 1000 || load.hz > 1) continue;  // once says it
      with["upkeep"] = false;
      json row = in_fresh(with);
      row["side"] = "store, no upkeep";
      out["ingest"].push_back(row);
    }
  }
  json row = in_fresh({{"what", "ingest"},
                       {"side", "store"},
                       {"load", "1,000 series, 250 Hz"},
                       {"series", 1000},
                       {"hz", 250},
                       {"paced", true},
                       {"seconds", 2 * plan_.seconds}});
  row["side"] = "store, a commit each real second";
  out["ingest"].push_back(row);
  floor();
}

void Run::query_long(const std::string& side, const json& filled, json with) {
  const double all = with["passed_s"];
  const bool ours = side == "store";
  for (const double span : {all, 30 * kDay, kDay, kHour}) {
    if (span > all || (span == all && with.contains("span_s"))) continue;
    with["span_s"] = span;
    for (const char* query : {"read", "plot"}) {
      with["query"] = query;
      with["cold"] = false;
      json row = child(with);
      row["span"] = days_of(span);
      if (std::string(query) == "plot") {
        with["cold"] = true;
        std::vector<double> ms, open_ms;
        for (int i = 0; i < (ours ? 5 : 1); ++i) {
          const json cold = child(with);
          ms.push_back(cold.value("ms", NAN));
          open_ms.push_back(cold.value("open_ms", NAN));
        }
        row["cold_ms"] = percentile(ms, 0.5);
        row["cold_open_ms"] = percentile(open_ms, 0.5);
      }
      if (span == all && row.contains("sum")) {
        const double sum = filled["sum"];
        if (std::fabs(row["sum"].get<double>() - sum) > 1e-9 * std::fabs(sum))
          fail(side + " gave another sum than what it was given");
      }
      out[query].push_back(row);
    }
  }
}

void Run::query() {
  struct Series {
    const char* name;
    double hz, seconds, interval;
  };
  const Series all[] = {{"1 Hz", 1, plan_.days * kDay, 1000},
                        {"100 Hz", 100, plan_.brief ? kHour : kDay, 100}};
  for (const Series& series : all) {
    for (const auto& side : sides_) {
      if (side != "store" && series.hz > 1) continue;
      // A year of rows takes minutes to write, and queries over it many seconds.
      const bool fast = side == "store" || side == "duckdb";
      const double seconds = fast ? series.seconds : std::min(series.seconds, 30 * kDay);
      const bool ours = side == "store";
      // What waits for the disk is filled in larger steps.
      const double interval = ours ? series.interval : 20 * series.interval;
      json with = {{"what", "fill"},           {"side", side},           {"load", series.name},
                   {"hz", series.hz},          {"interval_s", interval}, {"total_s", seconds},
                   {"tail_s", ours ? 1000 : 0}};
      with["folder"] = fresh("long");
      const json filled = child(with);
      out["fill"].push_back(filled);
      if (!filled.contains("failed")) {
        with["what"] = "query";
        with["passed_s"] = filled["passed_s"];
        query_long(side, filled, with);
      }
      std::filesystem::remove_all(with["folder"].get<std::string>());
    }
  }
}

void Run::memory() {
  for (const auto& side : sides_) {
    const std::string folder = fresh("memory");
    double passed = 0;
    for (const int mb : plan_.sizes) {
      const bool ours = side == "store";
      if (!ours && mb != plan_.sizes.front()) continue;
      json with = {{"what", "fill"},   {"side", side},           {"series", 1000},
                   {"interval_s", 60}, {"incompressible", true}, {"mb", ours ? mb : mb / 3},
                   {"folder", folder}, {"passed_s", passed}};
      const json filled = child(with);
      if (filled.contains("failed")) break;
      with["what"] = "memory";
      with["passed_s"] = filled["passed_s"];
      with["seconds"] = plan_.brief ? 2 : 5;
      json row = child(with);
      row["mb"] = filled["mb"];
      out["memory"].push_back(row);
      passed = filled["passed_s"].get<double>() + 1e6;  // what the measurement added lies between
    }
    std::filesystem::remove_all(folder);
  }
}

void Run::wear() {
  struct Load {
    const char* name;
    int series;
    double interval, hours;
  };
  const double most = plan_.hours;
  const Load loads[] = {{"1,000 series, commits of 1 s", 1000, 1, most},
                        {"1,000 series, commits of 10 s", 1000, 10, most},
                        {"10 series, commits of 1 s", 10, 1, 4 * most},
                        {"10 series, commits of 10 s", 10, 10, 4 * most}};
  for (const Load& load : loads) {
    for (const auto& side : sides_) {
      if (side != "store" && side != "rows" && load.interval > 1) continue;
      const double hours = side == "store" ? load.hours : load.hours / (load.series > 10 ? 6 : 24);
      out["wear"].push_back(in_fresh({{"what", "wear"},
                                      {"side", side},
                                      {"load", load.name},
                                      {"series", load.series},
                                      {"interval_s", load.interval},
                                      {"total_s", hours * kHour}}));
    }
  }
  if (plan_.brief) return;
  out["wear_checked"] = in_fresh({{"what", "wear"},
                                  {"side", "store"},
                                  {"load", loads[0].name},
                                  {"series", 1000},
                                  {"interval_s", 1},
                                  {"real_syncs", true},
                                  {"total_s", most / 3 * kHour}});
}

void Run::limit(const char* what, double bound, const json& row, const char* field, bool at_least) {
  const double value = row.value(field, NAN);
  out["limits"].push_back({{"what", what},
                           {"bound", bound},
                           {"value", std::isnan(value) ? json() : json(value)},
                           {"at_least", at_least},
                           {"met", at_least ? value >= bound : value <= bound}});
}

json find(const json& rows, const std::string& load, const std::string& side,
          const std::string& span = "") {
  for (const json& row : rows)
    if (row.value("load", "") == load && row.value("side", "") == side &&
        row.value("span", "") == span)
      return row;
  return json::object();
}

void Run::limits() {
  out["limits"] = json::array();
  if (out.contains("ingest")) {
    const json second =
        find(out["ingest"], "1,000 series, 250 Hz", "store, a commit each real second");
    const json quick = find(out["ingest"], "1,000 series, 1 Hz", "store");
    limit("durable samples/s, 1,000 series, commits of 1 s of 250 Hz", 250'000,
          find(out["ingest"], "1,000 series, 250 Hz", "store"), "per_s", true);
    limit("durable samples/s, 1,000 series, commits of 1 s of 10 Hz", 250'000,
          find(out["ingest"], "1,000 series, 10 Hz", "store"), "per_s", true);
    limit("commit p99, 1,000 series at 1 Hz, ms", 20, quick, "p99_ms", false);
    limit("commit p99 of 250,000 samples each real second, ms", 20, second, "p99_ms", false);
  }
  if (out.contains("memory"))
    for (const json& row : out["memory"])
      if (row["side"] == "store") limit("resident memory at most, MB", 16, row, "peak_mb", false);
  if (out.contains("read"))
    limit("range read, samples/s", 10e6, find(out["read"], "1 Hz", "store", "a day"), "per_s",
          true);
  if (out.contains("plot") && !plan_.brief) {
    limit("plot of a year, cold, ms", 100,
          find(out["plot"], "1 Hz", "store", days_of(plan_.days * kDay)), "cold_ms", false);
    limit("plot of a year, ms", 100, find(out["plot"], "1 Hz", "store", days_of(plan_.days * kDay)),
          "ms", false);
  }
}

}  // namespace

void Plan::quick() {
  brief = true;
  seconds = 1.5;
  hours = 0.1;
  days = 10;
  sizes = {30};
}

json measure(const Plan& plan) {
  Run run(plan);
  if (run.wanted("ingest")) run.ingest();
  if (run.wanted("query")) run.query();
  if (run.wanted("memory")) run.memory();
  if (run.wanted("wear")) run.wear();
  run.limits();
  std::filesystem::remove_all(plan.folder);
  return run.out;
}

bool met(const json& result) {
  for (const json& limit : result["limits"])
    if (!limit["met"]) return false;
  return true;
}

}  // namespace bench
