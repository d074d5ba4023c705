// Machines that run, die and come back; the network between them.
#include "sim/fleet_world.h"

namespace lander::sim {
namespace {

constexpr base::DurationUs kStep = base::kMinute;
constexpr base::DurationUs kHeartbeat = 5 * base::kMinute;
constexpr base::DurationUs kPatience = 15 * base::kMinute;
constexpr base::DurationUs kTimeout = 10 * base::kSecond;

}  // namespace

void FleetWorld::start(Member& member) {
  SimRandom& random = member.random;
  const bool again = !quiet() && random.chance(0.15);
  const bool up = member.node->boot(again ? std::optional(random.below(40)) : std::nullopt);
  if (!up) return site_down(member);
  member.talking = member.contact_planned = false;
  member.next_contact = now_;
  step(member, member.node->incarnation());
}

// It comes back: mostly soon, sometimes after hours.
void FleetWorld::site_down(Member& member) {
  if (chronicle_.broken()) return;
  const bool long_out = !quiet() && member.random.chance(0.2);
  const base::DurationUs out = long_out ? member.random.between(30, 400) * base::kMinute
                                        : member.random.between(2, 300) * base::kSecond;
  after(out, [this, &member] { start(member); });
}

void FleetWorld::step(Member& member, int incarnation) {
  SiteNode& node = *member.node;
  if (node.incarnation() != incarnation) return;
  if (node.up()) node.step();
  if (!node.up()) return site_down(member);
  // While the hub is away an alarm does not make it come back sooner.
  const bool news = node.take_news() && !member.away;
  if (now_ >= member.next_contact || last_calls_ || news) plan_contact(member, 0);
  after(kStep, [this, &member, incarnation] { step(member, incarnation); });
}

void FleetWorld::crash(Member& member) {
  SiteNode& node = *member.node;
  if (!node.up()) return;
  ++outcome_.site_crashes;
  SimRandom& random = member.random;
  const Cut cut = random.chance(0.7) ? Cut::kPower : Cut::kProcess;
  if (random.chance(0.7)) {
    // Its next step finds it dead.
    node.cut_within(random.below(120), cut);
  } else if (random.chance(0.8)) {
    node.cut(cut);
  } else {
    node.stop();
  }
}

// Its supervisor: ticks it, and finds it dead and starts it anew.
void FleetWorld::hub_step() {
  after(kStep, [this] { hub_step(); });
  hub_->tick();
  if (hub_->up() || hub_returns_) return;
  hub_returns_ = true;
  after(quiet() ? base::kSecond : random_.between(5, 3600) * base::kSecond, [this] {
    hub_returns_ = false;
    const bool again = !quiet() && random_.chance(0.15);
    hub_->boot(again ? std::optional(random_.below(30)) : std::nullopt);
  });
}

void FleetWorld::crash_hub() {
  if (!hub_->up()) return;
  ++outcome_.hub_crashes;
  const Cut cut = random_.chance(0.7) ? Cut::kPower : Cut::kProcess;
  if (random_.chance(0.7)) {
    hub_->cut_within(random_.below(60), cut);
  } else {
    hub_->cut(cut);
  }
}

// --- The network -------------------------------------------------------------------------------

void FleetWorld::plan_contact(Member& member, base::DurationUs delay) {
  if (member.contact_planned || member.talking) return;
  member.contact_planned = true;
  after(delay, [this, &member, incarnation = member.node->incarnation()] {
    if (member.node->incarnation() != incarnation || !member.node->up()) return;
    member.contact_planned = false;
    contact(member);
  });
}

void FleetWorld::contact(Member& member) {
  SiteNode& node = *member.node;
  if (member.talking) return;
  const auto out = node.next_message(std::string(site::kHttps));
  if (!out) return;
  ++outcome_.contacts;
  member.talking = true;
  member.next_contact = now_ + kHeartbeat;
  const int incarnation = node.incarnation();
  const base::DurationUs sent = node.clock().monotonic_us();
  SimRandom& random = member.random;
  const bool lossy = !quiet();
  if (member.link_cut || (lossy && random.chance(0.05))) {
    ++outcome_.lost_messages;
    after(kTimeout, [this, &member, incarnation] { failed(member, incarnation); });
    return;
  }
  base::Bytes sealed = out->sealed;
  if (lossy && random.chance(0.05)) {  // comes again, perhaps much later and behind newer ones
    const base::DurationUs late =
        random.chance(0.5) ? random.wait(base::kSecond) : random.wait(3 * base::kHour);
    after(late, [this, &member, sealed] { hub_->exchange(member.node->key_id(), sealed, false); });
  }
  if (lossy && random.chance(0.01)) {
    base::Bytes damaged = sealed;
    damaged[random.below(damaged.size())] ^= static_cast<std::uint8_t>(1 << random.below(8));
    hub_->exchange(node.key_id(), damaged, true);
  }
  const base::DurationUs delay = random.between(5, lossy && random.chance(0.1) ? 8000 : 300);
  after(delay * base::kMillisecond,
        [this, &member, sealed = std::move(sealed), more = out->more, incarnation, sent] {
          arrive(member, sealed, more, incarnation, sent);
        });
}

void FleetWorld::arrive(Member& member, const base::Bytes& sealed, bool more, int incarnation,
                        base::DurationUs sent) {
  auto reply = hub_->exchange(member.node->key_id(), sealed, false);
  SimRandom& random = member.random;
  if (!reply || (!quiet() && random.chance(0.05))) {
    ++outcome_.lost_messages;
    after(kTimeout, [this, &member, incarnation] { failed(member, incarnation); });
    return;
  }
  after(random.between(5, 300) * base::kMillisecond,
        [this, &member, reply = std::move(*reply), more, incarnation, sent] {
          answered(member, reply, more, incarnation, sent);
        });
}

void FleetWorld::answered(Member& member, const base::Bytes& reply, bool more, int incarnation,
                          base::DurationUs sent) {
  SiteNode& node = *member.node;
  if (node.incarnation() != incarnation || !node.up()) return;
  member.talking = member.away = false;
  node.exchanged(std::string(site::kHttps), {});
  if (!node.up()) return;
  node.take_message(reply, node.clock().monotonic_us() - sent);
  if (!node.up()) return;
  const bool fetching = node.core().fetching();
  if (more || fetching || node.take_news()) plan_contact(member, base::kSecond);
}

void FleetWorld::failed(Member& member, int incarnation) {
  if (member.node->incarnation() != incarnation || !member.node->up()) return;
  member.talking = false;
  if (member.away) member.next_contact = now_ + kPatience;
  member.away = true;
  member.node->exchanged(std::string(site::kHttps), {0, 0, 0, "no answer"});
}

}  // namespace lander::sim
