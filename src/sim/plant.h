// The equipment beside a site, and the truth about it: every reading has a number, is delivered
// until it is acknowledged, and is remembered with the true times at which it was delivered.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "sensing/observation.h"
#include "sim/clock.h"
#include "sim/random.h"
#include "source/source.h"

namespace lander::sim {

struct Delivery {
  base::TimeUs truth = 0;
  int boot = 0;
};

struct Reading {
  std::uint64_t sequence = 0;
  sensing::Value value;
};

// One instrument. Its values carry their number in the digits that no physics needs, so that a
// stored value says which reading it was.
class Feed {
 public:
  static std::uint64_t sequence_of(const sensing::Value& value);

  Reading next(sensing::Kind kind, double level);
  void delivered(std::uint64_t sequence, Delivery delivery);
  void acknowledged(std::uint64_t sequence);
  // Nobody listens any more: what waits is given up by the operator's will.
  void withdraw();

  std::deque<Reading> waiting;  // not acknowledged
  std::uint64_t made() const { return first_.size(); }
  std::uint64_t acknowledged_count() const { return acknowledged_count_; }
  bool is_acknowledged(std::uint64_t sequence) const { return acknowledged_[sequence - 1]; }
  std::vector<Delivery> deliveries(std::uint64_t sequence) const;

 private:
  std::uint64_t numbered_ = 0, acknowledged_count_ = 0;
  std::vector<Delivery> first_;
  std::vector<bool> acknowledged_;
  std::multimap<std::uint64_t, Delivery> again_;
};

struct Plant {
  std::map<std::string, Feed> feeds;  // by datastream
  bool worn = false;                  // the bearing: vibration rises
  double level(const std::string& datastream, SimRandom& random) const;
};

}  // namespace lander::sim
