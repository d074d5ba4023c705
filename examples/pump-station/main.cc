// pump-station: a simulated pump station with a real Modbus TCP device and a real MQTT sensor.
#include <signal.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/time.h"
#include "modbus_device.h"
#include "mqtt_sensor.h"
#include "pump.h"
#include "wear.h"

namespace {

using namespace pump_station;
using Clock = std::chrono::steady_clock;

constexpr const char* kUsage =
    "pump-station [--modbus-port 1502] [--mqtt 127.0.0.1:1883] [--seed 1] [--speed 1]\n"
    "A simulated pump station: Modbus TCP registers and MQTT topics as in its README.md.\n"
    "  --modbus-port N   where the Modbus TCP device listens\n"
    "  --mqtt HOST:PORT  the broker that vibration is published to\n"
    "  --seed N          the same seed gives the same run\n"
    "  --speed X         the process runs X times faster; messages still come at 10 Hz\n"
    "  --wear UNITS      instead: the record of so many pumps until their bearing failed, as CSV\n"
    "Inject a fault: publish \"closing-valve [severity [ramp seconds]]\" to station/inject\n"
    "(closing-valve, cavitation, bearing-wear, frozen-sensor, none).\n";

volatile sig_atomic_t stop_wanted = 0;

struct Options {
  int modbus_port = 1502, mqtt_port = 1883;
  std::string mqtt_host = "127.0.0.1";
  std::uint64_t seed = 1;
  double speed = 1;
  int wear_units = 0;
};

template <class T>
bool parse(std::string_view text, T& out) {
  const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && at == text.data() + text.size();
}

bool parse_options(int argc, char** argv, Options& out) {
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 >= argc) return false;
    const std::string_view name = argv[i], value = argv[i + 1];
    bool good = false;
    if (name == "--modbus-port") {
      good = parse(value, out.modbus_port) && out.modbus_port > 0 && out.modbus_port < 65536;
    } else if (name == "--mqtt") {
      const auto colon = value.rfind(':');
      out.mqtt_host = value.substr(0, colon);
      good = colon != value.npos && parse(value.substr(colon + 1), out.mqtt_port);
    } else if (name == "--seed") {
      good = parse(value, out.seed);
    } else if (name == "--speed") {
      good = parse(value, out.speed) && out.speed > 0 && out.speed <= 1000;
    } else if (name == "--wear") {
      good = parse(value, out.wear_units) && out.wear_units > 0 && out.wear_units <= 1000;
    }
    if (!good) return false;
  }
  return true;
}

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void say(const std::string& line) {
  std::printf("%s pump-station %s\n", lander::base::to_rfc3339(now_us()).c_str(), line.c_str());
  std::fflush(stdout);
}

void apply(const Injection& injection, const char* by, Pump& pump, ModbusDevice& device) {
  char line[160];
  pump.inject(injection.fault, injection.severity, injection.ramp_s);
  device.show_fault(injection.fault);
  std::snprintf(line, sizeof line, "fault %s severity %.2f ramp %.1f s, by %s",
                std::string(to_string(injection.fault)).c_str(), injection.severity,
                injection.ramp_s, by);
  say(line);
}

// "closing-valve", "cavitation 0.5", "bearing-wear 0.9 20".
void obey(const std::string& order, Pump& pump, ModbusDevice& device) {
  char name[32] = "";
  Injection injection;
  const int fields =
      std::sscanf(order.c_str(), "%31s %lf %lf", name, &injection.severity, &injection.ramp_s);
  const auto fault = parse_fault(name);
  if (fields < 1 || !fault || !(injection.severity >= 0 && injection.severity <= 1) ||
      !(injection.ramp_s >= 0 && injection.ramp_s <= 86400)) {
    say("order not understood: expected FAULT [severity 0..1 [ramp seconds]]");
    return;
  }
  injection.fault = *fault;
  apply(injection, "mqtt", pump, device);
}

std::string vibration_message(double value, std::uint64_t sequence) {
  char text[128];
  std::snprintf(text, sizeof text, "{\"v\":%.4f,\"t\":\"%s\",\"seq\":%llu}", value,
                lander::base::to_rfc3339(now_us()).c_str(),
                static_cast<unsigned long long>(sequence));
  return text;
}

void run(const Options& options, Pump& pump, ModbusDevice& device, MqttSensor& sensor) {
  constexpr auto kStep = std::chrono::milliseconds(100);
  constexpr std::uint64_t kStatusSteps = 50;
  // A counter that goes on where an earlier run of this program ended, or behind it.
  const auto first = static_cast<std::uint64_t>(now_us() / 100'000);
  auto due = Clock::now();
  for (std::uint64_t step = 0; !stop_wanted; ++step) {
    const Readings readings = pump.step(0.1 * options.speed);
    device.show(readings, step);
    sensor.publish("station/pump1/vibration",
                   vibration_message(readings.vibration_mm_s, first + step));
    if (step % kStatusSteps == 0) sensor.publish("station/pump1/status", "running", true);
    for (const std::string& order : sensor.take_orders()) obey(order, pump, device);
    for (const std::string& event : sensor.take_events()) say(event);
    for (due += kStep; !stop_wanted;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(due - Clock::now()).count();
      if (left <= 0) break;
      if (const auto injection = device.serve(static_cast<int>(left)))
        apply(*injection, "modbus", pump, device);
    }
    if (Clock::now() - due > std::chrono::seconds(1)) due = Clock::now();  // it was suspended
  }
  sensor.publish("station/pump1/status", "stopped", true);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (!parse_options(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (options.wear_units > 0) return write_wear(stdout, options.wear_units, options.seed) ? 0 : 1;
  struct sigaction action {};
  action.sa_handler = [](int) { stop_wanted = 1; };
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  Pump pump(options.seed);
  ModbusDevice device(options.modbus_port);
  if (!device.listening()) {
    std::fprintf(stderr, "pump-station: port %d is taken: choose another with --modbus-port\n",
                 options.modbus_port);
    return 1;
  }
  MqttSensor sensor(options.mqtt_host, options.mqtt_port);
  say("started: Modbus TCP on port " + std::to_string(options.modbus_port) + ", MQTT to " +
      options.mqtt_host + ":" + std::to_string(options.mqtt_port) + ", seed " +
      std::to_string(options.seed));
  run(options, pump, device, sensor);
  say("stopped");
  return 0;
}
