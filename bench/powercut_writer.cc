// What runs in the machine whose power is cut, for bench/powercut.py: checks what the store holds
// against how much was acknowledged before, then commits, and says each acknowledgement.
//
//   bench_powercut_writer FOLDER KNOWN    KNOWN: commits that were acknowledged on the console
//
// Says "STATE n" (commits found) or "VIOLATION why", then "ACK n" for each commit, until it is
// killed.
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "store/store.h"

namespace {

using namespace lander;
using store::SeriesKey;

constexpr base::TimeUs kStart = 1'795'046'400 * base::kSecond;
constexpr std::uint64_t kPerCommit = 10;
constexpr store::Lane kAlerts = 0;

[[noreturn]] void violation(const std::string& why) {
  std::printf("VIOLATION %s\n", why.c_str());
  std::fflush(stdout);
  for (;;) ::pause();  // the machine's first process must not end
}

template <class T>
T must(base::Result<T> result, const char* what) {
  if (!result.ok()) violation(std::string(what) + ": " + std::string(result.error().message()));
  return std::move(result).value();
}
void must(const base::Status& status, const char* what) {
  if (!status.ok()) violation(std::string(what) + ": " + std::string(status.error().message()));
}

struct Keys {
  SeriesKey number, text, counter;
};

Keys declare(store::Store& store) {
  const auto one = [&](const char* id, sensing::Kind kind) {
    sensing::Datastream d;
    d.id = id;
    d.asset = "acme/north/p1";
    d.property = "pressure";
    d.kind = kind;
    return must(store.declare(d), "declaring");
  };
  return {one("number", sensing::Kind::kNumber), one("text", sensing::Kind::kText),
          one("counter", sensing::Kind::kInteger)};
}

std::uint64_t count(store::Store& store, SeriesKey key,
                    const std::function<bool(std::uint64_t, const sensing::Value&)>& right) {
  std::uint64_t n = 0;
  const auto gaps = must(store.read(key, INT64_MIN, INT64_MAX, SIZE_MAX,
                                    [&](const store::Sample& sample) {
                                      if (!right(n, sample.observation.value)) {
                                        violation("sample " + std::to_string(n) + " of series " +
                                                  std::to_string(key) + " is another");
                                      }
                                      ++n;
                                      return true;
                                    }),
                         "reading");
  if (!gaps.empty()) violation("a gap in series " + std::to_string(key));
  return n;
}

// Whole commits, each once: all that was acknowledged, and at most the one that was under way.
std::uint64_t check(store::Store& store, const Keys& keys, std::uint64_t known) {
  const std::uint64_t samples = count(store, keys.number, [](std::uint64_t n, const auto& value) {
    return std::get<double>(value) == static_cast<double>(n);
  });
  const std::uint64_t found = samples / kPerCommit;
  const auto same = [&](std::uint64_t n, const char* what) {
    if (n != found) {
      violation(std::string(what) + " of " + std::to_string(n) + " commits, samples of " +
                std::to_string(found));
    }
  };
  if (samples % kPerCommit != 0) violation("a part of a commit");
  if (found < known) {
    violation("LOST " + std::to_string(known - found) + " of " + std::to_string(known) +
              " acknowledged commits");
  }
  if (found > known + 1) violation("more commits than were made");
  same(count(store, keys.text,
             [](std::uint64_t n, const auto& value) {
               return std::get<std::string>(value) == "commit " + std::to_string(n);
             }),
       "texts");
  same(count(store, keys.counter,
             [](std::uint64_t n, const auto& value) {
               return std::get<std::int64_t>(value) == static_cast<std::int64_t>(n);
             }),
       "counts");
  const auto record = must(store.record("progress", "commits"), "reading a record");
  same(record ? std::strtoull(std::string(record->begin(), record->end()).c_str(), nullptr, 10) : 0,
       "a record");
  std::uint64_t items = 0;
  for (const auto& lane : must(store.lanes(), "reading lanes")) {
    if (lane.lane == kAlerts) items = lane.last;
  }
  same(items, "items");
  if (found == 0) return 0;
  std::int64_t plotted = 0;
  for (const auto& bucket :
       must(store.downsample(keys.number, kStart, kStart + 365 * base::kDay, 50), "plotting")) {
    plotted += bucket.summary.count;
  }
  same(static_cast<std::uint64_t>(plotted) / kPerCommit, "a plot");
  return found;
}

store::Batch batch_of(const Keys& keys, std::uint64_t n) {
  store::Batch out;
  const base::TimeUs time = kStart + static_cast<base::TimeUs>(n) * base::kSecond;
  for (std::uint64_t i = 0; i < kPerCommit; ++i) {
    out.observations.push_back({keys.number, sensing::Quality::kGood,
                                time + static_cast<base::TimeUs>(i) * 100 * base::kMillisecond, 0,
                                static_cast<double>(n * kPerCommit + i)});
  }
  out.observations.push_back(
      {keys.text, sensing::Quality::kGood, time, 0, "commit " + std::to_string(n)});
  out.observations.push_back(
      {keys.counter, sensing::Quality::kGood, time, n + 1, static_cast<std::int64_t>(n)});
  const std::string progress = std::to_string(n + 1);
  out.records.push_back({"progress", "commits", {progress.begin(), progress.end()}});
  out.items.push_back({kAlerts, "alert-event", base::Bytes(200, static_cast<std::uint8_t>(n))});
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_powercut_writer FOLDER KNOWN\n");
    return 2;
  }
  store::Store::Options options;
  options.path = std::string(argv[1]) + "/site.db";
  options.clock = &os::system_clock();
  options.compact_frames = 20;
  options.checkpoint_pages = 100;
  const auto store = must(store::Store::open(options), "opening");
  const Keys keys = declare(*store);
  std::uint64_t n = check(*store, keys, std::strtoull(argv[2], nullptr, 10));
  std::printf("STATE %" PRIu64 "\n", n);
  std::fflush(stdout);
  for (;; ++n) {
    const auto done = must(store->commit(batch_of(keys, n)), "committing");
    if (done.stored != kPerCommit + 2) violation("a commit was taken for a repeat");
    std::printf("ACK %" PRIu64 "\n", n + 1);
    std::fflush(stdout);
    if (n % 4 == 3) must(store->forget_items(kAlerts, n - 1), "forgetting");
    // Compaction and checkpoints, far oftener than a site needs them.
    if (n % 5 == 4) must(store->upkeep(), "upkeep");
  }
}
