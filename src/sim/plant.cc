#include "sim/plant.h"

#include <algorithm>
#include <cmath>

namespace lander::sim {
namespace {

constexpr std::int64_t kNumbers = 1'000'000;  // a reading's number is below this

}  // namespace

std::uint64_t Feed::sequence_of(const sensing::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    return static_cast<std::uint64_t>(*integer);
  }
  return static_cast<std::uint64_t>(std::llround(std::get<double>(value) * 1e9) % kNumbers);
}

Reading Feed::next(sensing::Kind kind, double level) {
  const auto sequence = static_cast<std::int64_t>(++numbered_);
  LANDER_CHECK(sequence < kNumbers);
  Reading out{numbered_, sequence};
  if (kind == sensing::Kind::kNumber) {
    const auto whole = std::llround(level * 1000) * kNumbers + sequence;
    out.value = static_cast<double>(whole) / 1e9;
  }
  waiting.push_back(out);
  return out;
}

void Feed::delivered(std::uint64_t sequence, Delivery delivery) {
  if (sequence > first_.size()) {
    LANDER_CHECK(sequence == first_.size() + 1);
    first_.push_back(delivery);
    acknowledged_.push_back(false);
  } else {
    again_.emplace(sequence, delivery);
  }
}

void Feed::acknowledged(std::uint64_t sequence) {
  std::erase_if(waiting, [&](const Reading& r) { return r.sequence == sequence; });
  if (acknowledged_[sequence - 1]) return;
  acknowledged_[sequence - 1] = true;
  ++acknowledged_count_;
}

void Feed::withdraw() { waiting.clear(); }

std::vector<Delivery> Feed::deliveries(std::uint64_t sequence) const {
  std::vector<Delivery> out{first_[sequence - 1]};
  for (auto [at, end] = again_.equal_range(sequence); at != end; ++at) out.push_back(at->second);
  return out;
}

double Plant::level(const std::string& datastream, SimRandom& random) const {
  const double noise = random.unit();
  if (datastream == "vibration") return (worn ? 8.0 : 2.0) + noise;
  if (datastream == "pressure") return 4.5 + noise;
  return 20 + 10 * noise;
}

}  // namespace lander::sim
