#include "stream/window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace lander::stream {
namespace {

struct Sample {
  base::TimeUs time;
  double value;
};

double brute(std::vector<Sample> all, base::TimeUs now, base::DurationUs over, Stat stat) {
  std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.time < b.time; });
  std::vector<Sample> in;
  for (const Sample& s : all) {
    if (s.time > now - over && s.time <= now) in.push_back(s);
  }
  const double n = static_cast<double>(in.size());
  if (stat == Stat::kCount) return n;
  if (in.empty()) return NAN;
  std::vector<double> v;
  double sum = 0, squares = 0, time = 0;
  for (const Sample& s : in) {
    v.push_back(s.value);
    sum += s.value;
    squares += s.value * s.value;
    time += static_cast<double>(s.time - in[0].time) / 1e6;
  }
  std::sort(v.begin(), v.end());
  double deviation = 0, products = 0, times = 0;
  for (const Sample& s : in) {
    const double t = static_cast<double>(s.time - in[0].time) / 1e6 - time / n;
    deviation += (s.value - sum / n) * (s.value - sum / n);
    products += t * (s.value - sum / n);
    times += t * t;
  }
  switch (stat) {
    case Stat::kMean:
      return sum / n;
    case Stat::kMin:
      return v.front();
    case Stat::kMax:
      return v.back();
    case Stat::kStd:
      return n < 2 ? NAN : std::sqrt(deviation / (n - 1));
    case Stat::kRms:
      return std::sqrt(squares / n);
    case Stat::kSlope:
      return n < 2 || times == 0 ? NAN : products / times;
    case Stat::kLast:
      return in.back().value;
    default:
      return v[static_cast<std::size_t>(std::ceil(0.95 * n - 1e-9)) - 1];
  }
}

TEST(Window, EveryStatisticEqualsBruteForceWithLateSamplesToo) {
  for (int stat = 0; stat < 9; ++stat) {
    std::mt19937_64 random(static_cast<std::uint64_t>(stat));
    const base::DurationUs over = 5 * base::kSecond;
    Window window(over, static_cast<Stat>(stat));
    std::vector<Sample> all;
    base::TimeUs now = 0;
    for (int i = 0; i < 3000; ++i) {
      if (random() % 50 == 0) now += 7 * base::kSecond;  // all expires
      now += static_cast<base::TimeUs>(random() % 200'000);
      const base::DurationUs late =
          random() % 4 == 0 ? static_cast<base::DurationUs>(random() % 6'000'000) : 0;
      const double value = static_cast<double>(random() % 1000) / 10 - 30;
      window.add(now - late, value);
      all.push_back({now - late, value});
      const double expected = brute(all, now, over, static_cast<Stat>(stat));
      const double found = window.value(now);
      ASSERT_EQ(std::isnan(expected), std::isnan(found)) << kStatNames[stat] << " at " << i;
      if (!std::isnan(expected)) {
        ASSERT_NEAR(found, expected, 1e-9 * (1 + std::abs(expected))) << kStatNames[stat] << i;
      }
    }
  }
}

TEST(Window, AFloodKeepsTheNewestSamplesAndSaysThatItDroppedSome) {
  Window window(base::kHour, Stat::kMin);
  bool kept = true;
  for (std::size_t i = 0; i < kMaxWindowSamples + 100; ++i) {
    kept = window.add(static_cast<base::TimeUs>(i), static_cast<double>(i));
    ASSERT_EQ(kept, i < kMaxWindowSamples);
  }
  EXPECT_EQ(window.value(static_cast<base::TimeUs>(kMaxWindowSamples + 100)), 100);
}

}  // namespace
}  // namespace lander::stream
