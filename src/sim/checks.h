// The promises, each looked at from outside: what the equipment and the people know, against what
// the site and the hub hold. A broken one goes to the chronicle.
#pragma once

#include <vector>

#include "sim/hub_node.h"
#include "sim/site_node.h"

namespace lander::sim {

// At any time: every acknowledged observation is stored, once, unchanged; its time is right within
// its error, and known for every boot in which the hub was reached.
void check_observations(SiteNode& site, Chronicle& chronicle);

// After a quiet time.
// Desired is reported at both ends, and every component applied or explained.
void check_twin(SiteNode& site, HubNode& hub, Chronicle& chronicle);
// No rollout is in progress any more: each is done, halted or cancelled, and says why.
void check_rollouts(HubNode& hub, Chronicle& chronicle);
// Both ends have the same events of every alert, and fold them to the same state.
void check_alerts(SiteNode& site, HubNode& hub, Chronicle& chronicle);
// Every item that a site's store acknowledged arrived once and unchanged, without gaps; every raw
// observation stands in the lake once, at its right time; nothing that must not leave did.
struct LakeCount {
  std::uint64_t items = 0, alert_events = 0;
};
LakeCount check_lake(const std::vector<SiteNode*>& sites, HubNode& hub, Chronicle& chronicle);
// SQLite finds nothing wrong in any database.
void check_databases(const std::vector<SiteNode*>& sites, HubNode& hub, Chronicle& chronicle);

}  // namespace lander::sim
