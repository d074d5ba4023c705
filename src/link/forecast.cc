#include <algorithm>

#include "link/outbox.h"

namespace lander::link {
namespace {

constexpr base::DurationUs kStep = 10 * base::kMinute;
constexpr base::DurationUs kHorizon = 400 * base::kDay;

// A carrier on its way through the days to come.
class Runner {
 public:
  Runner(const Pace& pace, base::TimeUs utc) : pace_(pace), left_(pace.carrier.left) {
    day_ = utc / base::kDay;
  }
  // Bytes that it carries in the step that begins at `utc`.
  double carries(base::TimeUs utc) {
    const Terms& terms = pace_.carrier.terms;
    if (utc / base::kDay != day_) {
      day_ = utc / base::kDay;
      left_ = terms.bytes_a_day == 0 ? UINT64_MAX : terms.bytes_a_day;
    }
    if (!in_contact(terms, utc)) return 0;
    const double seconds = static_cast<double>(kStep) / base::kSecond;
    double most = pace_.bytes_a_second * seconds;
    // Never measured: its budget is all that is known of it.
    if (pace_.bytes_a_second <= 0) most = left_ == UINT64_MAX ? 0 : static_cast<double>(left_);
    most = std::min(most, static_cast<double>(left_));
    return most;
  }
  // What is worth less than its bytes cost does not go.
  bool takes(const Backlog& lane) const {
    const double mean =
        lane.items == 0 ? 0 : static_cast<double>(lane.bytes) / static_cast<double>(lane.items);
    return lane.worth >= pace_.carrier.terms.price * mean;
  }
  // The last quarter of a budget is the alert lane's.
  double room_for(const Backlog& lane, double carries) const {
    if (lane.lane == kLaneAlert || left_ == UINT64_MAX) return carries;
    const double kept = static_cast<double>(pace_.carrier.terms.bytes_a_day) / 4;
    return std::clamp(static_cast<double>(left_) - kept, 0.0, carries);
  }
  void spent(double bytes) {
    if (left_ != UINT64_MAX) left_ -= std::min(left_, static_cast<std::uint64_t>(bytes));
  }

 private:
  const Pace& pace_;
  std::uint64_t left_;
  std::int64_t day_;
};

}  // namespace

std::vector<std::pair<std::uint8_t, std::optional<base::TimeUs>>> drained(
    const std::vector<Backlog>& lanes, const std::vector<Pace>& carriers, base::TimeUs utc) {
  std::vector<std::pair<std::uint8_t, std::optional<base::TimeUs>>> out;
  std::vector<double> waiting;
  for (const Backlog& lane : lanes) {
    out.emplace_back(lane.lane, lane.bytes == 0 ? std::optional(utc) : std::nullopt);
    waiting.push_back(static_cast<double>(lane.bytes));
  }
  std::vector<Runner> runners;
  for (const Pace& pace : carriers) {
    // One that fails now is not counted on: out of contact by its plan is another matter.
    const bool fails = !pace.carrier.up && in_contact(pace.carrier.terms, utc);
    if (!pace.carrier.brief && !fails) runners.emplace_back(pace, utc);
  }
  const auto open = [&] {
    return std::any_of(out.begin(), out.end(), [](const auto& lane) { return !lane.second; });
  };
  for (base::TimeUs at = utc; open() && at < utc + kHorizon; at += kStep) {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      waiting[i] += lanes[i].bytes_a_second_in * (static_cast<double>(kStep) / base::kSecond);
    }
    for (Runner& runner : runners) {
      double carries = runner.carries(at);
      const double before = carries;
      for (std::size_t i = 0; i < lanes.size() && carries > 0; ++i) {
        if (!runner.takes(lanes[i])) continue;
        const double taken = std::min(waiting[i], runner.room_for(lanes[i], carries));
        waiting[i] -= taken;
        carries -= taken;
        if (waiting[i] <= 0 && !out[i].second) out[i].second = at + kStep;
      }
      runner.spent(before - carries);
    }
  }
  return out;
}

}  // namespace lander::link
