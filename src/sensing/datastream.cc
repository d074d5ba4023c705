#include "sensing/datastream.h"

#include <cmath>

#include "base/cbor.h"
#include "base/suggest.h"
#include "sensing/unit.h"

namespace lander::sensing {
namespace {

using base::Bytes;
using base::ByteView;
using base::CborReader;
using base::CborWriter;
using base::Code;
using base::Error;
using base::quoted;
using base::Result;
using base::Status;

constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxAsset = 256;
constexpr std::size_t kMaxProperty = 64;
constexpr std::size_t kMaxAddress = 1024;
constexpr std::size_t kMaxParts = 16;
constexpr std::size_t kMaxMediaType = 127;
constexpr double kMaxRateHz = 1e9;
constexpr base::DurationUs kMaxBeyond = 36'525 * base::kDay;  // 100 years

// Keys of the map, in the order of the fields. Numbers are never reused.
enum : std::uint64_t {
  kId = 1,
  kRevision,
  kName,
  kAsset,
  kProperty,
  kUnit,
  kKind,
  kSensor,
  kCalibration,
  kLocation,
  kLeast,
  kMost,
  kPolicy,
  kBinding,
};

Error invalid(std::string message) { return Error(Code::kInvalid, std::move(message)); }

bool printable(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  return true;
}

Status bounded(const char* what, std::string_view text, std::size_t most) {
  if (text.size() > most) {
    return invalid(std::string(what) + " of " + std::to_string(text.size()) +
                   " bytes: expected at most " + std::to_string(most));
  }
  if (!printable(text)) return invalid(std::string(what) + ": expected no control characters");
  return {};
}

Status finite(const char* what, double value) {
  if (!std::isfinite(value)) return invalid(std::string(what) + ": expected a finite number");
  return {};
}

Status valid_property(std::string_view property) {
  if (property.empty()) return invalid("property is empty: expected what is observed");
  LANDER_TRY(bounded("property", property, kMaxProperty));
  if (property.find_first_of(" /") != std::string_view::npos) {
    return invalid("property " + quoted(property) + ": expected one word like \"flow-rate\"");
  }
  return {};
}

Status valid_calibration(const Calibration& calibration) {
  LANDER_TRY(finite("calibration scale", calibration.scale));
  LANDER_TRY(finite("calibration offset", calibration.offset));
  if (calibration.scale == 0) return invalid("calibration scale is 0: every value would be lost");
  LANDER_TRY(bounded("calibration date", calibration.date, kMaxName));
  return bounded("calibration certificate", calibration.certificate, kMaxName);
}

Status valid_location(const Location& location) {
  LANDER_TRY(finite("location altitude", location.altitude_m));
  if (!(std::fabs(location.latitude) <= 90)) return invalid("latitude: expected -90 to 90 degrees");
  if (!(std::fabs(location.longitude) <= 180)) {
    return invalid("longitude: expected -180 to 180 degrees");
  }
  return {};
}

Status valid_range(const Datastream& datastream) {
  if (datastream.least) LANDER_TRY(finite("least", *datastream.least));
  if (datastream.most) LANDER_TRY(finite("most", *datastream.most));
  if (datastream.least && datastream.most && *datastream.least > *datastream.most) {
    return invalid("least is greater than most: no value would be good");
  }
  return {};
}

Status valid_binding(const Binding& binding) {
  LANDER_TRY(bounded("binding source", binding.source, kMaxName));
  LANDER_TRY(bounded("binding address", binding.address, kMaxAddress));
  LANDER_TRY(bounded("binding time pointer", binding.time_pointer, kMaxName));
  LANDER_TRY(bounded("binding sequence pointer", binding.sequence_pointer, kMaxName));
  LANDER_TRY(bounded("binding media type", binding.media_type, kMaxMediaType));
  if (binding.interval <= 0) return invalid("binding interval: expected more than 0");
  if (!(binding.rate_hz >= 0 && binding.rate_hz <= kMaxRateHz)) {
    return invalid("binding rate_hz: expected 0 to 1e9");
  }
  if (binding.unit.empty()) return {};
  return valid_unit(binding.unit);
}

Status valid_policy(const Datastream& datastream) {
  const Policy& policy = datastream.policy;
  if (policy.max_lateness < 0) return invalid("lateness: expected 0 or more");
  if (policy.thinning.size() > kMaxThinning) return invalid("thinning: expected at most 8 steps");
  for (const Thinning& step : policy.thinning) LANDER_TRY(valid(step, datastream.kind));
  return {};
}

template <class T>
Status read_text(CborReader& in, T& out) {
  LANDER_ASSIGN(out, in.text());
  return {};
}

Status read_sensor(CborReader& in, Sensor& out) {
  LANDER_TRY(in.array_of(3, "a datastream's sensor"));
  LANDER_TRY(read_text(in, out.name));
  LANDER_TRY(read_text(in, out.model));
  return read_text(in, out.serial);
}

Status read_calibration(CborReader& in, Calibration& out) {
  LANDER_TRY(in.array_of(4, "a datastream's calibration"));
  LANDER_ASSIGN(out.scale, in.real());
  LANDER_ASSIGN(out.offset, in.real());
  LANDER_TRY(read_text(in, out.date));
  return read_text(in, out.certificate);
}

Status read_location(CborReader& in, std::optional<Location>& out) {
  LANDER_TRY(in.array_of(3, "a datastream's location"));
  out.emplace();
  LANDER_ASSIGN(out->latitude, in.real());
  LANDER_ASSIGN(out->longitude, in.real());
  LANDER_ASSIGN(out->altitude_m, in.real());
  return {};
}

// What a later version added stands behind the rest, and only when it says something.
Result<bool> extended(CborReader& in, std::uint64_t fields, std::uint64_t more, const char* what) {
  const CborReader before = in;
  LANDER_ASSIGN(const std::uint64_t count, in.array());
  if (count == fields || count == fields + more) return count != fields;
  in = before;
  return in.corrupt("an array of " + std::to_string(fields) + " or " +
                    std::to_string(fields + more) + ": " + what);
}

Status read_thinning(CborReader& in, std::vector<Thinning>& out) {
  LANDER_ASSIGN(const std::uint64_t steps, in.array_up_to(kMaxThinning, "a policy's thinning"));
  if (steps == 0) return in.corrupt("no list of steps rather than an empty one");
  for (std::uint64_t i = 0; i < steps; ++i) {
    LANDER_TRY(in.array_of(2, "a step of thinning"));
    Thinning step;
    LANDER_ASSIGN(step.beyond, in.integer());
    LANDER_ASSIGN(step.summaries, in.integer());
    out.push_back(step);
  }
  return {};
}

Status read_policy(CborReader& in, Policy& out) {
  LANDER_ASSIGN(const bool thins, extended(in, 3, 1, "a datastream's policy"));
  LANDER_ASSIGN(const std::uint64_t uplink, in.unsigned_integer());
  if (uplink > static_cast<std::uint64_t>(Uplink::kRaw)) {
    return Error(Code::kUnsupported, "datastream: uplink " + std::to_string(uplink));
  }
  out.uplink = static_cast<Uplink>(uplink);
  LANDER_ASSIGN(out.pickup, in.boolean());
  LANDER_ASSIGN(out.max_lateness, in.integer());
  if (thins) return read_thinning(in, out.thinning);
  return {};
}

Status read_binding(CborReader& in, Binding& out) {
  LANDER_ASSIGN(const bool burst, extended(in, 6, 2, "a datastream's binding"));
  LANDER_TRY(read_text(in, out.source));
  LANDER_TRY(read_text(in, out.address));
  LANDER_TRY(read_text(in, out.unit));
  LANDER_TRY(read_text(in, out.time_pointer));
  LANDER_TRY(read_text(in, out.sequence_pointer));
  LANDER_ASSIGN(out.interval, in.integer());
  if (!burst) return {};
  LANDER_ASSIGN(out.rate_hz, in.real());
  LANDER_TRY(read_text(in, out.media_type));
  if (out.rate_hz == 0 && out.media_type.empty()) {
    return in.corrupt("a rate or a media type, or neither field");
  }
  return {};
}

Status read_field(CborReader& in, std::uint64_t key, Datastream& out) {
  switch (key) {
    case kId:
      return read_text(in, out.id);
    case kRevision: {
      LANDER_ASSIGN(const std::uint64_t revision, in.unsigned_integer());
      if (revision > UINT32_MAX) return Error(Code::kCorrupt, "datastream: revision beyond 2^32-1");
      out.revision = static_cast<std::uint32_t>(revision);
      return {};
    }
    case kName:
      return read_text(in, out.name);
    case kAsset:
      return read_text(in, out.asset);
    case kProperty:
      return read_text(in, out.property);
    case kUnit:
      return read_text(in, out.unit);
    case kKind: {
      LANDER_ASSIGN(const std::uint64_t kind, in.unsigned_integer());
      if (kind > static_cast<std::uint64_t>(Kind::kInterval)) {
        return Error(Code::kUnsupported, "datastream: kind " + std::to_string(kind));
      }
      out.kind = static_cast<Kind>(kind);
      return {};
    }
    case kSensor:
      return read_sensor(in, out.sensor);
    case kCalibration:
      return read_calibration(in, out.calibration);
    case kLocation:
      return read_location(in, out.location);
    case kLeast: {
      LANDER_ASSIGN(out.least, in.real());
      return {};
    }
    case kMost: {
      LANDER_ASSIGN(out.most, in.real());
      return {};
    }
    case kPolicy:
      return read_policy(in, out.policy);
    case kBinding:
      return read_binding(in, out.binding);
    default:
      return Error(Code::kUnsupported, "datastream: field " + std::to_string(key) +
                                           " is of a newer version than this program");
  }
}

}  // namespace

bool same_revision(const Datastream& a, const Datastream& b) {
  // By their encodings, so that a field that is added later counts without a change here.
  Datastream left = a, right = b;
  for (Datastream* side : {&left, &right}) {
    side->revision = 1;
    side->name.clear();
    side->policy = Policy();
  }
  return encode(left) == encode(right);
}

std::vector<Thinning> default_thinning(Kind kind) {
  if (!is_numeric(kind)) return {{30 * base::kDay, 0}, {7 * base::kDay, 0}, {base::kDay, 0}};
  return {
      {30 * base::kDay, base::kMinute}, {7 * base::kDay, base::kHour}, {base::kDay, base::kHour}};
}

Status valid(const Thinning& step, Kind kind) {
  if (step.beyond < 0 || step.beyond > kMaxBeyond) {
    return invalid("thinning: expected an age from 0 to 100 years");
  }
  if (step.summaries != 0 && step.summaries != base::kMinute && step.summaries != base::kHour) {
    return invalid("thinning: expected summaries of a minute, of an hour, or none");
  }
  if (step.summaries != 0 && !is_numeric(kind)) {
    return invalid("thinning: a value of kind " + std::string(to_string(kind)) +
                   " has no summaries: nothing can be kept of it");
  }
  return {};
}

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kNumber:
      return "number";
    case Kind::kInteger:
      return "integer";
    case Kind::kBoolean:
      return "boolean";
    case Kind::kText:
      return "text";
    case Kind::kWaveform:
      return "waveform";
    case Kind::kObject:
      return "object";
    case Kind::kInterval:
      return "interval";
  }
  return "number";
}

std::string_view to_string(Uplink uplink) {
  switch (uplink) {
    case Uplink::kNever:
      return "never";
    case Uplink::kSummary:
      return "summary";
    case Uplink::kRaw:
      return "raw";
  }
  return "never";
}

Result<Kind> parse_kind(std::string_view text) {
  for (const Kind kind : {Kind::kNumber, Kind::kInteger, Kind::kBoolean, Kind::kText,
                          Kind::kWaveform, Kind::kObject, Kind::kInterval}) {
    if (text == to_string(kind)) return kind;
  }
  return invalid("kind " + quoted(text) +
                 ": expected number, integer, boolean, text, waveform, object or interval");
}

Result<Uplink> parse_uplink(std::string_view text) {
  for (const Uplink uplink : {Uplink::kNever, Uplink::kSummary, Uplink::kRaw}) {
    if (text == to_string(uplink)) return uplink;
  }
  return invalid("uplink " + quoted(text) + ": expected never, summary or raw");
}

Status valid_id(std::string_view id) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  bool good = !id.empty() && id.size() <= 63 && alphanumeric(id.front());
  for (const char c : id) good = good && (alphanumeric(c) || c == '.' || c == '_' || c == '-');
  if (good) return {};
  return invalid("id " + quoted(id) +
                 ": expected 1 to 63 of a-z 0-9 . _ - that begin with a letter or digit");
}

Status valid_asset(std::string_view asset) {
  LANDER_TRY(bounded("asset", asset, kMaxAsset));
  std::size_t parts = 0;
  for (std::size_t from = 0; from <= asset.size(); ++parts) {
    const std::size_t end = std::min(asset.find('/', from), asset.size());
    const std::string_view part = asset.substr(from, end - from);
    if (part.empty() || part.front() == ' ' || part.back() == ' ') {
      return invalid(
          "asset " + quoted(asset) +
          ": expected a path like \"enterprise/site/area/line/asset\" without empty parts");
    }
    from = end + 1;
  }
  if (parts > kMaxParts) return invalid("asset " + quoted(asset) + ": expected at most 16 parts");
  return {};
}

Status valid(const Datastream& datastream) {
  const auto check = [&]() -> Status {
    LANDER_TRY(bounded("name", datastream.name, kMaxName));
    LANDER_TRY(valid_asset(datastream.asset));
    LANDER_TRY(valid_property(datastream.property));
    LANDER_TRY(valid_unit(datastream.unit));
    LANDER_TRY(bounded("sensor name", datastream.sensor.name, kMaxName));
    LANDER_TRY(bounded("sensor model", datastream.sensor.model, kMaxName));
    LANDER_TRY(bounded("sensor serial", datastream.sensor.serial, kMaxName));
    LANDER_TRY(valid_calibration(datastream.calibration));
    if (datastream.location) LANDER_TRY(valid_location(*datastream.location));
    LANDER_TRY(valid_range(datastream));
    LANDER_TRY(valid_policy(datastream));
    if (datastream.revision == 0) return invalid("revision is 0: expected 1 or more");
    return valid_binding(datastream.binding);
  };
  LANDER_TRY(valid_id(datastream.id));
  if (auto status = check(); !status.ok()) {
    return status.error().context("datastream " + datastream.id);
  }
  return {};
}

Bytes encode(const Datastream& d) {
  CborWriter out;
  out.map(11 + (d.location ? 1 : 0) + (d.least ? 1 : 0) + (d.most ? 1 : 0));
  const auto key = [&](std::uint64_t number) -> CborWriter& {
    return out.unsigned_integer(number);
  };
  key(kId).text(d.id);
  key(kRevision).unsigned_integer(d.revision);
  key(kName).text(d.name);
  key(kAsset).text(d.asset);
  key(kProperty).text(d.property);
  key(kUnit).text(d.unit);
  key(kKind).unsigned_integer(static_cast<std::uint64_t>(d.kind));
  key(kSensor).array(3).text(d.sensor.name).text(d.sensor.model).text(d.sensor.serial);
  key(kCalibration).array(4).real(d.calibration.scale).real(d.calibration.offset);
  out.text(d.calibration.date).text(d.calibration.certificate);
  if (d.location) {
    key(kLocation).array(3).real(d.location->latitude).real(d.location->longitude);
    out.real(d.location->altitude_m);
  }
  if (d.least) key(kLeast).real(*d.least);
  if (d.most) key(kMost).real(*d.most);
  const bool thins = !d.policy.thinning.empty();
  key(kPolicy).array(thins ? 4 : 3).unsigned_integer(static_cast<std::uint64_t>(d.policy.uplink));
  out.boolean(d.policy.pickup).integer(d.policy.max_lateness);
  if (thins) {
    out.array(d.policy.thinning.size());
    for (const Thinning& step : d.policy.thinning) {
      out.array(2).integer(step.beyond).integer(step.summaries);
    }
  }
  const bool burst = d.binding.rate_hz != 0 || !d.binding.media_type.empty();
  key(kBinding)
      .array(burst ? 8 : 6)
      .text(d.binding.source)
      .text(d.binding.address)
      .text(d.binding.unit);
  out.text(d.binding.time_pointer).text(d.binding.sequence_pointer).integer(d.binding.interval);
  if (burst) out.real(d.binding.rate_hz).text(d.binding.media_type);
  return out.take();
}

Result<Datastream> decode_datastream(ByteView bytes) {
  CborReader in(bytes);
  Datastream out;
  LANDER_ASSIGN(const std::uint64_t count, in.map());
  std::uint64_t last = 0, mandatory = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    LANDER_ASSIGN(const std::uint64_t key, in.unsigned_integer());
    if (key <= last) return Error(Code::kCorrupt, "datastream: expected ascending fields");
    LANDER_TRY(read_field(in, key, out));
    last = key;
    if (key != kLocation && key != kLeast && key != kMost) ++mandatory;
  }
  LANDER_TRY(in.end());
  if (mandatory != 11) return Error(Code::kCorrupt, "datastream: a field is missing");
  if (auto status = valid(out); !status.ok()) {
    return Error(Code::kCorrupt, status.error().message());
  }
  return out;
}

}  // namespace lander::sensing
