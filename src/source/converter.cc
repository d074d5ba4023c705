#include <cmath>
#include <limits>
#include <optional>

#include "sensing/block.h"
#include "sensing/unit.h"
#include "sensing/value.h"
#include "source/source.h"

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Result;
using sensing::Kind;
using sensing::Observation;
using sensing::Quality;

Error expected(const char* what, const Raw& raw) {
  return Error(Code::kInvalid,
               std::string("expected ") + what + ", found \"" + to_text(raw) + "\"");
}

std::optional<bool> as_boolean(const Raw& raw) {
  if (const auto* value = std::get_if<bool>(&raw)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&raw))
    return *value == 0 || *value == 1 ? std::optional(*value == 1) : std::nullopt;
  if (const auto* value = std::get_if<double>(&raw))
    return *value == 0 || *value == 1 ? std::optional(*value == 1) : std::nullopt;
  const auto* text = std::get_if<std::string_view>(&raw);
  if (!text) return std::nullopt;
  std::string word(trim(*text).substr(0, 8));
  for (char& c : word)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (word == "true" || word == "1" || word == "on" || word == "1.0") return true;
  if (word == "false" || word == "0" || word == "off" || word == "0.0") return false;
  return std::nullopt;
}

// An integer that came as text keeps its last digit: it does not pass through a double.
Raw unwrap_number(const Raw& raw) {
  const auto* text = std::get_if<std::string_view>(&raw);
  if (!text) return raw;
  if (const auto whole = parse_integer(*text)) return *whole;
  if (const auto number = parse_number(*text)) return *number;
  return raw;
}

}  // namespace

Result<Converter> Converter::make(const Bound& bound) {
  const sensing::Datastream& stream = bound.datastream;
  Converter converter;
  converter.bound_ = bound;
  converter.factor_ = stream.calibration.scale;
  converter.offset_ = stream.calibration.offset;
  const std::string& from = stream.binding.unit;
  if (from.empty() || from == stream.unit) return converter;
  if (!sensing::has_unit(stream.kind))
    return Error(Code::kInvalid, "datastream " + stream.id + ": a value of kind " +
                                     std::string(to_string(stream.kind)) +
                                     " has no unit; remove the binding's unit \"" + from + "\"");
  auto conversion = sensing::conversion(from, stream.unit);
  if (!conversion.ok()) return conversion.error().context("datastream " + stream.id);
  converter.factor_ *= conversion->factor;
  converter.offset_ = conversion->apply(stream.calibration.offset);
  return converter;
}

Observation Converter::number(double raw, base::TimeUs time, std::uint64_t sequence) const {
  const sensing::Datastream& stream = bound_.datastream;
  Observation observation{bound_.series, Quality::kGood, time, sequence, raw};
  const bool whole = stream.kind == Kind::kInteger;
  const double value = raw * factor_ + offset_;
  if (!std::isfinite(raw) || std::fabs(raw) > kAbsurd || !(std::fabs(value) <= kAbsurd) ||
      (whole && std::fabs(value) >= 9.2e18)) {
    observation.quality = Quality::kBadSensorFailure;
    if (whole) observation.value = std::int64_t{0};
    return observation;
  }
  if ((stream.least && value < *stream.least) || (stream.most && value > *stream.most))
    observation.quality = Quality::kBadOutOfRange;
  if (whole) {
    observation.value = static_cast<std::int64_t>(std::llround(value));
  } else {
    observation.value = value;
  }
  return observation;
}

Observation Converter::integer(std::int64_t raw, base::TimeUs time, std::uint64_t sequence) const {
  if (factor_ != 1 || offset_ != 0) return number(static_cast<double>(raw), time, sequence);
  const sensing::Datastream& stream = bound_.datastream;
  const auto value = static_cast<double>(raw);
  const bool possible =
      !(stream.least && value < *stream.least) && !(stream.most && value > *stream.most);
  return {bound_.series, possible ? Quality::kGood : Quality::kBadOutOfRange, time, sequence, raw};
}

Result<Observation> Converter::value(const Raw& raw, base::TimeUs time,
                                     std::uint64_t sequence) const {
  const Kind kind = bound_.datastream.kind;
  if (std::holds_alternative<std::monostate>(raw)) {
    Observation observation = lost(time);
    observation.quality = Quality::kBadSensorFailure;
    observation.sequence = sequence;
    return observation;
  }
  if (kind > Kind::kText)
    return Error(Code::kInvalid, "a " + std::string(to_string(kind)) + " is not one value");
  if (kind == Kind::kText) {
    const auto* text = std::get_if<std::string_view>(&raw);
    if (!text) return expected("a text", raw);
    if (text->size() > sensing::kMaxTextBytes)
      return Error(Code::kInvalid,
                   "expected a text of at most 4096 bytes, found " + std::to_string(text->size()));
    if (!is_utf8(*text)) return expected("a text in UTF-8 without control characters", raw);
    return Observation{bound_.series, Quality::kGood, time, sequence, std::string(*text)};
  }
  if (kind == Kind::kBoolean) {
    const auto value = as_boolean(raw);
    if (!value) return expected("true or false", raw);
    return Observation{bound_.series, Quality::kGood, time, sequence, *value};
  }
  const Raw plain = unwrap_number(raw);
  if (const auto* value = std::get_if<std::int64_t>(&plain))
    return kind == Kind::kInteger ? integer(*value, time, sequence)
                                  : number(static_cast<double>(*value), time, sequence);
  const auto* value = std::get_if<double>(&plain);
  if (!value) return expected(kind == Kind::kInteger ? "an integer" : "a number", raw);
  const bool scaled = factor_ != 1 || offset_ != 0;
  if (kind == Kind::kInteger && std::isfinite(*value) && std::fabs(*value) < kAbsurd && !scaled &&
      *value != std::floor(*value))
    return expected("an integer", raw);
  return number(*value, time, sequence);
}

Result<Observation> Converter::waveform(double rate_hz, std::vector<double> samples,
                                        base::TimeUs time, std::uint64_t sequence) const {
  const sensing::Datastream& stream = bound_.datastream;
  Observation out{bound_.series, Quality::kGood, time, sequence, 0.0};
  bool possible = true, measured = true;
  for (double& sample : samples) {
    const double value = sample * factor_ + offset_;
    if (!std::isfinite(sample) || std::fabs(sample) > kAbsurd || !(std::fabs(value) <= kAbsurd)) {
      measured = false;  // it stays as it came
      continue;
    }
    possible = possible && !(stream.least && value < *stream.least) &&
               !(stream.most && value > *stream.most);
    sample = value;
  }
  if (!possible) out.quality = Quality::kBadOutOfRange;
  if (!measured) out.quality = Quality::kBadSensorFailure;
  out.value =
      std::make_shared<const sensing::Waveform>(sensing::Waveform{rate_hz, std::move(samples)});
  LANDER_TRY(sensing::valid(out.value));
  return out;
}

Result<Observation> Converter::interval(base::TimeUs start, base::TimeUs end, std::string label,
                                        std::uint64_t sequence) const {
  if (end < start) return Error(Code::kInvalid, "expected an interval that ends after its start");
  Observation out{bound_.series, Quality::kGood, start, sequence, 0.0};
  out.value =
      std::make_shared<const sensing::Interval>(sensing::Interval{end - start, std::move(label)});
  LANDER_TRY(sensing::valid(out.value));
  return out;
}

Observation Converter::object(sensing::Object object, base::TimeUs time) const {
  return {bound_.series, Quality::kGood, time, 0,
          std::make_shared<const sensing::Object>(std::move(object))};
}

Observation Converter::lost(base::TimeUs time) const {
  Observation observation{bound_.series, Quality::kBadNoCommunication, time, 0, 0.0};
  switch (bound_.datastream.kind) {
    case Kind::kNumber:
      observation.value = std::numeric_limits<double>::quiet_NaN();
      break;
    case Kind::kInteger:
      observation.value = std::int64_t{0};
      break;
    case Kind::kBoolean:
      observation.value = false;
      break;
    case Kind::kText:
      observation.value = std::string();
      break;
    case Kind::kWaveform: {
      const double rate_hz = bound_.datastream.binding.rate_hz;
      observation.value = std::make_shared<const sensing::Waveform>(
          sensing::Waveform{rate_hz > 0 ? rate_hz : 1, {std::numeric_limits<double>::quiet_NaN()}});
      break;
    }
    case Kind::kObject:
      observation.value = std::make_shared<const sensing::Object>();
      break;
    case Kind::kInterval:
      observation.value = std::make_shared<const sensing::Interval>();
      break;
  }
  return observation;
}

}  // namespace lander::source
