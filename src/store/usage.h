// What takes the room in a site's database: for the operator. Reads the whole file; changes
// nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace lander::store {

struct Usage {
  // Of the database file, whole pages with what stands beside the payload.
  std::uint64_t file = 0, chunks = 0, frames = 0, rollups = 0, items = 0, records = 0, other = 0,
                unused = 0;
  std::uint64_t objects = 0;  // files beside it
  struct Datastream {
    std::string id;
    std::uint64_t observations = 0, bytes = 0;  // in chunks; the bytes of their payload
  };
  std::vector<Datastream> datastreams;  // by bytes, the most first
};

// Errors as of check().
base::Result<Usage> usage(const std::string& path);

}  // namespace lander::store
