#include <algorithm>

#include "link/link.h"

namespace lander::link {
namespace {

constexpr std::size_t kMaxUnderWay = 64;

}  // namespace

Sender::Sender(std::uint64_t epoch, base::DurationUs resend_after)
    : epoch_(epoch), resend_after_(resend_after) {}

std::vector<std::pair<std::uint8_t, std::uint64_t>> Sender::receipt(const Receipt& receipt) {
  if (receipt.epoch != epoch_ || receipt.lane >= kLanes) return {};
  LaneState& lane = lanes_[receipt.lane];
  const std::uint64_t before = lane.held.through();
  lane.held.merge(receipt.held);
  const std::uint64_t through = lane.held.through();
  if (through == before) return {};
  std::erase_if(lane.under_way, [&](const Sent& sent) { return sent.through <= through; });
  return {{receipt.lane, through}};
}

bool Sender::overdue(const LaneState& lane, base::DurationUs monotonic_now) const {
  return !lane.under_way.empty() && monotonic_now - lane.under_way.front().at >= resend_after_;
}

std::uint64_t Sender::after(std::uint8_t lane, base::DurationUs monotonic_now) const {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return 0;
  const LaneState& state = found->second;
  const std::uint64_t through = state.held.through();
  if (state.under_way.empty() || overdue(state, monotonic_now)) return through;
  return std::max(through, state.under_way.back().through);
}

bool Sender::held(std::uint8_t lane, std::uint64_t number) const {
  const auto found = lanes_.find(lane);
  return found != lanes_.end() && found->second.held.contains(number);
}

void Sender::sent(std::uint8_t lane, std::uint64_t through, base::DurationUs monotonic_now) {
  LaneState& state = lanes_[lane];
  auto& under_way = state.under_way;
  // after() began again from what is receipted: what was under way before is taken for lost.
  if (overdue(state, monotonic_now)) under_way.clear();
  if (through <= state.held.through()) return;
  if (!under_way.empty() && through <= under_way.back().through) return;
  if (under_way.size() >= kMaxUnderWay) {
    under_way.back().through = through;  // keeps the earlier time: sent again rather too early
  } else {
    under_way.push_back({through, monotonic_now});
  }
}

void Sender::lost() {
  for (auto& [lane, state] : lanes_) state.under_way.clear();
}

}  // namespace lander::link
