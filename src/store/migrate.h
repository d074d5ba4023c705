// Databases of older releases.
#pragma once

#include "store/connection.h"

namespace lander::store {

// Schema 1 kept a block for each series of a commit, and rollups of them. The blocks become frames,
// which compaction then takes as any others. One transaction: it is all done or not at all.
base::Status migrate_from_1(Connection& connection);

}  // namespace lander::store
