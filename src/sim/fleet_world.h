// The inside of run(): the queue of what happens next, the network, and who makes trouble when.
#pragma once

#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "sim/hub_node.h"
#include "sim/site_node.h"
#include "sim/world.h"

namespace lander::sim {

class FleetWorld {
 public:
  explicit FleetWorld(const Options& options);
  Outcome run();

 private:
  struct Member {
    std::unique_ptr<SiteNode> node;
    SimRandom random;  // of its people, its network and its accidents
    bool talking = false, link_cut = false, contact_planned = false, away = false;
    base::TimeUs next_contact = 0;
  };
  struct Event {
    base::TimeUs time;
    std::uint64_t order;
    std::function<void()> happens;
    bool operator<(const Event& other) const {  // the earliest on top
      return time != other.time ? time > other.time : order > other.order;
    }
  };

  void at(base::TimeUs time, std::function<void()> happens);
  void after(base::DurationUs delay, std::function<void()> happens) { at(now_ + delay, happens); }
  // Again and again, `mean` apart on average, until the world becomes quiet.
  void now_and_then(SimRandom& random, base::DurationUs mean, std::function<void()> happens);
  bool quiet() const { return now_ >= quiet_from_; }
  void set_up();
  void plan_trouble(Member& member);
  void plan_people(Member& member);
  void plan_hub();
  void calm_down();
  void check_now_and_then();

  // fleet_nodes.cc
  void start(Member& member);
  void step(Member& member, int incarnation);
  void site_down(Member& member);
  void crash(Member& member);
  void hub_step();
  void crash_hub();

  // fleet_carriers.cc: a broker and a satellite beside it, which only take messages. They lose,
  // repeat and reorder more, and the satellite tells alerts in brief.
  void plan_carriers(Member& member);
  void send_over(Member& member, const char* carrier);
  void land(Member& member, const base::Bytes& sealed);

  // The network: one request at a time and site, its answer, and copies that come later.
  void plan_contact(Member& member, base::DurationUs delay);
  void contact(Member& member);
  void arrive(Member& member, const base::Bytes& sealed, bool more, int incarnation,
              base::DurationUs sent);
  void answered(Member& member, const base::Bytes& reply, bool more, int incarnation,
                base::DurationUs sent);
  void failed(Member& member, int incarnation);

  const Options options_;
  SimRandom random_;
  base::TimeUs now_;
  const base::TimeUs end_, quiet_from_;
  Chronicle chronicle_;
  const Fixtures fixtures_;
  std::unique_ptr<HubNode> hub_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::string> names_;
  std::priority_queue<Event> queue_;
  std::uint64_t order_ = 0;
  bool hub_returns_ = false, last_calls_ = false;
  Outcome outcome_;
};

}  // namespace lander::sim
