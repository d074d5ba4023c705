#include "sensing/observation.h"

#include <limits>

namespace lander::sensing {

std::string_view to_string(Quality quality) {
  switch (quality) {
    case Quality::kGood:
      return "Good";
    case Quality::kUncertain:
      return "Uncertain";
    case Quality::kUncertainSensorNotAccurate:
      return "UncertainSensorNotAccurate";
    case Quality::kBad:
      return "Bad";
    case Quality::kBadNoCommunication:
      return "BadNoCommunication";
    case Quality::kBadOutOfRange:
      return "BadOutOfRange";
    case Quality::kBadSensorFailure:
      return "BadSensorFailure";
  }
  // A code of OPC UA that we have no name for: its severity is what decides.
  if (is_good(quality)) return "Good";
  return is_bad(quality) ? "Bad" : "Uncertain";
}

double as_number(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? 1 : 0;
  return std::numeric_limits<double>::quiet_NaN();
}

std::size_t held_bytes(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text->size();
  if (const auto* waveform = std::get_if<std::shared_ptr<const Waveform>>(&value)) {
    return (*waveform)->samples.size() * sizeof(double);
  }
  if (const auto* object = std::get_if<std::shared_ptr<const Object>>(&value)) {
    return (*object)->media_type.size();
  }
  if (const auto* interval = std::get_if<std::shared_ptr<const Interval>>(&value)) {
    return (*interval)->label.size();
  }
  return 0;
}

}  // namespace lander::sensing
