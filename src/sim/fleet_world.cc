#include "sim/fleet_world.h"

#include "sim/checks.h"

namespace lander::sim {
namespace {

constexpr base::TimeUs kBegin = 1'800'000'000 * base::kSecond;  // 2027-01-15
constexpr base::DurationUs kQuiet = 8 * base::kHour;
constexpr base::DurationUs kLastCalls = 20 * base::kMinute;  // for what is under way

SimLake::Faults lake_faults(Mutation mutation) {
  return {mutation == Mutation::kLakeLosesItems ? std::uint64_t{500} : 0,
          mutation == Mutation::kLakeKeepsRepeats};
}

}  // namespace

Outcome run(const Options& options) { return FleetWorld(options).run(); }

FleetWorld::FleetWorld(const Options& options)
    : options_(options),
      random_(options.seed),
      now_(kBegin),
      end_(kBegin + options.days * base::kDay),
      quiet_from_(end_ - kQuiet),
      chronicle_(now_, options.verbose),
      fixtures_(random_) {
  hub_ = std::make_unique<HubNode>(now_, chronicle_, random_.branch(), fixtures_,
                                   lake_faults(options.mutation));
  const std::uint64_t count =
      options.sites > 0 ? static_cast<std::uint64_t>(options.sites) : 3 + random_.below(3);
  const SiteNode::Faults faults{options.mutation == Mutation::kSourceAcknowledgesEarly,
                                options.mutation == Mutation::kDiskLies};
  for (std::uint64_t i = 1; i <= count; ++i) {
    names_.push_back("site-" + std::to_string(i));
    auto node =
        std::make_unique<SiteNode>(names_.back(), now_, chronicle_, random_.branch(), faults);
    members_.push_back(std::make_unique<Member>(Member{std::move(node), random_.branch()}));
  }
}

void FleetWorld::at(base::TimeUs time, std::function<void()> happens) {
  queue_.push({time, order_++, std::move(happens)});
}

void FleetWorld::now_and_then(SimRandom& random, base::DurationUs mean,
                              std::function<void()> happens) {
  at(now_ + random.wait(mean), [this, &random, mean, happens = std::move(happens)] {
    if (quiet()) return;
    happens();
    now_and_then(random, mean, happens);
  });
}

Outcome FleetWorld::run() {
  set_up();
  while (!queue_.empty() && !chronicle_.broken()) {
    const Event event = queue_.top();
    if (event.time > end_) break;
    queue_.pop();
    now_ = event.time;
    event.happens();
  }
  now_ = std::max(now_, end_);
  if (!chronicle_.broken()) {
    for (auto& member : members_) {
      check_observations(*member->node, chronicle_);
      check_twin(*member->node, *hub_, chronicle_);
      check_alerts(*member->node, *hub_, chronicle_);
      outcome_.observations += member->node->store().stats().observations;
    }
    check_rollouts(*hub_, chronicle_);
    std::vector<SiteNode*> nodes;
    for (auto& member : members_) nodes.push_back(member->node.get());
    const LakeCount lake = check_lake(nodes, *hub_, chronicle_);
    outcome_.items = lake.items;
    outcome_.alerts = lake.alert_events;
    check_databases(nodes, *hub_, chronicle_);
  }
  outcome_.violation = chronicle_.broken();
  outcome_.events = chronicle_.lines();
  outcome_.hash = chronicle_.hash();
  return outcome_;
}

void FleetWorld::set_up() {
  LANDER_CHECK(hub_->boot());
  hub_->prepare();
  for (auto& member : members_) {
    site::Identity identity = hub_->admit(member->node->name());
    member->node->set_key_id(identity.keys.signing.public_key().id());
    member->node->set_identity(std::move(identity));
    hub_->apply(member->node->name(), desired_yaml(member->random));
    start(*member);
    plan_trouble(*member);
    plan_people(*member);
    plan_carriers(*member);
  }
  plan_hub();
  at(quiet_from_, [this] { calm_down(); });
  at(end_ - kLastCalls, [this] {
    for (auto& member : members_) member->node->pause_sources();
    last_calls_ = true;
  });
  after(base::kDay, [this] { check_now_and_then(); });
}

// After a day, two, four, ..: it costs as much as there is.
void FleetWorld::check_now_and_then() {
  for (auto& member : members_) {
    if (member->node->up()) check_observations(*member->node, chronicle_);
  }
  after(now_ - kBegin, [this] { check_now_and_then(); });
}

// --- Accidents ---------------------------------------------------------------------------------

void FleetWorld::plan_trouble(Member& member) {
  SimRandom& random = member.random;
  now_and_then(random, 9 * base::kHour, [this, &member] { crash(member); });
  now_and_then(random, 14 * base::kHour, [this, &member] {
    member.link_cut = true;
    chronicle_.note(member.node->name(), "link cut");
    after(member.random.between(10, 600) * base::kMinute, [&member] { member.link_cut = false; });
  });
  now_and_then(random, 30 * base::kHour, [this, &member] {
    member.node->set_disk_full(true);
    after(member.random.between(10, 180) * base::kMinute,
          [&member] { member.node->set_disk_full(false); });
  });
  now_and_then(random, 20 * base::kHour, [this, &member] {
    // Arrival is kept per commit: what waits for a full disk while the clock is set back over the
    // same hour has two true times.
    if (!member.node->up() || member.node->disk_full()) return;
    static constexpr base::DurationUs kFar[] = {base::kSecond, base::kHour, base::kDay,
                                                3650 * base::kDay};
    const base::DurationUs far = kFar[member.random.below(4)];
    // A step of under 250 ms is not told from none (docs/formats/clock.md).
    const base::DurationUs by =
        (member.random.chance(0.5) ? 1 : -1) * member.random.between(400 * base::kMillisecond, far);
    member.node->clock().jump(by);
    chronicle_.note(member.node->name(), "clock jumps " + std::to_string(by));
  });
  now_and_then(random, 7 * base::kHour, [this, &member] {
    member.node->plant().worn = true;
    after(member.random.between(3, 90) * base::kMinute,
          [&member] { member.node->plant().worn = false; });
  });
  now_and_then(random, 25 * base::kHour, [this, &member] {
    member.node->set_source_down(true);
    after(member.random.between(2, 60) * base::kMinute,
          [&member] { member.node->set_source_down(false); });
  });
}

void FleetWorld::plan_people(Member& member) {
  SimRandom& random = member.random;
  const auto kind = [](SimRandom& r) {
    static constexpr alert::EventKind kKinds[] = {
        alert::EventKind::kAcknowledge, alert::EventKind::kAcknowledge, alert::EventKind::kShelve,
        alert::EventKind::kUnshelve};
    return kKinds[r.below(4)];
  };
  const auto yaml = [](SimRandom& r) { return r.chance(0.6) ? desired_yaml(r) : small_yaml(r); };
  now_and_then(random, 15 * base::kHour, [&member, yaml] {
    if (member.node->up()) member.node->apply(yaml(member.random));
  });
  now_and_then(random, 15 * base::kHour, [this, &member, yaml] {
    hub_->apply(member.node->name(), yaml(member.random));
    // And at the same moment somebody at the site.
    if (member.random.chance(0.3) && member.node->up()) member.node->apply(yaml(member.random));
  });
  now_and_then(random, 3 * base::kHour, [&member, kind] {
    if (member.node->up()) member.node->handle_alert(kind(member.random));
  });
  now_and_then(random, 3 * base::kHour, [this, &member, kind] {
    if (member.random.chance(0.05)) crash_hub();  // in the midst of it
    hub_->handle_alert(member.node->name(), kind(member.random));
  });
  now_and_then(random, 40 * base::kHour, [this, &member] {
    if (member.node->up()) member.node->use_model(fixtures_.model);
  });
}

void FleetWorld::plan_hub() {
  now_and_then(random_, 12 * base::kHour, [this] { crash_hub(); });
  now_and_then(random_, 60 * base::kHour, [this] {
    hub_->set_disk_full(true);
    after(random_.between(5, 120) * base::kMinute, [this] { hub_->set_disk_full(false); });
  });
  now_and_then(random_, 16 * base::kHour, [this] {
    static constexpr const char* kVersions[] = {"1.0.0", "1.1.0", "2.0.0", "3.0.0"};
    hub_->roll_out(kVersions[random_.below(4)], names_);
  });
  after(base::kMinute, [this] { hub_step(); });
}

// From here on nothing goes wrong any more, and what was promised for later must come true.
void FleetWorld::calm_down() {
  chronicle_.note("world", "becomes quiet");
  hub_->disk().disarm();
  hub_->set_disk_full(false);
  for (auto& member : members_) {
    member->node->disk().disarm();
    member->node->set_disk_full(false);
    member->node->set_source_down(false);
    member->node->plant().worn = false;
    member->link_cut = false;
  }
}

}  // namespace lander::sim
