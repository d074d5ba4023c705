#pragma once

#include <map>
#include <string>
#include <utility>

#include "sensing/datastream.h"
#include "store/store.h"

namespace lander::site {

// The current revision of every datastream, by id: an order that does not depend on when each was
// declared.
std::map<std::string, std::pair<sensing::SeriesKey, sensing::Datastream>> newest_datastreams(
    const store::Store& store);

}  // namespace lander::site
