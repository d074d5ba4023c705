#include "pump.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace pump_station {
namespace {

struct Mean {
  double value = 0, spread = 0;
};

// Mean and standard deviation of `seconds` at 10 Hz.
Mean watch(Pump& pump, double Readings::*signal, int seconds) {
  double sum = 0, squares = 0;
  const int n = seconds * 10;
  for (int i = 0; i < n; ++i) {
    const double value = pump.step(0.1).*signal;
    sum += value;
    squares += value * value;
  }
  const double mean = sum / n;
  return {mean, std::sqrt(std::max(0.0, squares / n - mean * mean))};
}

// How far a signal is, 15 s after the injection, from its healthy mean, in healthy deviations.
double deviation(Fault fault, double Readings::*signal, std::uint64_t seed) {
  Pump pump(seed);
  const Mean healthy = watch(pump, signal, 240);
  pump.inject(fault);
  watch(pump, signal, 15);
  return (watch(pump, signal, 5).value - healthy.value) / healthy.spread;
}

TEST(Pump, TheSameSeedGivesTheSameReadings) {
  Pump a(7), b(7), c(8);
  bool differs = false;
  for (int i = 0; i < 1000; ++i) {
    const Readings one = a.step(0.1), two = b.step(0.1), three = c.step(0.1);
    EXPECT_EQ(one.flow_m3h, two.flow_m3h);
    EXPECT_EQ(one.vibration_mm_s, two.vibration_mm_s);
    differs |= one.flow_m3h != three.flow_m3h;
  }
  EXPECT_TRUE(differs);
}

TEST(Pump, AHealthyPumpStaysWhereSuchAPumpRuns) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Pump pump(seed);
    for (int i = 0; i < 24 * 3600; i += 10) {
      const Readings now = pump.step(10);
      EXPECT_GT(now.suction_bar, 0.05);
      EXPECT_LT(now.suction_bar, 0.5);
      EXPECT_GT(now.discharge_bar, 2.5);
      EXPECT_LT(now.discharge_bar, 4.4);
      EXPECT_GT(now.flow_m3h, 55);
      EXPECT_LT(now.flow_m3h, 130);
      EXPECT_GT(now.current_a, 15);
      EXPECT_LT(now.current_a, 30);
      EXPECT_GT(now.bearing_c, 25);
      EXPECT_LT(now.bearing_c, 65);
      EXPECT_LT(now.vibration_mm_s, 2.8);  // ISO 10816-3: zone A to B
    }
  }
}

TEST(Pump, TheSignalsHangTogetherAsPhysicsSays) {
  Pump pump(3);
  const auto correlation = [&](double Readings::*x, double Readings::*y) {
    double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
    const int n = 6000;
    for (int i = 0; i < n; ++i) {
      const Readings now = pump.step(0.1);
      const double a = now.*x, b = now.*y;
      sx += a, sy += b, sxx += a * a, syy += b * b, sxy += a * b;
    }
    return (n * sxy - sx * sy) / std::sqrt((n * sxx - sx * sx) * (n * syy - sy * sy));
  };
  EXPECT_GT(correlation(&Readings::valve_percent, &Readings::flow_m3h), 0.8);
  EXPECT_LT(correlation(&Readings::flow_m3h, &Readings::discharge_bar), -0.6);
  EXPECT_GT(correlation(&Readings::flow_m3h, &Readings::current_a), 0.6);
}

TEST(Pump, AClosingValveRaisesPressureAndLowersFlowAndCurrent) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_LT(deviation(Fault::kClosingValve, &Readings::valve_percent, seed), -4) << seed;
    EXPECT_LT(deviation(Fault::kClosingValve, &Readings::flow_m3h, seed), -4) << seed;
    EXPECT_GT(deviation(Fault::kClosingValve, &Readings::discharge_bar, seed), 3) << seed;
    EXPECT_LT(deviation(Fault::kClosingValve, &Readings::current_a, seed), -3) << seed;
  }
}

TEST(Pump, CavitationLowersSuctionPressureAndHeadAndShakesThePump) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_LT(deviation(Fault::kCavitation, &Readings::suction_bar, seed), -3) << seed;
    EXPECT_LT(deviation(Fault::kCavitation, &Readings::discharge_bar, seed), -3) << seed;
    EXPECT_GT(deviation(Fault::kCavitation, &Readings::vibration_mm_s, seed), 4) << seed;
  }
}

TEST(Pump, AWornBearingShakesFirstThenDrawsCurrentAndHeatsUp) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_GT(deviation(Fault::kBearingWear, &Readings::vibration_mm_s, seed), 4) << seed;
    EXPECT_GT(deviation(Fault::kBearingWear, &Readings::bearing_c, seed), 3) << seed;
  }
  Pump pump(1);
  const double before = watch(pump, &Readings::bearing_c, 60).value;
  pump.inject(Fault::kBearingWear, 1, 5);
  watch(pump, &Readings::bearing_c, 400);
  EXPECT_GT(watch(pump, &Readings::bearing_c, 10).value, before + 25);
}

TEST(Pump, AFrozenFlowMeterRepeatsItselfWhileTheOthersMoveOn) {
  Pump pump(2);
  pump.step(10);
  pump.inject(Fault::kFrozenSensor);
  const Mean flow = watch(pump, &Readings::flow_m3h, 60);
  EXPECT_LT(flow.spread, 1e-6);
  EXPECT_GT(watch(pump, &Readings::discharge_bar, 60).spread, 0.01);
}

TEST(Pump, HealthReturnsWhenTheFaultIsTakenBack) {
  for (const Fault fault : {Fault::kClosingValve, Fault::kCavitation, Fault::kFrozenSensor}) {
    Pump pump(4);
    const Mean before = watch(pump, &Readings::flow_m3h, 240);
    pump.inject(fault);
    watch(pump, &Readings::flow_m3h, 60);
    pump.inject(Fault::kNone);
    watch(pump, &Readings::flow_m3h, 60);
    EXPECT_NEAR(watch(pump, &Readings::flow_m3h, 240).value, before.value, 5 * before.spread);
  }
}

TEST(Pump, FaultsHaveTheNamesThatTheInjectTopicTakes) {
  for (int i = 0; i <= 4; ++i) {
    const auto fault = static_cast<Fault>(i);
    EXPECT_EQ(parse_fault(to_string(fault)), fault);
  }
  EXPECT_EQ(parse_fault("earthquake"), std::nullopt);
}

}  // namespace
}  // namespace pump_station
