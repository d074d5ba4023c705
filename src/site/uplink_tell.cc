// How the link stands, for people.

#include <algorithm>

#include "site/uplink.h"

namespace lander::site {
namespace {

constexpr std::size_t kGoneShown = 20;

}  // namespace

base::Result<std::vector<Uplink::LaneState>> Uplink::lanes() const {
  LANDER_ASSIGN(const auto stored, context_.store.lanes());
  const base::DurationUs running = context_.clock.monotonic_us() - began_;
  std::vector<LaneState> out;
  std::vector<link::Backlog> backlog;
  for (const auto& lane : stored) {
    LaneState state{lane.lane, lane.waiting, lane.bytes, lane.last, lane.oldest, lane.unoffered};
    LANDER_ASSIGN(state.gone, context_.store.gone(lane.lane, kGoneShown));
    link::Backlog waiting{lane.lane, lane.waiting, lane.bytes, 0};
    // What came since the start, at the size of what waits.
    const auto first = last_at_start_.find(lane.lane);
    if (first != last_at_start_.end() && lane.waiting > 0 && running > base::kMinute) {
      waiting.bytes_a_second_in =
          static_cast<double>(lane.last - first->second) * static_cast<double>(lane.bytes) /
          static_cast<double>(lane.waiting) * base::kSecond / static_cast<double>(running);
    }
    LANDER_ASSIGN(const auto head, context_.store.heads(lane.lane, lane.floor, 1));
    if (!head.empty()) waiting.worth = head.front().worth;
    if (lane.lane != link::kLanePickup) backlog.push_back(waiting);
    out.push_back(std::move(state));
  }
  std::vector<link::Pace> paces;
  for (const auto& way : ways_.all()) paces.push_back({ways_.standing(way), way.bytes_a_second});
  for (const auto& [lane, drained] : link::drained(backlog, paces, context_.now())) {
    for (LaneState& state : out) {
      if (state.lane == lane) state.drained = drained;
    }
  }
  return out;
}

base::Result<std::vector<Uplink::Trace>> Uplink::trace(
    std::optional<std::pair<std::uint8_t, std::uint64_t>> item, std::size_t max) const {
  std::vector<Trace> out;
  const auto read = heads();
  const auto standings = ways_.standings();
  for (std::uint8_t lane = 0; lane < link::kLanes; ++lane) {
    if (item && item->first != lane) continue;
    const std::uint64_t after = item ? item->second - 1 : outbox_.through(lane);
    LANDER_ASSIGN(auto found, read(lane, after, item ? 1 : max));
    std::erase_if(found, [&](const auto& head) {
      return (item && head.number != item->second) || outbox_.held(lane, head.number);
    });
    LANDER_ASSIGN(const auto items, bodies(found));
    for (const link::Item& one : items) {
      Trace trace;
      trace.head = *std::find_if(found.begin(), found.end(),
                                 [&](const auto& head) { return head.number == one.number; });
      trace.type = one.type;
      if (one.type == "alert-event") {
        const auto event = alert::decode_event(one.body);
        const auto alert = event.ok() ? alarms_.book().find(event->alert) : std::nullopt;
        if (alert) trace.subject = alert->info.title;
      }
      trace.flight = outbox_.flight(lane, one.number);
      for (const auto& carrier : standings) {
        const link::Why why = lane == link::kLanePickup
                                  ? link::Why::kCourier
                                  : outbox_.why(trace.head, carrier, standings);
        trace.in_brief = trace.in_brief || why == link::Why::kNoticed;
        trace.carriers.emplace_back(carrier.terms.id, why);
      }
      out.push_back(std::move(trace));
    }
  }
  return out;
}

}  // namespace lander::site
