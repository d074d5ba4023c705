// Values of every kind as JSON.
#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "api/shapes.h"

namespace lander::api {
namespace {

constexpr std::size_t kPreview = 96;

template <class T>
const T* held(const sensing::Value& value) {
  const auto* pointer = std::get_if<std::shared_ptr<const T>>(&value);
  return pointer ? pointer->get() : nullptr;
}

Json waveform(const sensing::Waveform& waveform) {
  Json samples = Json::array();
  for (const double sample : waveform.samples) samples.push_back(number(sample));
  return {{"rate_hz", number(waveform.rate_hz)}, {"samples", std::move(samples)}};
}

Json brief_waveform(const sensing::Waveform& waveform) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double>& samples = waveform.samples;
  const std::size_t pairs = std::min(samples.size(), kPreview);
  double least = kNone, most = kNone, squares = 0;
  std::size_t measured = 0;
  Json preview = Json::array();
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    double low = kNone, high = kNone;
    for (std::size_t i = samples.size() * pair / pairs; i < samples.size() * (pair + 1) / pairs;
         ++i) {
      if (!std::isfinite(samples[i])) continue;
      low = std::fmin(low, samples[i]);
      high = std::fmax(high, samples[i]);
      squares += samples[i] * samples[i];
      ++measured;
    }
    least = std::fmin(least, low);
    most = std::fmax(most, high);
    preview.push_back({number(low), number(high)});
  }
  return {{"rate_hz", number(waveform.rate_hz)},
          {"count", samples.size()},
          {"least", number(least)},
          {"most", number(most)},
          {"rms", measured ? number(std::sqrt(squares / static_cast<double>(measured))) : Json()},
          {"preview", std::move(preview)}};
}

}  // namespace

Json value(const sensing::Observation& observation) {
  const sensing::Value& value = observation.value;
  if (const auto* n = std::get_if<double>(&value)) return number(*n);
  if (const auto* i = std::get_if<std::int64_t>(&value)) return *i;
  if (const auto* b = std::get_if<bool>(&value)) return *b;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* burst = held<sensing::Waveform>(value)) return waveform(*burst);
  if (const auto* object = held<sensing::Object>(value)) {
    return {{"sha256", base::to_hex(object->sha256)},
            {"bytes", object->bytes},
            {"media_type", object->media_type}};
  }
  const auto* interval = held<sensing::Interval>(value);
  LANDER_CHECK(interval != nullptr);
  base::TimeUs end = 0;
  const bool beyond = __builtin_add_overflow(observation.time, interval->duration, &end);
  return {{"end", beyond ? Json() : time(end)},
          {"duration_s", static_cast<double>(interval->duration) / 1e6},
          {"label", interval->label}};
}

Json brief(const sensing::Observation& observation) {
  const auto* burst = held<sensing::Waveform>(observation.value);
  return burst ? brief_waveform(*burst) : value(observation);
}

}  // namespace lander::api
