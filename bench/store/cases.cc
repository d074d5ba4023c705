#include "cases.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <atomic>
#include <fstream>
#include <optional>
#include <sstream>

#include "../measure.h"
#include "counting_vfs.h"
#include "data.h"
#include "engine.h"

namespace bench {

using namespace lander;
using nlohmann::json;

namespace {

constexpr double kMega = 1e6;

double ms_of(const std::function<void()>& work) {
  const auto began = Steady::now();
  work();
  return us_since(began) / 1e3;
}

base::DurationUs span(const json& with, const char* seconds) {
  return static_cast<base::DurationUs>(with.at(seconds).get<double>() * 1e6);
}

// Without the holes of files that are made long before they are filled.
double folder_bytes(const std::string& folder) {
  double sum = 0;
  std::error_code gone;  // files go while they are listed
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, gone)) {
    struct stat info {};
    if (!entry.is_regular_file(gone) || ::stat(entry.path().c_str(), &info) != 0) continue;
    const auto size = static_cast<double>(info.st_size),
               held = 512.0 * static_cast<double>(info.st_blocks);
    sum += held > 0 ? std::min(size, held) : size;
  }
  return sum;
}

// "Field: 12 kB" or "field: 12" of a file of /proc.
double field_of(const std::string& path, const std::string& field) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(field + ":")) return std::strtod(line.c_str() + field.size() + 1, nullptr);
  return 0;
}
std::string proc(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

double cpu_s(pid_t pid) {
  if (pid == ::getpid()) {  // with the threads that ended
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  }
  double ns = 0;
  for (const auto& task : std::filesystem::directory_iterator(proc(pid, "task"))) {
    std::ifstream in(task.path() / "schedstat");
    double own = 0;
    if (in >> own) ns += own;
  }
  return ns / 1e9;
}

// Of the calling thread.
double thread_cpu_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

json times_of(const std::vector<double>& ms) {
  return {{"n", ms.size()},
          {"p50_ms", percentile(ms, 0.5)},
          {"p99_ms", percentile(ms, 0.99)},
          {"worst_ms", ms.empty() ? 0 : *std::max_element(ms.begin(), ms.end())}};
}

// The disk's own share: some bytes (8 KiB: a small commit) appended to a file and fdatasync, one
// after the other.
class Floor {
 public:
  Floor(const std::string& folder, std::size_t bytes)
      : fd_(::open((folder + "/floor").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)),
        page_(bytes, 'x') {
    if (fd_ < 0) fail("no file in " + folder);
  }
  ~Floor() { ::close(fd_); }
  double once_ms() {
    return ms_of([&] {
      if (::write(fd_, page_.data(), page_.size()) != static_cast<ssize_t>(page_.size()) ||
          ::fdatasync(fd_) != 0)
        fail("the disk does not write");
    });
  }

 private:
  int fd_;
  std::string page_;
};

json floor_case(const json& with) {
  Floor floor(with.at("folder"), with.at("bytes"));
  std::vector<double> ms;
  const auto began = Steady::now();
  while (us_since(began) < with.at("seconds").get<double>() * 1e6) ms.push_back(floor.once_ms());
  return times_of(ms);
}

// What the site does beside its commits, in a thread of its own.
class Background {
 public:
  Background(Engine& engine, std::chrono::milliseconds rest)
      : thread_([this, &engine, rest] {
          while (!stop_) {
            if (engine.upkeep()) continue;
            for (auto left = rest; left.count() > 0 && !stop_; left -= kStep)
              std::this_thread::sleep_for(std::min(left, kStep));
          }
        }) {}
  ~Background() {
    stop_ = true;
    thread_.join();
  }

 private:
  static constexpr std::chrono::milliseconds kStep{20};
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// Whose writes go through SQLite's VFS.
bool counts(const std::string& side) { return side == "store" || side == "rows"; }

EngineOptions options_of(const json& with) {
  EngineOptions out;
  out.folder = with.at("folder");
  out.series = with.value("series", 1);
  out.passed = static_cast<base::DurationUs>(with.value("passed_s", 0.0) * 1e6);
  return out;
}
Sensors sensors_of(const json& with, const EngineOptions& options) {
  return {options.series, with.value("hz", 1.0), with.value("incompressible", false),
          options.passed};
}

json ingest_case(const json& with) {
  const EngineOptions options = options_of(with);
  auto engine = make_engine(with.at("side"), options);
  Sensors sensors = sensors_of(with, options);
  const bool paced = with.value("paced", false);
  const double limit_us = with.at("seconds").get<double>() * 1e6;
  std::optional<Background> background;
  // Paced, it is called as by the site; back to back, hours of the site pass in seconds.
  if (with.value("upkeep", true))
    background.emplace(*engine, std::chrono::milliseconds(paced ? 1000 : 20));
  std::optional<Floor> floor;
  if (paced) floor.emplace(options.folder, 8192);
  std::vector<Observation> batch;
  std::vector<double> ms, cpu_ms, floor_ms;
  double samples = 0, making_ms = 0;
  const double cpu_before = cpu_s(engine->pid());
  const auto began = Steady::now();
  auto due = began;
  while (us_since(began) < limit_us || ms.size() < 2) {
    making_ms += ms_of([&] { sensors.next(base::kSecond, batch); });
    if (paced) {
      std::this_thread::sleep_until(due + std::chrono::milliseconds(500));
      floor_ms.push_back(floor->once_ms());
      std::this_thread::sleep_until(due += std::chrono::seconds(1));
    }
    const double cpu = thread_cpu_ms();
    ms.push_back(ms_of([&] { engine->commit(batch, base::kSecond); }));
    cpu_ms.push_back(thread_cpu_ms() - cpu);
    samples += static_cast<double>(batch.size());
  }
  const double wall_s = us_since(began) / 1e6;
  background.reset();
  const double settle_s = engine->settle();
  json out = times_of(ms);
  if (paced) out["floor"] = times_of(floor_ms);
  out["commit_cpu_ms"] = percentile(cpu_ms, 0.5);
  out["per_s"] = samples / wall_s;
  out["settle_s"] = settle_s;
  out["sustained_per_s"] = samples / (wall_s + settle_s);
  out["making_part"] = making_ms / 1e3 / wall_s;
  out["cpu_us"] = (cpu_s(engine->pid()) - cpu_before) * 1e6 / samples;
  out["bytes_per_sample"] = folder_bytes(options.folder) / samples;
  return out;
}

// Commits, with upkeep, until there is enough. Nobody waits for the disk here: syncs are left out
// where that can be done.
class Fill {
 public:
  explicit Fill(const json& with)
      : side_(with.at("side")), options_(options_of(with)), sensors_(sensors_of(with, options_)) {
    if (counts(side_)) options_.vfs = register_counting_vfs(true);
    engine_ = make_engine(side_, options_);
  }
  void commits(base::DurationUs interval, base::DurationUs end, double enough_mb) {
    for (int i = 0; sensors_.passed() < end; ++i) {
      const auto step = std::min(interval, end - sensors_.passed());
      sensors_.next(step, batch_);
      engine_->commit(batch_, step);
      count += static_cast<double>(batch_.size());
      for (const auto& observation : batch_) sum += std::get<double>(observation.value);
      while (engine_->upkeep()) {
      }
      if (i % 8 == 7 && folder_bytes(options_.folder) / kMega >= enough_mb) break;
    }
  }
  // Into chunks to the last sample.
  void compact_all() {
    options_.compact_all = true;
    reopen();
    engine_->settle();
    options_.compact_all = false;
    reopen();
  }
  double close() {  // how much time passed, in seconds
    engine_->settle();
    engine_.reset();
    return static_cast<double>(sensors_.passed()) / 1e6;
  }

  double count = 0, sum = 0;

 private:
  void reopen() {
    engine_.reset();
    options_.passed = sensors_.passed();
    engine_ = make_engine(side_, options_);
  }
  std::string side_;
  EngineOptions options_;
  Sensors sensors_;
  std::unique_ptr<Engine> engine_;
  std::vector<Observation> batch_;
};

json fill_case(const json& with) {
  const auto began = Steady::now();
  Fill fill(with);
  const auto total = static_cast<base::DurationUs>(with.value("total_s", 1e9) * 1e6);
  const auto tail = static_cast<base::DurationUs>(with.value("tail_s", 0.0) * 1e6);
  fill.commits(span(with, "interval_s"), total - tail, with.value("mb", 1e12));
  if (tail > 0) {  // as a site has it: by commits of a second, not compacted yet
    fill.compact_all();
    fill.commits(base::kSecond, total, 1e12);
  }
  const double passed_s = fill.close();
  const double bytes = folder_bytes(with.at("folder"));
  return {{"count", fill.count},  {"sum", fill.sum},     {"wall_s", us_since(began) / 1e6},
          {"passed_s", passed_s}, {"mb", bytes / kMega}, {"bytes_per_sample", bytes / fill.count}};
}

json memory_of(pid_t pid) {
  const std::string rollup = proc(pid, "smaps_rollup");
  const double rss = field_of(rollup, "Rss"), own = field_of(rollup, "Anonymous");
  return {{"rss_mb", rss * 1024 / kMega},
          {"pss_mb", field_of(rollup, "Pss") * 1024 / kMega},
          {"own_mb", own * 1024 / kMega},
          {"file_mb", (rss - own) * 1024 / kMega}};
}

// The process does nothing but to have the engine open, to commit and to read; its batch is part of
// what is counted.
json memory_case(const json& with) {
  const EngineOptions options = options_of(with);
  Sensors sensors = sensors_of(with, options);
  std::vector<Observation> batch;
  sensors.next(base::kSecond, batch);
  const json before = memory_of(::getpid());
  const auto engine = make_engine(with.at("side"), options);
  const auto all = options.passed;
  json most = memory_of(engine->pid()), opened = most;
  Dice dice(3);
  const auto began = Steady::now();
  for (int i = 0; us_since(began) < with.at("seconds").get<double>() * 1e6; ++i) {
    engine->commit(batch, base::kSecond);
    while (engine->upkeep()) {
    }
    if (i % 10 == 0) {
      const int series =
          1 + static_cast<int>(dice.next() % static_cast<std::uint64_t>(options.series));
      const auto from = static_cast<base::DurationUs>(
          dice.next() % static_cast<std::uint64_t>(std::max<base::DurationUs>(1, all)));
      engine->read(series, kStart + from, kStart + from + base::kHour);
      engine->plot(series, kStart, kStart + all);
      const json now = memory_of(engine->pid());
      if (now["rss_mb"] > most["rss_mb"]) most = now;
    }
    sensors.next(base::kSecond, batch);
  }
  return {{"before", before},
          {"opened", opened},
          {"most", most},
          {"peak_mb", field_of(proc(engine->pid(), "status"), "VmHWM") * 1024 / kMega}};
}

// Out of the kernel's cache, as after a restart.
void drop_caches(const std::string& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ::fsync(fd);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
  }
}

// The last `span_s` of the series, or, for "read", spans that end at several places.
json query_case(const json& with) {
  EngineOptions options = options_of(with);
  const bool cold = with.value("cold", false), plot = with.at("query") == "plot";
  if (cold) drop_caches(options.folder);
  std::unique_ptr<Engine> engine;
  const double open_ms = ms_of([&] { engine = make_engine(with.at("side"), options); });
  const auto all = options.passed, part = std::min(span(with, "span_s"), all);
  const double hz = with.value("hz", 1.0);
  const double expected = static_cast<double>(part) / 1e6 * hz;
  std::vector<double> ms, cpu_ms;
  Answer answer;
  const auto began = Steady::now();
  const std::size_t runs = cold ? 1 : 11;
  while (ms.size() < runs && (ms.empty() || us_since(began) < 4e6)) {
    const auto back = plot ? 0 : (all - part) * static_cast<base::DurationUs>(ms.size()) / 11;
    const base::TimeUs to = kStart + all - back / base::kSecond * base::kSecond;
    const double cpu = cpu_s(engine->pid());
    ms.push_back(ms_of(
        [&] { answer = plot ? engine->plot(1, to - part, to) : engine->read(1, to - part, to); }));
    cpu_ms.push_back(1e3 * (cpu_s(engine->pid()) - cpu));
    if (answer.count != expected)
      fail(with.at("side").get<std::string>() + " gave " + std::to_string(answer.count) +
           " samples of " + std::to_string(expected));
  }
  const double median = percentile(ms, 0.5);
  return {{"ms", median},
          {"cpu_ms", percentile(cpu_ms, 0.5)},
          {"open_ms", open_ms},
          {"runs", ms.size()},
          {"count", answer.count},
          {"sum", answer.sum},
          {"per_s", answer.count / median * 1e3}};
}

// Bytes that the disk of a folder wrote, whoever asked it: 0 where the kernel does not say.
double disk_bytes(const std::string& folder) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0) return 0;
  std::ifstream in("/sys/dev/block/" + std::to_string(major(info.st_dev)) + ":" +
                   std::to_string(minor(info.st_dev)) + "/stat");
  double field = 0;
  for (int i = 0; i < 7 && in >> field; ++i) {
  }
  return in ? field * 512 : 0;
}

// Commits on virtual time, with upkeep as the site calls it: each second, and again while there is
// more.
json wear_case(const json& with) {
  EngineOptions options = options_of(with);
  const bool real = with.value("real_syncs", false);
  const std::string side = with.at("side");
  if (counts(side)) options.vfs = register_counting_vfs(!real);
  auto engine = make_engine(side, options);
  Sensors sensors = sensors_of(with, options);
  const auto interval = span(with, "interval_s");
  const std::string io = proc(engine->pid(), "io");
  std::vector<Observation> batch;
  double samples = 0;
  const Written before = written();
  const double io_before = field_of(io, "write_bytes"), disk_before = disk_bytes(options.folder);
  while (sensors.passed() < span(with, "total_s")) {
    sensors.next(interval, batch);
    engine->commit(batch, interval);
    samples += static_cast<double>(batch.size());
    while (engine->upkeep()) {
    }
  }
  const double log_and_all = folder_bytes(options.folder);
  engine->settle();
  const Written after = written();
  const auto per = [&](std::uint64_t now, std::uint64_t then) {
    return static_cast<double>(now - then) / samples;
  };
  json out = {{"samples", samples}, {"before_settling_bytes", log_and_all}};
  if (counts(side)) {
    out["database"] = per(after.database, before.database);
    out["log"] = per(after.log, before.log);
    out["other"] = per(after.other, before.other);
    out["written"] = per(after.sum(), before.sum());
    out["blocks"] = per(after.blocks, before.blocks);
    out["syncs_per_commit"] =
        per(after.syncs, before.syncs) * samples /
        (static_cast<double>(sensors.passed()) / static_cast<double>(interval));
  }
  if (real || !counts(side)) {
    out["process_io"] = (field_of(io, "write_bytes") - io_before) / samples;
    out["disk"] = (disk_bytes(options.folder) - disk_before) / samples;
  }
  engine.reset();
  out["bytes_per_sample"] = folder_bytes(options.folder) / samples;
  return out;
}

}  // namespace

json run_case(const json& with) {
  const std::string what = with.at("what");
  if (what == "floor") return floor_case(with);
  if (what == "ingest") return ingest_case(with);
  if (what == "fill") return fill_case(with);
  if (what == "memory") return memory_case(with);
  if (what == "query") return query_case(with);
  if (what == "wear") return wear_case(with);
  fail("there is no case " + what);
}

}  // namespace bench
