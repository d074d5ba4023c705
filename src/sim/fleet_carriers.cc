// The other carriers of a site.
#include "sim/fleet_world.h"

namespace lander::sim {

void FleetWorld::plan_carriers(Member& member) {
  SimRandom& random = member.random;
  now_and_then(random, 20 * base::kMinute, [this, &member] { send_over(member, kBroker); });
  now_and_then(random, 10 * base::kMinute, [this, &member] { send_over(member, kSatellite); });
}

void FleetWorld::send_over(Member& member, const char* carrier) {
  SiteNode& node = *member.node;
  if (!node.up() || node.core().ways().find(carrier) == nullptr) return;
  const auto out = node.next_message(carrier);
  if (!out || out->sealed.empty()) return;
  ++outcome_.contacts;
  node.exchanged(carrier, {out->sealed.size()});
  SimRandom& random = member.random;
  const int arrivals = random.chance(0.3) ? 0 : random.chance(0.15) ? 2 : 1;
  if (arrivals == 0) ++outcome_.lost_messages;
  for (int i = 0; i < arrivals; ++i) {
    const base::DurationUs late =
        random.chance(0.8) ? random.wait(10 * base::kSecond) : random.wait(2 * base::kHour);
    after(late, [this, &member, sealed = out->sealed] { land(member, sealed); });
  }
}

void FleetWorld::land(Member& member, const base::Bytes& sealed) {
  auto reply = hub_->arrived(member.node->name(), sealed);
  SimRandom& random = member.random;
  if (!reply || random.chance(0.3)) {
    ++outcome_.lost_messages;
    return;
  }
  const base::DurationUs late =
      random.chance(0.8) ? random.wait(10 * base::kSecond) : random.wait(2 * base::kHour);
  after(late, [&member, reply = std::move(*reply)] {
    if (member.node->up()) member.node->take_message(reply, 0);
  });
}

}  // namespace lander::sim
