// What is measured, where, by what, in which unit, and what may happen to it: SensorThings' Thing,
// Datastream, Sensor and ObservedProperty with ISA-95 asset paths and UCUM units.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace lander::sensing {

enum class Kind : std::uint8_t {
  kNumber = 0,
  kInteger = 1,
  kBoolean = 2,
  kText = 3,
  kWaveform = 4,
  kObject = 5,
  kInterval = 6
};
inline bool is_numeric(Kind kind) { return kind <= Kind::kBoolean; }  // as_number() tells its value
// Whether units convert its values, or the samples of one.
inline bool has_unit(Kind kind) {
  return kind == Kind::kNumber || kind == Kind::kInteger || kind == Kind::kWaveform;
}

// What leaves the site over a link. Each includes what stands before it.
enum class Uplink : std::uint8_t { kNever = 0, kSummary = 1, kRaw = 2 };

struct Sensor {
  std::string name, model, serial;
};

// value = raw * scale + offset, in `Binding::unit`, applied before the conversion of units.
struct Calibration {
  double scale = 1, offset = 0;
  std::string date, certificate;  // free text, for people and the lake
};

struct Location {
  double latitude = 0, longitude = 0, altitude_m = 0;  // WGS 84, degrees
};

// What may go when the disk fills: raw observations older than `beyond` leave, and what remains of
// them are summaries of that span (or nothing). Summaries are kept of numeric kinds only.
struct Thinning {
  base::DurationUs beyond = 0;
  base::DurationUs summaries = 0;  // base::kMinute, base::kHour, or 0: nothing remains
  friend bool operator==(const Thinning&, const Thinning&) = default;
};

struct Policy {
  Uplink uplink = Uplink::kSummary;
  bool pickup = true;
  base::DurationUs max_lateness =
      10 * base::kMinute;  // older data is stored, but raises no live alert
  // In this order, each step once the step before has freed too little at every datastream of the
  // site; what no step names is never dropped. At most 8. Empty: default_thinning().
  std::vector<Thinning> thinning;
};

// How the datastream is fed: one address of one source. The address's form is the driver's:
// MQTT "topic" or "topic#/json/pointer"; Modbus "unit/holding|input|coil|discrete/register:type";
// host "load1"; replay: a column's name.
struct Binding {
  std::string source;  // Source::id
  std::string address;
  std::string unit;              // UCUM, as the equipment gives it; empty: the datastream's own
  std::string time_pointer;      // MQTT: JSON pointer of the phenomenonTime; empty: arrival
  std::string sequence_pointer;  // MQTT: JSON pointer of a counter; a repeat is stored once
  base::DurationUs interval = base::kSecond;  // polled sources; the rate that is expected of others
  double rate_hz =
      0;  // MQTT, waveforms: of their samples when the payload does not say; 0: it does
  std::string media_type;  // MQTT, objects; empty: told by their first bytes
};

// Immutable once declared. A change of anything but `policy` and `name` makes revision + 1.
struct Datastream {
  std::string id;  // [a-z0-9][a-z0-9._-]{0,62}, unique in the site, for life
  std::uint32_t revision = 1;
  std::string name;
  std::string asset;       // "enterprise/site/area/line/asset", at least one part
  std::string property;    // observed property: "vibration", "pressure", "flow-rate", ...
  std::string unit = "1";  // UCUM
  Kind kind = Kind::kNumber;
  Sensor sensor;
  Calibration calibration;
  std::optional<Location> location;
  std::optional<double> least, most;  // physically possible values; outside them quality is Bad
  Policy policy;
  Binding binding;

  friend bool same_revision(const Datastream& a,
                            const Datastream& b);  // equal but for policy, name and number
};

bool same_revision(const Datastream& a, const Datastream& b);
// What a policy without `thinning` means: minute summaries beyond 30 days; then hour summaries
// beyond 7 days, then beyond 1 day. Of kinds without summaries nothing beyond these ages. Nothing
// younger than a day is ever dropped by default.
std::vector<Thinning> default_thinning(Kind kind);
std::string_view to_string(Kind kind);
std::string_view to_string(Uplink uplink);
base::Result<Kind> parse_kind(std::string_view text);
base::Result<Uplink> parse_uplink(std::string_view text);
base::Status valid_id(std::string_view id);
base::Status valid_asset(std::string_view asset);
// At most kMaxThinning steps, ages from 0 to 100 years, summaries of a minute, an hour or none.
inline constexpr std::size_t kMaxThinning = 8;
base::Status valid(const Thinning& step, Kind kind);
// Everything that must hold of a declared datastream: id, asset, property and units, finite and
// possible numbers, bounded texts. kInvalid names the datastream and the field.
base::Status valid(const Datastream& datastream);

// Deterministic CBOR, for the twin, the store and the lake. decode() bounds and validates.
base::Bytes encode(const Datastream& datastream);
base::Result<Datastream> decode_datastream(base::ByteView bytes);

}  // namespace lander::sensing
