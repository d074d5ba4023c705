#include "wear.h"

#include <cmath>
#include <random>

#include "pump.h"

namespace pump_station {
namespace {

constexpr double kSettle_s = 120;  // until the bearing's temperature has followed
constexpr int kReadings = 10;      // a row's
constexpr double kFailed = 0.95;   // severity at which a bearing seizes

struct Row {
  double vibration = 0, current = 0, bearing = 0, flow = 0, discharge = 0, ambient = 0;
};

Row mean_of(Pump& pump) {
  Row sum;
  pump.step(kSettle_s);
  for (int i = 0; i < kReadings; ++i) {
    const Readings readings = pump.step(1);
    sum.vibration += readings.vibration_mm_s / kReadings;
    sum.current += readings.current_a / kReadings;
    sum.bearing += readings.bearing_c / kReadings;
    sum.flow += readings.flow_m3h / kReadings;
    sum.discharge += readings.discharge_bar / kReadings;
    sum.ambient += readings.ambient_c / kReadings;
  }
  return sum;
}

}  // namespace

bool write_wear(std::FILE* out, int units, std::uint64_t seed) {
  std::fputs(
      "unit,hours,vibration [mm/s],current [A],bearing [Cel],flow [m3/h],discharge [bar],"
      "ambient [Cel]\n",
      out);
  std::mt19937_64 random(seed);
  const auto between = [&](double least, double most) {
    return least + (most - least) * static_cast<double>(random() >> 11) * 0x1p-53;
  };
  for (int unit = 1; unit <= units; ++unit) {
    Pump pump(random());
    const int life = static_cast<int>(between(80, 320));
    const double onset = between(0.1, 0.5), bend = between(1.4, 2.6);
    for (int hour = 0; hour <= life; ++hour) {
      const double worn = (static_cast<double>(hour) / life - onset) / (1 - onset);
      pump.inject(Fault::kBearingWear, kFailed * std::pow(std::max(0.0, worn), bend), 0.1);
      const Row row = mean_of(pump);
      std::fprintf(out, "%d,%d,%.4f,%.3f,%.3f,%.3f,%.4f,%.3f\n", unit, hour, row.vibration,
                   row.current, row.bearing, row.flow, row.discharge, row.ambient);
    }
  }
  return std::fflush(out) == 0 && std::ferror(out) == 0;
}

}  // namespace pump_station
