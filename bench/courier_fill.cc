// For bench/courier.py: puts samples into the store of a site that does not run, as many as asked
// for, over all datastreams that it declared.
//
//   bench_courier_fill DATABASE SAMPLES
//
// One a second of each, as a pump's sensors have them: a slow wave, noise, three decimals.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "store/store.h"

using namespace lander;

namespace {

constexpr base::TimeUs kEnd = 1'795'046'400 * base::kSecond;
constexpr std::size_t kSecondsACommit = 60;

template <class T>
T must(base::Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "bench_courier_fill: %s\n", result.error().message().c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  store::Store::Options options;
  options.path = argv[1];
  options.clock = &os::system_clock();
  options.raw_lane = 3;
  options.pickup_lane = 4;
  const auto store = must(store::Store::open(options));
  const auto series = store->datastreams();
  const std::uint64_t samples = std::strtoull(argv[2], nullptr, 10);
  const std::uint64_t seconds = samples / series.size();
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise(0, 0.02);
  std::uint64_t done = 0;
  for (std::uint64_t second = 0; second < seconds;) {
    store::Batch batch;
    for (std::size_t i = 0; i < kSecondsACommit && second < seconds; ++i, ++second) {
      const base::TimeUs time = kEnd - static_cast<base::TimeUs>(seconds - second) * base::kSecond;
      for (const auto& [key, datastream] : series) {
        sensing::Observation o;
        o.series = key;
        o.time = time;
        const double wave = 20 + 3 * std::sin(static_cast<double>(second) / 900 + key);
        o.value = std::round((wave + noise(random)) * 1000) / 1000;
        batch.observations.push_back(std::move(o));
      }
    }
    done += must(store->commit(batch)).stored;
    while (must(store->upkeep())) {
    }
  }
  std::printf("%llu\n", static_cast<unsigned long long>(done));
  return 0;
}
