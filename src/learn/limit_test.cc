#include "learn/limit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace lander::learn {
namespace {

TEST(Limit, AGumbelFitFindsTheLawThatMadeTheMaxima) {
  std::mt19937_64 random(15);
  std::uniform_real_distribution<double> uniform(1e-12, 1);
  std::vector<double> maxima;
  for (int i = 0; i < 20000; ++i) maxima.push_back(3 - 0.5 * std::log(-std::log(uniform(random))));
  const Gumbel fit = fit_gumbel(maxima);
  EXPECT_NEAR(fit.location, 3, 0.02);
  EXPECT_NEAR(fit.scale, 0.5, 0.02);
  const double truth = 3 - 0.5 * std::log(-std::log1p(-1e-4));
  EXPECT_GT(fit.upper_quantile(1e-4), truth - 0.02);
  EXPECT_LT(fit.upper_quantile(1e-4), truth + 0.2);
}

// The bound is claimed to hold 19 times of 20, for small samples too.
TEST(Limit, TheUpperBoundCoversTheTrueQuantileNineteenTimesOfTwenty) {
  std::mt19937_64 random(16);
  std::uniform_real_distribution<double> uniform(1e-12, 1);
  const double truth = -std::log(-std::log1p(-1e-5));
  for (const int blocks : {12, 50}) {
    int covered = 0;
    for (int trial = 0; trial < 2000; ++trial) {
      std::vector<double> maxima;
      for (int i = 0; i < blocks; ++i) maxima.push_back(-std::log(-std::log(uniform(random))));
      covered += fit_gumbel(maxima).upper_quantile(1e-5) >= truth;
    }
    printf("blocks %d: covered %.3f\n", blocks, covered / 2000.0);
    EXPECT_GE(covered, 1900 - 2 * 10);  // less twice the sampling error of 2000 trials
  }
}

}  // namespace
}  // namespace lander::learn
