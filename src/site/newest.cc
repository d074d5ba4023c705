#include "site/newest.h"

namespace lander::site {

std::map<std::string, std::pair<sensing::SeriesKey, sensing::Datastream>> newest_datastreams(
    const store::Store& store) {
  std::map<std::string, std::pair<sensing::SeriesKey, sensing::Datastream>> out;
  for (auto& [key, datastream] : store.datastreams()) {
    // Not in one line: the right side would have moved the id away before the left side reads it.
    auto& entry = out[datastream.id];
    entry = {key, std::move(datastream)};
  }
  return out;
}

}  // namespace lander::site
