// The tables of docs/formats/store.md: made, or checked, when a store is opened.
#pragma once

#include "os/random.h"
#include "store/connection.h"

namespace lander::store {

inline constexpr std::int64_t kSchemaVersion = 1;

// kUnsupported: written by a newer version. kCorrupt: no database of ours.
base::Status prepare_schema(Connection& connection, os::Random& random);

base::Result<std::int64_t> meta(Connection& connection, std::string_view name);
base::Status set_meta(Connection& connection, std::string_view name, std::int64_t value);
std::uint64_t fresh_epoch(os::Random& random);

}  // namespace lander::store
