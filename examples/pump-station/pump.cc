#include "pump.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pump_station {
namespace {

constexpr double kBarPerMetre = 0.0981;  // of water
constexpr double kDay = 86400;
constexpr double kShutOffHead = 42;    // m, H0
constexpr double kPumpCurve = 1.0e-3;  // m / (m3/h)^2, a
constexpr double kStaticHead = 15;     // m, from the bottom of the tank to the outlet
constexpr double kPipe = 1.2e-3;       // kp
constexpr double kValve = 2.0e-4;      // kv, the valve fully open
constexpr double kRangeability = 30;   // of the equal-percentage valve
constexpr double kSuction = 1.0e-4;    // the suction line
constexpr double kBestFlow = 100;      // m3/h, of the best efficiency
constexpr double kBestEfficiency = 0.74;
constexpr double kNominalPower = 13000;  // W, electrical
constexpr double kWattsPerAmpere = 1.732 * 400 * 0.86;

constexpr std::string_view kNames[] = {"none", "closing-valve", "cavitation", "bearing-wear",
                                       "frozen-sensor"};

}  // namespace

std::string_view to_string(Fault fault) { return kNames[static_cast<std::size_t>(fault)]; }

std::optional<Fault> parse_fault(std::string_view name) {
  const auto found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<Fault>(found - std::begin(kNames));
}

Pump::Pump(std::uint64_t seed) : random_(seed) {
  time_s_ = static_cast<double>(random_() % 86400);
  for (int i = 0; i < 6000; ++i) advance(0.1);  // ten minutes: warm and in balance
}

void Pump::inject(Fault fault, double severity, double ramp_s) {
  if (fault != fault_) effect_ = 0;
  fault_ = fault;
  severity_ = std::clamp(severity, 0.0, 1.0);
  ramp_s_ = std::clamp(ramp_s, 0.1, kDay);
  frozen_flow_.reset();
}

Readings Pump::step(double dt_s) {
  constexpr double kPiece = 0.1;
  for (double left = std::clamp(dt_s, 0.0, kDay); left > 1e-9; left -= kPiece)
    advance(std::min(left, kPiece));
  return measure();
}

// Box and Muller (1958): unlike the standard library's, the same everywhere.
double Pump::normal() {
  constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53
  const double u = (static_cast<double>(random_() >> 11) + 1) * kScale;
  const double v = static_cast<double>(random_() >> 11) * kScale;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

// Ornstein-Uhlenbeck: comes back to 0 within about the time constant.
void Pump::wander(double& value, double spread, double time_constant_s, double dt_s) {
  const double keep = std::exp(-dt_s / time_constant_s);
  value = value * keep + spread * std::sqrt(1 - keep * keep) * normal();
}

void Pump::advance(double dt_s) {
  time_s_ += dt_s;
  if (effect_ < severity_) effect_ = std::min(severity_, effect_ + severity_ * dt_s / ramp_s_);
  if (effect_ > severity_) effect_ = severity_;
  wander(demand_, 0.030, 40, dt_s);
  wander(tank_, 0.25, 300, dt_s);
  wander(weather_, 1.5, 3600, dt_s);
  wander(bubbles_, 1, 0.4, dt_s);
  const double day = std::sin(2 * std::numbers::pi * time_s_ / kDay);

  const double wished = 0.78 + 0.04 * day + demand_;
  const double open = std::clamp(wished * (1 - 0.72 * effect(Fault::kClosingValve)), 0.08, 1.0);
  valve_ += (open - valve_) * std::min(1.0, dt_s / 2.0);  // the actuator takes a few seconds

  const double clogged = effect(Fault::kCavitation);
  const double level = 3.2 + 0.3 * day + tank_;
  suction_m_ = level - kSuction * (1 + 14 * clogged) * flow_ * flow_;
  // Vapour in the impeller takes head away, in bursts.
  const double loss = std::clamp(clogged * (0.22 + 0.10 * bubbles_), 0.0, 0.6);
  const double shut_off = kShutOffHead * (1 - loss);
  head_m_ = std::max(0.0, shut_off - kPumpCurve * flow_ * flow_);

  const double opening = std::pow(kRangeability, valve_ - 1);
  const double resistance =
      kPumpCurve + kPipe + kSuction * (1 + 14 * clogged) + kValve / (opening * opening);
  const double steady = std::sqrt(std::max(0.0, shut_off - kStaticHead + level) / resistance);
  flow_ += (steady - flow_) * std::min(1.0, dt_s / 1.5);

  // Efficiency 1 - (1 - x)^2 of the best: what remains is finite at no flow.
  const double x = std::clamp(flow_ / kBestFlow, 0.0, 1.8);
  const double hydraulic = 9810 * kBestFlow / 3600 * head_m_ / (kBestEfficiency * (2 - x));
  power_w_ = 1100 + hydraulic / 0.92 * (1 + 0.10 * effect(Fault::kBearingWear));

  const double ambient = 20 + 5 * day + weather_;
  const double heat = 16 + 9 * power_w_ / kNominalPower + 38 * effect(Fault::kBearingWear);
  bearing_c_ += (ambient + heat - bearing_c_) * std::min(1.0, dt_s / 90.0);
}

Readings Pump::measure() {
  Readings out;
  out.suction_bar = kBarPerMetre * suction_m_ + 0.003 * normal();
  out.discharge_bar = kBarPerMetre * (suction_m_ + head_m_) + 0.012 * normal();
  out.flow_m3h = flow_ + 0.4 * normal();
  out.current_a = power_w_ / kWattsPerAmpere + 0.08 * normal();
  out.bearing_c = bearing_c_ + 0.06 * normal();
  out.valve_percent = 100 * valve_ + 0.15 * normal();
  out.tank_level_m =
      3.2 + 0.3 * std::sin(2 * std::numbers::pi * time_s_ / kDay) + tank_ + 0.005 * normal();
  out.ambient_c =
      20 + 5 * std::sin(2 * std::numbers::pi * time_s_ / kDay) + weather_ + 0.05 * normal();
  // Away from its best flow a pump shakes more.
  const double off = flow_ / kBestFlow - 1;
  const double shake = 1.5 + 4 * off * off + 5.5 * effect(Fault::kBearingWear) +
                       effect(Fault::kCavitation) * (3.5 + 1.2 * std::fabs(bubbles_));
  out.vibration_mm_s = std::max(0.05, shake * (1 + 0.03 * normal()));
  if (fault_ == Fault::kFrozenSensor) {
    if (!frozen_flow_) frozen_flow_ = out.flow_m3h;
    out.flow_m3h = *frozen_flow_;
  }
  return out;
}

}  // namespace pump_station
