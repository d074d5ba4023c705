// A centrifugal pump that lifts water from a tank through a valve: what its sensors say, healthy
// and with faults. Pure and seeded: the same seed and steps give the same readings.
//
// Steady flow is where the pump's curve H0 - a Q^2 meets the system's Hs + (kp + kv / f(valve)^2)
// Q^2 (Gülich, Centrifugal Pumps, ch. 11); flow follows it by inertia, the bearing's temperature by
// its heat capacity, tank and ambient drift through the day, and demand moves the valve.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string_view>

namespace pump_station {

enum class Fault : std::uint8_t {
  kNone = 0,
  kClosingValve = 1,  // the valve creeps shut against its set point
  kCavitation = 2,   // the suction strainer clogs: pressure falls, head and flow collapse in bursts
  kBearingWear = 3,  // vibration first, then friction in the motor's current, then heat
  kFrozenSensor = 4,  // the flow meter repeats its last value
};
std::string_view to_string(Fault fault);
std::optional<Fault> parse_fault(std::string_view name);

struct Readings {
  double suction_bar = 0, discharge_bar = 0;  // gauge
  double flow_m3h = 0;
  double current_a = 0;
  double bearing_c = 0;
  double valve_percent = 0;
  double tank_level_m = 0;
  double ambient_c = 0;
  double vibration_mm_s = 0;  // RMS velocity
};

class Pump {
 public:
  explicit Pump(std::uint64_t seed);

  // Replaces the present fault; its effect grows to `severity` (0..1) within `ramp_s`.
  void inject(Fault fault, double severity = 0.7, double ramp_s = 8);
  Fault fault() const { return fault_; }

  // Lets `dt_s` of process time pass (larger steps are cut into pieces of 0.1 s) and measures.
  Readings step(double dt_s);

 private:
  double normal();  // mean 0, variance 1
  void wander(double& value, double spread, double time_constant_s, double dt_s);
  void advance(double dt_s);
  Readings measure();
  double effect(Fault fault) const { return fault_ == fault ? effect_ : 0; }

  std::mt19937_64 random_;
  Fault fault_ = Fault::kNone;
  double severity_ = 0, ramp_s_ = 1, effect_ = 0;
  double time_s_ = 0;
  double demand_ = 0, tank_ = 0, weather_ = 0, bubbles_ = 0;  // each wanders around 0
  double valve_ = 0.78, flow_ = 95, power_w_ = 13000, bearing_c_ = 45;
  double head_m_ = 32, suction_m_ = 2;
  std::optional<double> frozen_flow_;
};

}  // namespace pump_station
